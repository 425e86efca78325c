use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema;

fn deployment() -> &'static Def {
    schema::of_kind("apps", "v1", "Deployment").unwrap()
}

fn pod() -> &'static Def {
    schema::of_kind("", "v1", "Pod").unwrap()
}

/// Applies a patch to a pod.
fn check(original: Value, patch: Value, result: Value) {
    assert_eq!(apply(pod(), original.clone(), patch.clone()), Ok(result), "{original} + {patch}");
}

fn refused(original: Value, patch: Value) -> Error {
    apply(pod(), original, patch).unwrap_err()
}

#[test]
fn lists_are_merged_by_key() {
    let original = json!({"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "2"}]}});
    check(
        original.clone(),
        json!({"spec": {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]}}),
        json!({"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}, {"name": "b", "image": "2"}]}}),
    );
    check(
        original.clone(),
        json!({"spec": {"containers": [{"name": "c", "image": "3", "command": null}]}}),
        json!({"spec": {"containers": [{"name": "c", "image": "3"}, {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "2"}]}}),
    );
    let message = refused(original, json!({"spec": {"containers": [{"image": "3"}]}}));
    assert_eq!(message.to_string(), "map: map[image:3] does not contain declared merge key: name");
    assert_eq!((message.to_status().code, message.to_status().reason.as_str()), (500, ""));
}

#[test]
fn items_are_deleted_and_lists_replaced_by_directive() {
    let original =
        json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}], "volumes": [{"name": "v", "emptyDir": {}}]}});
    check(
        original.clone(),
        json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}),
        json!({"spec": {"containers": [{"name": "b"}], "volumes": [{"name": "v", "emptyDir": {}}]}}),
    );
    check(
        original.clone(),
        json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "z"}]}}),
        json!({"spec": {"containers": [{"name": "z"}], "volumes": [{"name": "v", "emptyDir": {}}]}}),
    );
    check(
        original.clone(),
        json!({"spec": {"$patch": "replace", "containers": []}}),
        json!({"spec": {"containers": []}}),
    );
    check(original.clone(), json!({"spec": {"$patch": "delete"}}), json!({"spec": {}}));
    check(
        original.clone(),
        json!({"spec": {"containers": null, "nodeName": null, "volumes": null}}),
        json!({"spec": {}}),
    );
    assert!(
        refused(original.clone(), json!({"spec": {"$patch": "explode"}}))
            .to_string()
            .starts_with("unknown patch type: explode in map: map[")
    );
    assert!(
        refused(original.clone(), json!({"spec": {"containers": [{"$patch": "delete"}]}}))
            .to_string()
            .contains("declared merge key: name")
    );
    assert_eq!(
        refused(original, json!({"spec": {"containers": [{"$patch": "merge"}]}})).to_string(),
        "merging lists cannot yet be specified in the patch"
    );
}

#[test]
fn primitive_lists_are_sets() {
    let original =
        json!({"metadata": {"finalizers": ["a", "b"]}, "spec": {"containers": [{"name": "a", "args": ["1", "2"]}]}});
    check(original.clone(), json!({"metadata": {"finalizers": ["c", "a"]}}), {
        let mut result = original.clone();
        result["metadata"]["finalizers"] = json!(["c", "a", "b"]);
        result
    });
    check(original.clone(), json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "x"]}}), {
        let mut result = original.clone();
        result["metadata"]["finalizers"] = json!(["b"]);
        result
    });
    check(
        json!({"metadata": {}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}),
        json!({"metadata": {}}),
    );
    check(original.clone(), json!({"spec": {"containers": [{"name": "a", "args": ["3"]}]}}), {
        let mut result = original.clone();
        result["spec"]["containers"][0]["args"] = json!(["3"]);
        result
    });
    assert_eq!(refused(original, json!({"metadata": {"$deleteFromPrimitiveList": ["a"]}})).to_status().code, 400);
}

#[test]
fn element_order_is_set() {
    let original = json!({"spec": {"containers": [{"name": "a"}, {"name": "s"}, {"name": "b"}]}});
    check(
        original.clone(),
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}),
        json!({"spec": {"containers": [{"name": "s"}, {"name": "b"}, {"name": "a"}]}}),
    );
    check(
        original.clone(),
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}], "containers": [{"name": "n", "image": "i"}, {"name": "s", "$patch": "delete"}]}}),
        json!({"spec": {"containers": [{"name": "b"}, {"name": "n", "image": "i"}, {"name": "a"}]}}),
    );
    let wrong = json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "n"}]}});
    assert!(refused(original, wrong).to_string().contains("doesn't match $setElementOrder list"));
}

#[test]
fn retained_keys_clear_the_others() {
    let original = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    assert_eq!(apply(deployment(), original.clone(), patch), Ok(json!({"spec": {"strategy": {"type": "Recreate"}}})));
    let wrong = json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}});
    assert_eq!(apply(deployment(), original, wrong).unwrap_err().to_status().code, 400);
}

#[test]
fn patches_are_made_as_kubectl_makes_them() {
    let original = json!({"spec": {"replicas": 1, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "template": {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}}});
    let modified = json!({"spec": {"replicas": 2, "strategy": {"type": "Recreate"},
        "template": {"spec": {"containers": [{"name": "c", "image": "1"}, {"name": "a", "image": "2"}]}}}});
    let patch = diff(deployment(), &original, &modified).unwrap();
    assert_eq!(
        patch,
        json!({"spec": {"replicas": 2, "strategy": {"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": null},
            "template": {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
                "containers": [{"name": "c", "image": "1"}, {"name": "a", "image": "2"}, {"name": "b", "$patch": "delete"}]}}}})
    );
    assert_eq!(apply(deployment(), original, patch), Ok(modified.clone()));
    assert_eq!(diff(deployment(), &modified, &modified), Ok(json!({})));
    assert!(
        diff(
            deployment(),
            &json!({"spec": {"template": {"spec": {"containers": [{}]}}}}),
            &json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}})
        )
        .is_err()
    );
}

#[test]
fn three_way_patches_keep_what_others_set() {
    let last = json!({"metadata": {"labels": {"a": "1", "gone": "1"}}, "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "old"}]}}}});
    let modified = json!({"metadata": {"labels": {"a": "2"}}, "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "2"}]}}}});
    let current = json!({"metadata": {"labels": {"a": "1", "gone": "1", "other": "x"}, "uid": "u"}, "status": {},
        "spec": {"replicas": 5, "paused": true, "template": {"spec": {"containers": [{"name": "sidecar"}, {"name": "a", "image": "1", "tty": true}, {"name": "old"}]}}}});
    let patch = three_way(deployment(), &last, &modified, &current).unwrap();
    assert_eq!(
        patch,
        json!({"metadata": {"labels": {"a": "2", "gone": null}}, "spec": {"replicas": null, "template": {"spec": {
            "$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a", "image": "2"}, {"name": "old", "$patch": "delete"}]}}}})
    );
    assert_eq!(
        apply(deployment(), current, patch),
        Ok(json!({"metadata": {"labels": {"a": "2", "other": "x"}, "uid": "u"}, "status": {},
            "spec": {"paused": true, "template": {"spec": {"containers": [{"name": "sidecar"}, {"name": "a", "image": "2", "tty": true}]}}}}))
    );
    assert_eq!(three_way(deployment(), &modified, &modified, &modified), Ok(json!({})));
}

/// Makes a list of items with different keys, in any order.
fn keyed(key: &'static str, keys: &'static str, item: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(keys, item, 0..4)
        .prop_map(move |map| {
            map.into_iter()
                .map(|(name, mut item)| {
                    item[key] = json!(name);
                    item
                })
                .collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(Value::from)
}

/// Makes an object of some of these fields.
fn some(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let mut out = Just(json!({})).boxed();
    for (name, value) in fields {
        out = (out, proptest::option::of(value))
            .prop_map(move |(mut object, value)| {
                if let Some(value) = value {
                    object[name] = value;
                }
                object
            })
            .boxed();
    }
    out
}

fn text() -> BoxedStrategy<Value> {
    "[x-z]".prop_map(Value::from).boxed()
}

fn set() -> BoxedStrategy<Value> {
    proptest::collection::btree_set("[a-d]", 0..4)
        .prop_map(|s| s.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Value::from)
        .boxed()
}

fn labels() -> BoxedStrategy<Value> {
    proptest::collection::btree_map("[a-c]", "[x-z]", 0..3).prop_map(|m| json!(m)).boxed()
}

fn any_deployment() -> BoxedStrategy<Value> {
    let env = keyed("name", "[A-C]", some(vec![("value", text())])).boxed();
    let container = some(vec![
        ("image", text()),
        ("args", set()),
        ("env", env),
        ("tty", any::<bool>().prop_map(Value::from).boxed()),
    ]);
    let volume = some(vec![("emptyDir", some(vec![("medium", text())])), ("hostPath", some(vec![("path", text())]))]);
    let pod = some(vec![
        ("containers", keyed("name", "[a-d]", container).boxed()),
        ("volumes", keyed("name", "[a-c]", volume).boxed()),
        ("nodeSelector", labels()),
        ("tolerations", proptest::collection::vec(some(vec![("key", text())]), 0..3).prop_map(Value::from).boxed()),
    ]);
    let strategy = some(vec![("type", text()), ("rollingUpdate", some(vec![("maxSurge", text())]))]);
    let template = some(vec![("metadata", some(vec![("labels", labels())])), ("spec", pod)]);
    some(vec![
        ("metadata", some(vec![("finalizers", set()), ("annotations", labels())])),
        (
            "spec",
            some(vec![
                ("replicas", (0..3i32).prop_map(Value::from).boxed()),
                ("strategy", strategy),
                ("template", template),
            ]),
        ),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn applying_the_difference_gives_the_modified(original in any_deployment(), modified in any_deployment()) {
        let patch = diff(deployment(), &original, &modified).unwrap();
        let patched = apply(deployment(), original, patch.clone()).unwrap();
        prop_assert_eq!(&patched, &modified, "{}", patch);
        prop_assert_eq!(apply(deployment(), patched, patch).unwrap(), modified);
    }

    #[test]
    fn three_way_without_others_gives_the_modified(last in any_deployment(), modified in any_deployment()) {
        let patch = three_way(deployment(), &last, &modified, &last).unwrap();
        prop_assert_eq!(apply(deployment(), last, patch.clone()).unwrap(), modified, "{}", patch);
    }

    #[test]
    fn three_way_twice_changes_nothing(last in any_deployment(), modified in any_deployment(), current in any_deployment()) {
        let patch = three_way(deployment(), &last, &modified, &current).unwrap();
        let once = apply(deployment(), current, patch).unwrap();
        let again = three_way(deployment(), &modified, &modified, &once).unwrap();
        let twice = apply(deployment(), once.clone(), again).unwrap();
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn any_object_is_a_patch_or_refused(original in any_deployment(), patch in any_deployment()) {
        let merged = apply(deployment(), original, patch.clone()).unwrap();
        prop_assert_eq!(apply(deployment(), merged.clone(), patch).unwrap(), merged);
    }
}
