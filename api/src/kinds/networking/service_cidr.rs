//! ServiceCIDR.

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::network;
use crate::kinds::kind::{Kind, immutable};

/// The behaviour of ServiceCIDRs.
pub static SERVICE_CIDR: Kind = Kind {
    validate,
    validate_update: Some(|new, old, errs| immutable(new, old, &["spec.cidrs"], errs)),
    columns: &[Column::NAME, Column::list("CIDRs", "/spec/cidrs", "Ranges of service addresses."), Column::AGE],
    ..Kind::SPEC_STATUS
};

fn validate(obj: &Value, errs: &mut Errors) {
    let ranges = At::root(obj).child("spec").child("cidrs");
    match ranges.len() {
        0 => errs.required_because(&ranges, "at least one CIDR required"),
        1 | 2 => {}
        n => errs.too_many(&ranges, n, 2),
    }
    for range in ranges.items() {
        range.check(network::cidr, errs);
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::check;

    #[test]
    fn ranges() {
        check(&SERVICE_CIDR, json!({"spec": {"cidrs": ["10.96.0.0/12", "fd00::/108"]}}), &[]);
        check(&SERVICE_CIDR, json!({"spec": {}}), &["spec.cidrs: Required value: at least one CIDR required"]);
        check(
            &SERVICE_CIDR,
            json!({"spec": {"cidrs": ["x"]}}),
            &["spec.cidrs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
        );
    }
}
