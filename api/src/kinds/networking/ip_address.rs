//! IPAddress.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::metadata::immutable;
use crate::kinds::common::network;
use crate::kinds::common::values::text;
use crate::kinds::printing::{NONE, age, name};
use crate::kinds::{Column, Strategy};

/// The behaviour of IPAddresses.
pub struct IpAddress;

const COLUMNS: &[Column] =
    &[Column::NAME, Column::new("ParentRef", "string", "Object that the address belongs to."), Column::AGE];

impl Strategy for IpAddress {
    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let parent = At::root(obj).child("spec").child("parentRef");
        if parent.require(&mut errs) {
            for field in ["resource", "name"] {
                parent.child(field).require(&mut errs);
            }
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        immutable(&At::root(new).child("spec").child("parentRef"), old.pointer("/spec/parentRef"), &mut errs);
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let part = |field: &str| text(obj, &format!("/spec/parentRef/{field}"));
        let parts: Vec<&str> = [part("group"), part("resource"), part("namespace"), part("name")]
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect();
        let parent = if parts.is_empty() { NONE.to_owned() } else { parts.join("/") };
        vec![name(obj), parent.into(), age(obj, now)]
    }

    fn validate_name(&self, name: &str) -> Result<(), Vec<String>> {
        match name.parse::<std::net::IpAddr>() {
            Ok(ip) if ip.to_string() == name => Ok(()),
            Ok(ip) => Err(vec![format!("must be in canonical form (\"{ip}\")")]),
            Err(_) => network::ip(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells};

    #[test]
    fn an_address_has_a_parent_and_a_canonical_name() {
        check(&IpAddress, json!({"spec": {}}), &["spec.parentRef: Required value"]);
        assert!(IpAddress.validate_name("10.0.0.1").is_ok());
        assert!(IpAddress.validate_name("2001:DB8::1").is_err() && IpAddress.validate_name("x").is_err());
        check_cells(
            &IpAddress,
            &json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}}}),
            &["10.0.0.1", "services/n/s", "<unknown>"],
        );
    }
}
