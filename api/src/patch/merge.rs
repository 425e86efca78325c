//! Merge patch (RFC 7386): objects are merged, null deletes, everything else replaces.

use serde_json::{Map, Value};

use crate::meta;

/// Applies a patch.
pub fn apply(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    let target = meta::as_map(target);
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(_) => apply(target.entry(key).or_insert(Value::Null), value),
            other => {
                target.insert(key, other);
            }
        }
    }
}

/// Makes the patch that turns `original` into `modified`. It cannot say "set to null": nulls of `modified` come out absent.
pub fn diff(original: &Value, modified: &Value) -> Value {
    let (Value::Object(original), Value::Object(modified)) = (original, modified) else {
        return modified.clone();
    };
    let mut patch = Map::new();
    for (key, new) in modified {
        match original.get(key) {
            Some(old) if old == new => {}
            Some(old @ Value::Object(_)) if new.is_object() => {
                patch.insert(key.clone(), diff(old, new));
            }
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    for key in original.keys().filter(|k| !modified.contains_key(*k)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// Makes the patch of kubectl's apply for kinds without a schema: additions and changes from `current` to `modified`, deletions
/// from `last_applied` to `modified`.
pub fn three_way(last_applied: &Value, modified: &Value, current: &Value) -> Value {
    let mut patch = diff(current, modified);
    keep(&mut patch, Keep::Changes);
    let mut deletions = diff(last_applied, modified);
    keep(&mut deletions, Keep::Deletions);
    merge_patches(&mut patch, deletions);
    patch
}

/// Which half of a patch is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Changes,
    Deletions,
}

/// Drops the other half of a patch, and maps that become empty by it.
fn keep(patch: &mut Value, what: Keep) {
    let Value::Object(map) = patch else { return };
    map.retain(|_, value| match value {
        Value::Null => what == Keep::Deletions,
        Value::Object(inner) => {
            let was_empty = inner.is_empty();
            keep(value, what);
            let is_empty = value.as_object().is_some_and(Map::is_empty);
            !is_empty || (was_empty && what == Keep::Changes)
        }
        _ => what == Keep::Changes,
    });
}

fn merge_patches(patch: &mut Value, other: Value) {
    let (Value::Object(patch), Value::Object(other)) = (patch, other) else { return };
    for (key, value) in other {
        match patch.get_mut(&key) {
            Some(inner) if inner.is_object() && value.is_object() => merge_patches(inner, value),
            _ => {
                patch.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (original, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut target = original.clone();
            apply(&mut target, patch.clone());
            assert_eq!(target, result, "{original} + {patch}");
        }
    }

    #[test]
    fn three_way_deletes_only_what_was_applied() {
        let last = json!({"spec": {"a": 1, "gone": 2, "map": {"x": 1}}});
        let modified = json!({"spec": {"a": 3, "map": {"y": 1}}});
        let current = json!({"spec": {"a": 1, "gone": 2, "other": 5, "map": {"x": 1, "z": 1}}, "status": {}});
        let patch = three_way(&last, &modified, &current);
        assert_eq!(patch, json!({"spec": {"a": 3, "gone": null, "map": {"x": null, "y": 1}}}));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![(0..3i32).prop_map(Value::from), "[ab]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                1 => proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                3 => proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|m| m.into_iter().collect())
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn applying_the_difference_gives_the_modified(original in any_value(), modified in any_value()) {
            let patch = diff(&original, &modified);
            let mut target = original;
            apply(&mut target, patch.clone());
            prop_assert_eq!(&target, &modified);
            apply(&mut target, patch);
            prop_assert_eq!(target, modified);
        }

        #[test]
        fn a_three_way_patch_reaches_the_modified_and_keeps_the_rest(last in any_value(), modified in any_value(), extra in "[w-z]") {
            let (Value::Object(_), Value::Object(_)) = (&last, &modified) else { return Ok(()) };
            let mut current = last.clone();
            current[&extra] = json!("of another");
            let patch = three_way(&last, &modified, &current);
            apply(&mut current, patch);
            let mut wanted = modified;
            wanted[&extra] = json!("of another");
            prop_assert_eq!(current, wanted);
        }
    }
}
