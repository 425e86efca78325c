//! ServiceCIDR.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::common::generation::{advance, drop_status, keep_status, start};
use crate::kinds::common::network;
use crate::kinds::common::values::{list, same};
use crate::kinds::printing::{age, name};
use crate::kinds::{Column, Context, Strategy};

/// The behaviour of ServiceCIDRs.
pub struct ServiceCidr;

const COLUMNS: &[Column] = &[Column::NAME, Column::new("CIDRs", "string", "Ranges of service addresses."), Column::AGE];

impl Strategy for ServiceCidr {
    fn prepare_create(&self, _cx: &Context, obj: &mut Value) {
        drop_status(obj);
        start(obj);
    }

    fn prepare_update(&self, _cx: &Context, new: &mut Value, old: &Value) {
        keep_status(new, old);
        advance(new, old);
    }

    fn validate(&self, obj: &Value) -> Errors {
        let mut errs = Errors::new();
        let ranges = At::root(obj).child("spec").child("cidrs");
        match ranges.len() {
            0 => errs.required_because(&ranges, "at least one CIDR required"),
            1 | 2 => {}
            n => errs.too_many(&ranges, n, 2),
        }
        for range in ranges.items() {
            range.check(network::cidr, &mut errs);
        }
        let mut families = ranges.items().filter_map(|r| network::family(r.text()));
        if let (Some(a), Some(b)) = (families.next(), families.next())
            && a == b
        {
            errs.invalid(
                &ranges,
                "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96",
            );
        }
        errs
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errs = Errors::new();
        let ranges = At::root(new).child("spec").child("cidrs");
        if !same(ranges.value, old.pointer("/spec/cidrs")) {
            errs.invalid(&ranges, "field is immutable");
        }
        errs
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn cells(&self, obj: &Value, now: Timestamp) -> Vec<Value> {
        let ranges: Vec<&str> = list(obj, "/spec/cidrs").iter().filter_map(Value::as_str).collect();
        vec![name(obj), ranges.join(",").into(), age(obj, now)]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn ranges() {
        check(&ServiceCidr, json!({"spec": {"cidrs": ["10.96.0.0/12", "fd00::/108"]}}), &[]);
        check(&ServiceCidr, json!({"spec": {}}), &["spec.cidrs: Required value: at least one CIDR required"]);
        check(
            &ServiceCidr,
            json!({"spec": {"cidrs": ["x"]}}),
            &["spec.cidrs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
        );
    }
}
