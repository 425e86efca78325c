//! IPAddress.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::network;
use crate::kinds::common::values::text;
use crate::kinds::kind::{Kind, immutable};
use crate::kinds::printing::NONE;
use crate::names::Verdict;

/// The behaviour of IPAddresses.
pub static IP_ADDRESS: Kind = Kind {
    validate,
    validate_update: Some(|new, old, errs| immutable(new, old, &["spec.parentRef"], errs)),
    columns: &[Column::NAME, Column::shown("ParentRef", parent, "Object that the address belongs to."), Column::AGE],
    name: validate_name,
    ..Kind::DATA
};

fn validate(obj: &Value, errs: &mut Errors) {
    let parent = At::root(obj).child("spec").child("parentRef");
    if parent.require(errs) {
        for field in ["resource", "name"] {
            parent.child(field).require(errs);
        }
    }
}

fn validate_name(name: &str) -> Verdict {
    match name.parse::<std::net::IpAddr>() {
        Ok(ip) if ip.to_string() == name => Ok(()),
        Ok(ip) => Err(vec![format!("must be in canonical form (\"{ip}\")")]),
        Err(_) => network::ip(name),
    }
}

fn parent(obj: &Value) -> String {
    let part = |field: &str| text(obj, &format!("/spec/parentRef/{field}"));
    let parts: Vec<&str> = [part("group"), part("resource"), part("namespace"), part("name")]
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect();
    if parts.is_empty() { NONE.to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn an_address_has_a_parent_and_a_canonical_name() {
        check(&IP_ADDRESS, json!({"spec": {}}), &["spec.parentRef: Required value"]);
        assert!(IP_ADDRESS.validate_name("10.0.0.1").is_ok());
        assert!(IP_ADDRESS.validate_name("2001:DB8::1").is_err() && IP_ADDRESS.validate_name("x").is_err());
        check_cells(
            &IP_ADDRESS,
            &json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}}}),
            &["10.0.0.1", "services/n/s", "<unknown>"],
        );
    }
}
