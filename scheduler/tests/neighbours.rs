//! Placing pods by what is around them: other pods, volumes, budgets, room that is being made.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{cluster, merge, node, place, pod, requesting};
use corvette_scheduler::cache::Cache;
use corvette_scheduler::cycle::Cycle;
use corvette_scheduler::model::{BudgetInfo, ClaimInfo, PodInfo, reach};
use corvette_scheduler::preemption;
use serde_json::{Value, json};

fn running(name: &str, on: &str, extra: Value) -> PodInfo {
    let mut value = json!({ "spec": { "nodeName": on } });
    merge(&mut value, extra);
    pod(name, value)
}

fn near(kind: &str, app: &str) -> Value {
    let term = json!({ "topologyKey": "zone", "labelSelector": { "matchLabels": { "app": app } } });
    json!({ "spec": { "affinity": { kind: { "requiredDuringSchedulingIgnoredDuringExecution": [term] } } } })
}

fn labelled(app: &str, extra: Value) -> Value {
    let mut value = json!({ "metadata": { "labels": { "app": app } } });
    merge(&mut value, extra);
    value
}

fn zone(name: &str) -> Value {
    json!({ "metadata": { "labels": { "zone": name } } })
}

#[test]
fn pods_go_near_those_they_want_and_away_from_others() {
    let mut cache = cluster(vec![node("a", zone("a")), node("b", zone("b"))]);
    cache.apply_pod(running("db", "b", labelled("db", json!({}))));
    assert_eq!(place(&cache, &pod("p", near("podAffinity", "db"))), Ok("b".to_owned()));
    assert_eq!(place(&cache, &pod("p", near("podAntiAffinity", "db"))), Ok("a".to_owned()));
    let mut lonely = pod("p", near("podAffinity", "none"));
    let refused = "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.";
    assert_eq!(place(&cache, &lonely), Err(refused.to_owned()));
    lonely.labels = Arc::new([("app".to_owned(), "none".to_owned())].into());
    assert!(place(&cache, &lonely).is_ok(), "the first of a group goes anywhere");
    cache.apply_pod(running("shy", "a", labelled("shy", near("podAntiAffinity", "web"))));
    assert_eq!(place(&cache, &pod("web", labelled("web", json!({})))), Ok("b".to_owned()));
    cache.delete_node("b");
    let refused = "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.";
    assert_eq!(place(&cache, &pod("web", labelled("web", json!({})))), Err(refused.to_owned()));
    let refused = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.";
    assert_eq!(place(&cache, &pod("p", near("podAntiAffinity", "shy"))), Err(refused.to_owned()));
}

#[test]
fn terms_look_into_the_namespaces_they_select() {
    let mut cache = cluster(vec![node("a", zone("a")), node("b", zone("b"))]);
    let mut other = running("db", "b", labelled("db", json!({})));
    other.key.namespace = "other".into();
    cache.apply_pod(other);
    assert!(place(&cache, &pod("p", near("podAffinity", "db"))).is_err());
    let mut wanted = near("podAffinity", "db");
    wanted["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["namespaceSelector"] =
        json!({ "matchLabels": { "team": "x" } });
    assert!(place(&cache, &pod("p", wanted.clone())).is_err());
    cache.around_mut().namespaces.insert("other".into(), [("team".to_owned(), "x".to_owned())].into());
    assert_eq!(place(&cache, &pod("p", wanted)), Ok("b".to_owned()));
}

#[test]
fn pods_are_spread_over_zones() {
    let mut cache = cluster(vec![node("a", zone("a")), node("b", zone("b")), node("bare", json!({}))]);
    let constraint = |when: &str| {
        let constraint = json!({ "topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": when,
            "labelSelector": { "matchLabels": { "app": "web" } } });
        labelled("web", json!({ "spec": { "topologySpreadConstraints": [constraint] } }))
    };
    cache.apply_pod(running("one", "a", labelled("web", json!({}))));
    assert_eq!(place(&cache, &pod("two", constraint("DoNotSchedule"))), Ok("b".to_owned()));
    assert_eq!(place(&cache, &pod("two", constraint("ScheduleAnyway"))), Ok("b".to_owned()));
    cache
        .apply_node(node("b", json!({ "metadata": { "labels": { "zone": "b" } }, "spec": { "unschedulable": true } })));
    let refused = "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, \
                   1 node(s) didn't match pod topology spread constraints (missing required label), \
                   1 node(s) were unschedulable.";
    assert_eq!(place(&cache, &pod("two", constraint("DoNotSchedule"))), Err(refused.to_owned()));
}

#[test]
fn a_pod_waits_for_its_claims() {
    let mut cache = cluster(vec![node("a", zone("a")), node("b", zone("b"))]);
    let volume = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "c" } });
    let wanted = pod("p", json!({ "spec": { "volumes": [volume] } }));
    let refused = |reason: &str| Err(format!("0/2 nodes are available: {reason}."));
    assert_eq!(place(&cache, &wanted), refused("persistentvolumeclaim \"c\" not found"));
    let claim = |value: Value| ClaimInfo::from_api(&serde_json::from_value(value).unwrap());
    let name = ("default".into(), "c".into());
    let claims = &mut cache.around_mut().claims;
    claims.insert(name, claim(json!({ "metadata": {}, "spec": { "storageClassName": "slow" } })));
    assert_eq!(place(&cache, &wanted), refused("pod has unbound immediate PersistentVolumeClaims"));
    cache.around_mut().delayed_classes.insert("slow".into());
    assert_eq!(place(&cache, &wanted), refused("2 node(s) didn't find available persistent volumes to bind"));
    let bound = claim(json!({ "metadata": {}, "spec": { "volumeName": "v" } }));
    cache.around_mut().claims.insert(("default".into(), "c".into()), bound);
    let terms = json!([{ "matchExpressions": [{ "key": "zone", "operator": "In", "values": ["b"] }] }]);
    let volume = json!({ "metadata": {}, "spec": { "nodeAffinity": { "required": { "nodeSelectorTerms": terms } } } });
    cache.around_mut().volumes.insert("v".into(), reach(&serde_json::from_value(volume).unwrap()));
    assert_eq!(place(&cache, &wanted), Ok("b".to_owned()));
}

fn nominated(cache: &Cache, pod: &PodInfo, before: Option<&str>) -> preemption::Outcome {
    let error = Cycle::new(1).run(cache.snapshot(), pod).unwrap_err();
    preemption::nominate(cache.snapshot(), pod, before, &error.resolvable)
}

fn important(priority: i32, cpu: &str, extra: Value) -> Value {
    let mut value = requesting(cpu, "1Mi");
    merge(&mut value, json!({ "spec": { "priority": priority } }));
    merge(&mut value, extra);
    value
}

#[test]
fn room_is_kept_for_the_pod_it_is_made_for() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    let first = Arc::new(pod("first", important(10, "1500m", json!({}))));
    cache.nominate(first.clone(), "n".into());
    assert!(place(&cache, &pod("later", important(5, "1", json!({})))).is_err());
    assert!(place(&cache, &pod("small", important(5, "400m", json!({})))).is_ok());
    assert!(place(&cache, &pod("urgent", important(20, "1", json!({})))).is_ok(), "less important pods keep no room");
    assert!(place(&cache, &first).is_ok());
    cache.withdraw(&first.key);
    assert!(place(&cache, &pod("later", important(5, "1", json!({})))).is_ok());
}

#[test]
fn a_pod_waits_for_the_victims_it_has_and_evicts_no_more() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    let deleted = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    cache.apply_pod(running("leaving", "n", important(0, "1", deleted)));
    cache.apply_pod(running("staying", "n", important(0, "1", json!({}))));
    let wanted = pod("p", important(10, "1", json!({})));
    let waits = preemption::Outcome::NotEligible("not eligible due to a terminating pod on the nominated node.");
    assert_eq!(nominated(&cache, &wanted, Some("n")), waits);
    let meek = pod("p", important(10, "1", json!({ "spec": { "preemptionPolicy": "Never" } })));
    let never = preemption::Outcome::NotEligible("not eligible due to preemptionPolicy=Never.");
    assert_eq!(nominated(&cache, &meek, None), never);
}

#[test]
fn pods_that_a_budget_protects_are_spared_if_others_can_go() {
    let mut cache = cluster(vec![node("n", json!({}))]);
    cache.apply_pod(running("guarded", "n", labelled("db", important(0, "1", json!({})))));
    cache.apply_pod(running("free", "n", labelled("web", important(5, "1", json!({})))));
    let budget = json!({ "metadata": {}, "spec": { "selector": { "matchLabels": { "app": "db" } } },
        "status": { "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 } });
    let budget = BudgetInfo::from_api(&serde_json::from_value(budget).unwrap());
    cache.around_mut().budgets.insert(("default".into(), "b".into()), budget);
    let wanted = pod("p", important(10, "1", json!({})));
    let preemption::Outcome::Nominated(nomination) = nominated(&cache, &wanted, None) else { panic!("no room") };
    assert_eq!(&*nomination.victims[0].name, "free");
    assert_eq!(nomination.victims.len(), 1);
}

#[test]
fn evicting_a_pod_that_keeps_others_off_makes_room() {
    let mut cache = cluster(vec![node("n", zone("a"))]);
    cache.apply_pod(running("shy", "n", labelled("shy", important(0, "1m", near("podAntiAffinity", "web")))));
    cache.apply_pod(running("other", "n", important(0, "1m", json!({}))));
    let wanted = pod("web", labelled("web", important(10, "1m", json!({}))));
    let preemption::Outcome::Nominated(nomination) = nominated(&cache, &wanted, None) else { panic!("no room") };
    assert_eq!(nomination.victims.iter().map(|v| &*v.name).collect::<Vec<_>>(), ["shy"]);
}
