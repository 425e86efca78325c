//! `cvctl rollout history`: the revisions of a workload.
//!
//! A deployment's are its replica sets; those of daemon sets and stateful sets are ControllerRevisions, which hold a patch.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_api::{meta, patch, schema};
use serde_json::Value;

use super::REVISION;
use crate::commands::describe;
use crate::commands::select::{Item, Selection};
use crate::output::Format;
use crate::request::with_query;
use crate::session::Session;
use crate::value::{int, text};

const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    pub selection: Selection,
    /// See the details, including podTemplate of the revision specified.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    revision: i64,
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
}

/// An earlier state of a workload.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The replica set or ControllerRevision.
    pub object: Value,
    /// The template for pods.
    pub template: Value,
}

pub async fn run(session: &Session, flags: &Flags, workload: &Item<'_>) -> Result<()> {
    let current = workload.get(session).await?;
    let revisions = all(session, workload, &current, "history").await?;
    let one = || revisions.get(&flags.revision).context("unable to find the specified revision");
    if !flags.output.is_empty() {
        let objects: Vec<Value> = if flags.revision > 0 {
            vec![one()?.object.clone()]
        } else {
            revisions.values().map(|revision| revision.object.clone()).collect()
        };
        let format = Format::parse(&flags.output)?;
        for object in objects {
            print!("{}", format.print(&[object], false)?);
        }
        return Ok(());
    }
    if flags.revision > 0 {
        let lines = describe::template_lines(&one()?.template);
        println!("{} with revision #{}\n{lines}", workload.label(), flags.revision);
        return Ok(());
    }
    let mut table = "REVISION\tCHANGE-CAUSE\n".to_owned();
    for (number, revision) in &revisions {
        let cause = meta::annotation(&revision.object, CHANGE_CAUSE).filter(|cause| !cause.is_empty());
        table.push_str(&format!("{number}\t{}\n", cause.unwrap_or("<none>")));
    }
    let shown = if revisions.is_empty() { "No rollout history found.".to_owned() } else { describe::align(&table) };
    println!("{} \n{shown}", workload.label());
    Ok(())
}

/// All revisions by their number. `purpose` is `history` or `rollbacker`, for the error of kinds without revisions.
///
/// # Errors
/// For kinds without revisions, and when the server does not give them.
pub async fn all(
    session: &Session,
    workload: &Item<'_>,
    current: &Value,
    purpose: &str,
) -> Result<BTreeMap<i64, Revision>> {
    let kind = workload.resource.kind.as_str();
    let resource = match kind {
        "Deployment" => "replicasets",
        "DaemonSet" | "StatefulSet" => "controllerrevisions",
        _ => bail!(
            "error retrieving {purpose} for \"{kind}\", no visitor method exists for {{{} {kind}}}",
            workload.resource.group
        ),
    };
    let selector = current.pointer("/spec/selector").map(corvette_api::labels::Selector::from_label_selector);
    let selector = selector.transpose()?.map(|selector| selector.to_string()).unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{}/{resource}", workload.namespace);
    let items = session.requests.list(&with_query(&path, &[("labelSelector", &selector)])).await?;
    let uid = meta::uid(current);
    let owned = items.into_iter().filter(|item| meta::controller_of(item).is_some_and(|o| text(o, "/uid") == uid));
    let mut revisions = BTreeMap::new();
    for mut object in owned {
        let set = kind == "Deployment";
        meta::set_gvk(&mut object, "apps/v1", if set { "ReplicaSet" } else { "ControllerRevision" });
        let (number, template) = if set {
            let Some(number) = meta::annotation(&object, REVISION).and_then(|r| r.parse().ok()) else { continue };
            (number, object.pointer("/spec/template").cloned())
        } else {
            (int(&object, "/revision"), patched(current, &object)?.pointer("/spec/template").cloned())
        };
        revisions.insert(number, Revision { template: template.unwrap_or_default(), object });
    }
    Ok(revisions)
}

/// The workload as it was at a ControllerRevision.
fn patched(current: &Value, revision: &Value) -> Result<Value> {
    let def = schema::of_object(current).context("a kind of the schema")?;
    let change = revision.get("data").cloned().unwrap_or_default();
    Ok(patch::strategic::apply(def, current.clone(), change)?)
}
