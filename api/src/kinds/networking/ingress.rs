//! Ingress (`pkg/apis/networking/validation: ValidateIngressCreate @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::cells::shortened;
use crate::kinds::common::network;
use crate::kinds::common::values::{list, text};
use crate::kinds::core::service::load_balancer_addresses;
use crate::kinds::core::service_validation::load_balancer_status;
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;
use crate::{meta, names};

/// Annotation that named the class before there was a field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const BAD_PATH_PARTS: &[&str] = &["//", "/./", "/../", "%2f", "%2F"];

const BAD_PATH_ENDS: &[&str] = &["/..", "/."];

/// The behaviour of Ingresses.
pub static INGRESS: Kind = Kind {
    validate,
    validate_status,
    warnings,
    columns: &[
        Column::NAME,
        Column::text("Class", "/spec/ingressClassName", "Class of the controller that serves it.").or(NONE),
        Column::shown("Hosts", hosts, "Host names with rules."),
        Column::shown("Address", |obj| load_balancer_addresses(obj).join(","), "Addresses of the load balancer."),
        Column::new(
            "Ports",
            "string",
            |obj, _| if list(obj, "/spec/tls").is_empty() { "80" } else { "80, 443" }.into(),
            "Ports that are open.",
        ),
        Column::AGE,
    ],
    ..Kind::SPEC_STATUS
};

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let class = spec.child("ingressClassName");
    if meta::annotation(obj, CLASS_ANNOTATION).is_some() && class.exists() {
        let at = At::root(obj).child("metadata").child("annotations").child(CLASS_ANNOTATION);
        errs.invalid(&at, "can not be set when the class field is also set");
    }
    if spec.child("rules").is_empty() && !spec.child("defaultBackend").exists() {
        errs.invalid_value(
            &spec,
            spec.child("rules").value.cloned(),
            "either `defaultBackend` or `rules` must be specified",
        );
    }
    if spec.child("defaultBackend").exists() {
        backend(&spec.child("defaultBackend"), errs);
    }
    class.check_set(names::is_dns1123_subdomain, errs);
    for rule in spec.child("rules").items() {
        validate_rule(&rule, errs);
    }
    for tls in spec.child("tls").items() {
        for host in tls.child("hosts").items() {
            validate_host(&host, errs);
        }
        tls.child("secretName").check_given(names::is_dns1123_subdomain, errs);
    }
}

fn validate_status(new: &Value, _old: &Value, errs: &mut Errors) {
    load_balancer_status(&At::root(new).child("status").child("loadBalancer"), errs);
}

fn warnings(obj: &Value, _old: Option<&Value>) -> Vec<String> {
    if meta::annotation(obj, CLASS_ANNOTATION).is_some() {
        return vec![format!(
            "annotation {} is deprecated, please use 'spec.ingressClassName' instead",
            crate::quote::quote(CLASS_ANNOTATION)
        )];
    }
    Vec::new()
}

fn validate_host(host: &At<'_>, errs: &mut Errors) {
    if host.text().contains('*') {
        host.check(names::is_wildcard_dns1123_subdomain, errs);
    } else {
        host.check(names::is_dns1123_subdomain, errs);
    }
}

fn validate_rule(rule: &At<'_>, errs: &mut Errors) {
    let host = rule.child("host");
    if !host.is_empty() {
        if host.text().parse::<std::net::IpAddr>().is_ok() {
            errs.invalid(&host, "must be a DNS name, not an IP address");
        }
        validate_host(&host, errs);
    }
    let http = rule.child("http");
    if !http.exists() {
        return;
    }
    let paths = http.child("paths");
    if paths.is_empty() {
        errs.required(&paths);
    }
    for path in paths.items() {
        validate_path(&path, errs);
        backend(&path.child("backend"), errs);
    }
}

fn validate_path(entry: &At<'_>, errs: &mut Errors) {
    let (path, kind) = (entry.child("path"), entry.child("pathType"));
    let absolute = path.text().starts_with('/');
    match kind.str() {
        None => errs.required_because(&kind, "pathType must be specified"),
        Some("Exact" | "Prefix") => {
            if !absolute {
                errs.invalid_value(&path, path.text(), "must be an absolute path");
            } else if !path.is_empty() {
                for part in BAD_PATH_PARTS.iter().filter(|p| path.text().contains(**p)) {
                    errs.invalid(&path, format!("must not contain '{part}'"));
                }
                for end in BAD_PATH_ENDS.iter().filter(|e| path.text().ends_with(**e)) {
                    errs.invalid(&path, format!("cannot end with '{end}'"));
                }
            }
        }
        Some("ImplementationSpecific") => {
            if !path.is_empty() && !absolute {
                errs.invalid(&path, "must be an absolute path");
            }
        }
        Some(_) => errs.not_supported(&kind, &["Exact", "ImplementationSpecific", "Prefix"]),
    }
}

fn backend(at: &At<'_>, errs: &mut Errors) {
    let (resource, service) = (at.child("resource"), at.child("service"));
    match (resource.exists(), service.exists()) {
        (true, true) => errs.invalid_value(at, "", "cannot set both resource and service backends"),
        (true, false) => {
            for field in ["kind", "name"] {
                resource.child(field).require(errs);
            }
        }
        (false, true) => service_backend(at, &service, errs),
        (false, false) => errs.invalid_value(at, "", "resource or service backend is required"),
    }
}

fn service_backend(at: &At<'_>, service: &At<'_>, errs: &mut Errors) {
    let name = service.child("name");
    name.require_valid(names::is_dns1035_label, errs);
    let (port_name, number) = (service.child("port").child("name"), service.child("port").child("number"));
    let numbered = number.i64().is_some_and(|n| n != 0);
    match (!port_name.is_empty(), numbered) {
        (true, true) => errs.invalid_value(at, "", "cannot set both port name & port number"),
        (true, false) => port_name.check(names::is_port_name, errs),
        (false, true) => network::port(&number, errs),
        (false, false) => errs.required_because(at, "port name or number is required"),
    }
}

fn hosts(obj: &Value) -> String {
    let hosts =
        list(obj, "/spec/rules").iter().map(|rule| text(rule, "/host").to_owned()).filter(|host| !host.is_empty());
    shortened(&hosts.collect::<Vec<_>>(), "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn rules_and_backends() {
        let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
        check(
            &INGRESS,
            json!({"spec": {"rules": [{"host": "*.a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}}),
            &[],
        );
        check(
            &INGRESS,
            json!({"spec": {}}),
            &["spec: Invalid value: \"null\": either `defaultBackend` or `rules` must be specified"],
        );
        check(
            &INGRESS,
            json!({"spec": {"rules": [{"http": {"paths": [{"path": "x", "pathType": "Exact", "backend": {}}, {"backend": {"service": {"name": "s"}}}]}}]}}),
            &[
                "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path",
                "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend is required",
                "spec.rules[0].http.paths[1].pathType: Required value: pathType must be specified",
                "spec.rules[0].http.paths[1].backend: Required value: port name or number is required",
            ],
        );
    }

    #[test]
    fn cells() {
        check_cells(
            &INGRESS,
            &json!({"metadata": {"name": "i"}, "spec": {"tls": [{}], "rules": [{"host": "a"}, {}]}}),
            &["i", "<none>", "a", "", "80, 443", "<unknown>"],
        );
    }
}
