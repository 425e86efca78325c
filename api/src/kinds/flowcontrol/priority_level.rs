//! PriorityLevelConfiguration (`pkg/apis/flowcontrol/validation @ v1.36`).

use serde_json::Value;

use crate::field::{At, Errors};
use crate::kinds::column::Column;
use crate::kinds::common::values::{ensure, fill, fill_zero, text, within};
use crate::kinds::kind::Kind;
use crate::kinds::printing::NONE;

/// The behaviour of PriorityLevelConfigurations.
pub static PRIORITY_LEVEL_CONFIGURATION: Kind = Kind {
    default,
    validate,
    columns: &[
        Column::NAME,
        Column::text("Type", "/spec/type", "Limited or Exempt."),
        Column::new("NominalConcurrencyShares", "string", |obj, _| shares(obj), "Share of the server's concurrency."),
        Column::new("Queues", "string", |obj, _| queuing(obj, "queues"), "Number of queues."),
        Column::new("HandSize", "string", |obj, _| queuing(obj, "handSize"), "Queues a flow can use."),
        Column::new(
            "QueueLengthLimit",
            "string",
            |obj, _| queuing(obj, "queueLengthLimit"),
            "Requests a queue can hold.",
        ),
        Column::AGE,
    ],
    unconditional_update: false,
    ..Kind::SPEC_STATUS
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    match text(spec, "/type") {
        "Limited" => {
            let Some(limited) = ensure(spec, "limited") else { return };
            fill(limited, "nominalConcurrencyShares", 30);
            fill(limited, "lendablePercent", 0);
            within(limited, "limitResponse", |response| {
                within(response, "queuing", |queuing| {
                    fill_zero(queuing, "handSize", 8);
                    fill_zero(queuing, "queues", 64);
                    fill_zero(queuing, "queueLengthLimit", 50);
                });
            });
        }
        "Exempt" => {
            let Some(exempt) = ensure(spec, "exempt") else { return };
            fill(exempt, "nominalConcurrencyShares", 0);
            fill(exempt, "lendablePercent", 0);
        }
        _ => {}
    }
}

fn validate(obj: &Value, errs: &mut Errors) {
    let spec = At::root(obj).child("spec");
    let (kind, limited, exempt) = (spec.child("type"), spec.child("limited"), spec.child("exempt"));
    match kind.text() {
        "Limited" => {
            if exempt.exists() {
                errs.forbidden(&exempt, "must be nil if the type is Limited");
            }
            validate_limited(&limited, errs);
        }
        "Exempt" => {
            if limited.exists() {
                errs.forbidden(&limited, "must be nil if the type is not Limited");
            }
        }
        other => errs.not_supported_value(&kind, other, &["Exempt", "Limited"]),
    }
}

fn validate_limited(limited: &At<'_>, errs: &mut Errors) {
    if !limited.exists() {
        errs.required_because(limited, "must not be empty when type is Limited");
        return;
    }
    limited.child("nominalConcurrencyShares").non_negative(errs);
    let lendable = limited.child("lendablePercent");
    if lendable.i64().is_some_and(|p| !(0..=100).contains(&p)) {
        errs.invalid(&lendable, "must be between 0 and 100, inclusive");
    }
    let response = limited.child("limitResponse");
    let (kind, queuing) = (response.child("type"), response.child("queuing"));
    match kind.text() {
        "Reject" if queuing.exists() => {
            errs.forbidden(&queuing, "must be nil if limited.limitResponse.type is not Queue")
        }
        "Queue" if !queuing.exists() => {
            errs.required_because(&queuing, "must not be empty if limited.limitResponse.type is Queue")
        }
        "Queue" => {
            for field in ["queues", "handSize", "queueLengthLimit"] {
                let at = queuing.child(field);
                if at.i64().is_none_or(|n| n <= 0) {
                    errs.invalid_value(&at, at.i64().unwrap_or(0), "must be positive");
                }
            }
            if queuing.child("handSize").i64() > queuing.child("queues").i64() {
                let at = queuing.child("handSize");
                let queues = queuing.child("queues").i64().unwrap_or(0);
                errs.invalid(&at, format!("should not be greater than queues ({queues})"));
            }
        }
        "Reject" => {}
        "" => errs.required(&kind),
        other => errs.not_supported_value(&kind, other, &["Queue", "Reject"]),
    }
}

fn shares(obj: &Value) -> Value {
    let section = if text(obj, "/spec/type") == "Exempt" { "exempt" } else { "limited" };
    number(obj, &format!("/spec/{section}/nominalConcurrencyShares"))
}

fn queuing(obj: &Value, field: &str) -> Value {
    number(obj, &format!("/spec/limited/limitResponse/queuing/{field}"))
}

fn number(obj: &Value, pointer: &str) -> Value {
    obj.pointer(pointer).filter(|v| !v.is_null()).cloned().unwrap_or_else(|| NONE.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::checking::{check, check_cells, defaulted};

    #[test]
    fn fields() {
        let queue =
            json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}});
        check(&PRIORITY_LEVEL_CONFIGURATION, queue.clone(), &[]);
        check_cells(
            &PRIORITY_LEVEL_CONFIGURATION,
            &defaulted(&PRIORITY_LEVEL_CONFIGURATION, queue),
            &["", "Limited", "30", "64", "8", "50", "<unknown>"],
        );
        check(
            &PRIORITY_LEVEL_CONFIGURATION,
            json!({"spec": {"type": "X"}}),
            &["spec.type: Unsupported value: \"X\": supported values: \"Exempt\", \"Limited\""],
        );
    }
}
