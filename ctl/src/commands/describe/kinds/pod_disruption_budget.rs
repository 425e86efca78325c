//! Pod disruption budgets.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, line, or_none, selector};
use crate::value::{at, int, shown};

/// Writes a pod disruption budget.
pub fn describe(out: &mut Text, budget: &Value, _: &Related) {
    out.name_and_namespace(budget);
    if at(budget, "/spec/minAvailable").is_some() {
        line!(out, 0, "Min available:\t{}", shown(budget, "/spec/minAvailable"));
    } else if at(budget, "/spec/maxUnavailable").is_some() {
        line!(out, 0, "Max unavailable:\t{}", shown(budget, "/spec/maxUnavailable"));
    }
    match at(budget, "/spec/selector") {
        Some(_) => line!(out, 0, "Selector:\t{}", or_none(selector(budget, "/spec/selector"))),
        None => line!(out, 0, "Selector:\t<unset>"),
    }
    line!(out, 0, "Status:");
    line!(out, 2, "Allowed disruptions:\t{}", int(budget, "/status/disruptionsAllowed"));
    line!(out, 2, "Current:\t{}", int(budget, "/status/currentHealthy"));
    line!(out, 2, "Desired:\t{}", int(budget, "/status/desiredHealthy"));
    line!(out, 2, "Total:\t{}", int(budget, "/status/expectedPods"));
}
