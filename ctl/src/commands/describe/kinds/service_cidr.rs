//! Service CIDRs.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, time};
use crate::value::{list, text, texts};

/// Writes a service CIDR.
pub fn describe(out: &mut Text, cidr: &Value, _: &Related) {
    out.name(cidr);
    out.labels_and_annotations(cidr);
    line!(out, 0, "CIDRs:\t{}", texts(cidr, "/spec/cidrs").join(", "));
    for (i, c) in list(cidr, "/status/conditions").iter().enumerate() {
        if i == 0 {
            line!(out, 0, "Status:");
            line!(out, 0, "Conditions:");
            line!(out, 1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
            line!(out, 1, "----\t------\t------------------\t------\t-------");
        }
        let when = time(c, "/lastTransitionTime");
        let (kind, status, reason) = (text(c, "/type"), text(c, "/status"), text(c, "/reason"));
        line!(out, 1, "{kind}\t{status}\t{when}\t{reason}\t{}", text(c, "/message"));
    }
}
