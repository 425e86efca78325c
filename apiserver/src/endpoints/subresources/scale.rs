//! `scale`: the object seen as an `autoscaling/v1` Scale.

use bytes::Bytes;
use corvette_api::{
    field::{Errors, Path},
    gvk::{GroupKind, GroupResource},
    kinds::{ScalePaths, scale},
    meta,
    status::{self, Reason, Status},
};
use serde_json::Value;

use crate::{
    endpoints::{
        call::Call,
        codec::{self, Expected},
        get,
        modify::{self, Edit, Part},
        options::WriteOptions,
        patch::Patch,
        reply::Reply,
        update,
    },
    filters::request_info::Verb,
};

const EXPECTED: Expected<'static> =
    Expected { api_version: "autoscaling/v1", kind: "Scale", definition: Some("io.k8s.api.autoscaling.v1.Scale") };

/// Serves get, update and patch of a scale.
///
/// # Errors
/// The status the client sees.
pub async fn handle(call: &Call, body: Bytes) -> Result<Reply, Status> {
    let paths = call.row.strategy.scale().ok_or_else(|| call.not_found())?;
    let (edit, options) = match call.info.verb {
        Verb::Get => {
            let found = get::stored(call).await.map_err(|failed| match failed.reason {
                Reason::NotFound => not_found(call),
                _ => failed,
            })?;
            return Ok(Reply::ok(scale::read(&found, &paths)));
        }
        Verb::Patch => {
            let patch = Patch::parse(call, &body, true)?;
            let options = *patch.options();
            (ScaleEdit { paths: paths.clone(), change: Change::Patch(patch) }, options)
        }
        _ => {
            let options = WriteOptions::parse(&call.info.query, "UpdateOptions")?;
            let mut scale = codec::decode_body(call, &body, EXPECTED, options.field_validation)?;
            update::check_name(&scale, &call.info.name)?;
            crate::endpoints::create::match_namespace(call, &mut scale)?;
            (ScaleEdit { paths: paths.clone(), change: Change::Replace(scale) }, options)
        }
    };
    let changed = modify::modify(call, Part::Main, &edit, &options).await?.ok_or_else(|| call.not_found())?;
    Ok(Reply::ok(scale::read(&changed.into_value()?, &paths)))
}

/// 404 of a read. Upstream names the subresource for these kinds, one of them by the scale's group.
fn not_found(call: &Call) -> Status {
    let group = match &*call.row.plural {
        "deployments" | "replicasets" => call.row.group.clone(),
        "replicationcontrollers" => "autoscaling".into(),
        _ => return call.not_found(),
    };
    let resource = format!("{}/scale", call.row.plural).into();
    status::not_found(&GroupResource { group, resource }, &call.info.name)
}

enum Change {
    Replace(Value),
    Patch(Patch),
}

struct ScaleEdit {
    paths: ScalePaths,
    change: Change,
}

impl Edit for ScaleEdit {
    fn edit(&self, call: &Call, current: &Value) -> Result<Value, Status> {
        let scale = match &self.change {
            Change::Replace(scale) => scale.clone(),
            Change::Patch(patch) => patch.apply(call, &scale::read(current, &self.paths), EXPECTED)?,
        };
        check(&scale)?;
        let mut object = current.clone();
        meta::remove_field(&mut object, "resourceVersion");
        scale::write(&mut object, &scale, &self.paths);
        let uid = meta::uid(&scale);
        if !uid.is_empty() {
            meta::set_uid(&mut object, uid);
        }
        if meta::resource_version(&object).is_empty() {
            meta::set_resource_version(&mut object, meta::resource_version(current));
        }
        Ok(object)
    }
}

fn check(scale: &Value) -> Result<(), Status> {
    let replicas = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    if replicas >= 0 {
        return Ok(());
    }
    let mut errors = Errors::default();
    let path = Path::new("spec").child("replicas");
    errors.invalid_value(&path, replicas, "must be greater than or equal to 0");
    Err(status::invalid(&GroupKind::new("autoscaling", "Scale"), meta::name(scale), &errors))
}
