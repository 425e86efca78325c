//! APIService (`kube-aggregator/pkg/apis/apiregistration/validation @ v1.36`).

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{drop_status, keep_status};
use crate::kinds::common::values::{fill, list, text, within};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};
use crate::{meta, names};

/// The behaviour of APIServices.
pub struct ApiService;

const MAX_GROUP_PRIORITY: i64 = 20000;
const MAX_VERSION_PRIORITY: i64 = 1000;
const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::new("Service", "string", "Service that answers, or Local."),
    Column::new("Available", "string", "Whether it answers."),
    Column::AGE,
];

impl Strategy for ApiService {
    fn default(&self, obj: &mut Value) {
        within(obj, "spec", |spec| within(spec, "service", |s| fill(s, "port", 443)));
    }

    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let root = At::root(obj);
        let spec = root.child("spec");
        let (group, version) = (spec.child("group"), spec.child("version"));
        let required = format!("{}.{}", version.text(), group.text());
        if meta::name(obj) != required {
            let at = root.child("metadata").child("name");
            errs.invalid_value(&at, meta::name(obj), "must be `spec.version+\".\"+spec.group`");
        }
        if !group.is_empty() {
            group.check(names::is_dns1123_subdomain, &mut errs);
        }
        version.check(names::is_dns1035_label, &mut errs);
        for (field, max) in [("groupPriorityMinimum", MAX_GROUP_PRIORITY), ("versionPriority", MAX_VERSION_PRIORITY)] {
            let at = spec.child(field);
            if !at.i64().is_some_and(|n| (1..=max).contains(&n)) {
                errs.invalid_value(&at, at.i64().unwrap_or(0), format!("must be positive and less than {max}"));
            }
        }
        service(&spec, &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let service = match text(obj, "/spec/service/name") {
            "" => "Local".to_owned(),
            name => format!("{}/{name}", text(obj, "/spec/service/namespace")),
        };
        let available = match list(obj, "/status/conditions").iter().find(|c| text(c, "/type") == "Available") {
            Some(c) if text(c, "/status") == "True" => "True".to_owned(),
            Some(c) => format!("{} ({})", text(c, "/status"), text(c, "/reason")),
            None => "Unknown".to_owned(),
        };
        vec![name(obj), service.into(), available.into(), age(obj, now)]
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

fn service(spec: &At<'_>, errs: &mut Errors) {
    let service = spec.child("service");
    let insecure = spec.child("insecureSkipTLSVerify");
    if !service.exists() {
        if !spec.child("caBundle").is_empty() {
            errs.invalid_value(
                &spec.child("caBundle"),
                format!("{} bytes", spec.child("caBundle").len()),
                "local APIServices may not have a caBundle",
            );
        }
        if insecure.is_true() {
            errs.invalid(&insecure, "local APIServices may not have insecureSkipTLSVerify");
        }
        return;
    }
    for field in ["namespace", "name"] {
        service.child(field).require(errs);
    }
    if service.child("port").i64().is_some_and(|p| !(1..=65535).contains(&p)) {
        errs.invalid(&service.child("port"), "port is not valid: must be between 1 and 65535, inclusive");
    }
    if insecure.is_true() && !spec.child("caBundle").is_empty() {
        errs.invalid(&insecure, "may not be true if caBundle is present");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn fields() {
        let obj = json!({"metadata": {"name": "v1.a.b"}, "spec": {"group": "a.b", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 1}});
        check(&ApiService, obj.clone(), &[]);
        check_cells(&ApiService, &obj, &["v1.a.b", "Local", "Unknown", "<unknown>"]);
        check(
            &ApiService,
            json!({"metadata": {"name": "x"}, "spec": {"group": "a.b", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 0}}),
            &[
                "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
            ],
        );
    }
}
