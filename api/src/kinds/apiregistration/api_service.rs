//! APIService (`kube-aggregator/pkg/apis/apiregistration/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{condition, fill, text, within};
use crate::kinds::kind::Kind;
use crate::{meta, names};

const MAX_GROUP_PRIORITY: i64 = 20000;
const MAX_VERSION_PRIORITY: i64 = 1000;
/// The behaviour of APIServices.
pub static API_SERVICE: Kind = Kind {
    default,
    validate,
    columns: &[
        Column::NAME,
        Column::shown("Service", shown_service, "Service that answers, or Local."),
        Column::shown("Available", available, "Whether it answers."),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::STATUS
};

fn default(obj: &mut Value) {
    within(obj, "spec", |spec| within(spec, "service", |s| fill(s, "port", 443)));
}

fn validate(obj: &Value, errs: &mut Errors) {
    let root = At::root(obj);
    let spec = root.child("spec");
    let (group, version) = (spec.child("group"), spec.child("version"));
    let required = format!("{}.{}", version.text(), group.text());
    if meta::name(obj) != required {
        let at = root.child("metadata").child("name");
        errs.invalid_value(&at, meta::name(obj), "must be `spec.version+\".\"+spec.group`");
    }
    group.check_given(names::is_dns1123_subdomain, errs);
    version.check(names::is_dns1035_label, errs);
    for (field, max) in [("groupPriorityMinimum", MAX_GROUP_PRIORITY), ("versionPriority", MAX_VERSION_PRIORITY)] {
        let at = spec.child(field);
        if !at.i64().is_some_and(|n| (1..=max).contains(&n)) {
            errs.invalid_value(&at, at.i64().unwrap_or(0), format!("must be positive and less than {max}"));
        }
    }
    service(&spec, errs);
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

fn shown_service(obj: &Value) -> String {
    match text(obj, "/spec/service/name") {
        "" => "Local".to_owned(),
        name => format!("{}/{name}", text(obj, "/spec/service/namespace")),
    }
}

fn available(obj: &Value) -> String {
    match condition(obj, "Available") {
        Some(c) if text(c, "/status") == "True" => "True".to_owned(),
        Some(c) => format!("{} ({})", text(c, "/status"), text(c, "/reason")),
        None => "Unknown".to_owned(),
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
        check(&API_SERVICE, obj.clone(), &[]);
        check_cells(&API_SERVICE, &obj, &["v1.a.b", "Local", "Unknown", "<unknown>"]);
        check(
            &API_SERVICE,
            json!({"metadata": {"name": "x"}, "spec": {"group": "a.b", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 0}}),
            &[
                "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
            ],
        );
    }
}
