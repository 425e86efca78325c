//! Service: defaults, what an update keeps, columns. Validation is in [`super::service_validation`]; addresses and node
//! ports are allocated by the API server.

use serde_json::{Value, json};

use super::service_validation;
use crate::kinds::column::{Column, Selectable};
use crate::kinds::common::generation::carry;
use crate::kinds::common::network::family;
use crate::kinds::common::values::{
    each, ensure, fill, fill_zero, is_unset, is_zero, list, remove, same, set, text, within,
};
use crate::kinds::kind::{Kind, Status};
use crate::kinds::printing::NONE;
use crate::kinds::strategy::Context;
use crate::names;

/// The behaviour of Services.
pub static SERVICE: Kind = Kind {
    status: Status::Starting(|| json!({"loadBalancer": {}})),
    default,
    prepare_create,
    prepare_update,
    validate: service_validation::validate,
    validate_update: Some(service_validation::validate_update),
    validate_status: |new, _, errs| service_validation::validate_status(new, errs),
    columns: &[
        Column::NAME,
        Column::text("Type", "/spec/type", "How the service is exposed."),
        Column::text("Cluster-IP", "/spec/clusterIPs/0", "Address inside the cluster.").or(NONE),
        Column::shown("External-IP", external_ip, "Addresses outside the cluster."),
        Column::shown("Port(s)", ports, "Ports and their node ports."),
        Column::AGE,
        Column::labels("Selector", "/spec/selector", "Labels of the pods behind the service.").wide(),
    ],
    selectable: &[Selectable::text("spec.clusterIP", "/spec/clusterIP"), Selectable::text("spec.type", "/spec/type")],
    name: names::is_dns1035_label,
    ..Kind::DATA
};

fn default(obj: &mut Value) {
    let Some(spec) = ensure(obj, "spec") else { return };
    fill_zero(spec, "sessionAffinity", "None");
    if text(spec, "/sessionAffinity") == "None" {
        remove(spec, "sessionAffinityConfig");
    } else if text(spec, "/sessionAffinity") == "ClientIP"
        && let Some(client) = ensure(spec, "sessionAffinityConfig").and_then(|c| ensure(c, "clientIP"))
    {
        fill(client, "timeoutSeconds", 10800);
    }
    fill_zero(spec, "type", "ClusterIP");
    each(spec, "ports", |port| {
        fill_zero(port, "protocol", "TCP");
        if is_zero(port.get("targetPort"))
            && let Some(number) = port.get("port").cloned()
        {
            set(port, "targetPort", number);
        }
    });
    if needs_external_policy(spec) {
        fill_zero(spec, "externalTrafficPolicy", "Cluster");
    }
    if text(spec, "/type") != "ExternalName" {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if text(spec, "/type") == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
        within(obj, "status", |s| within(s, "loadBalancer", |lb| each(lb, "ingress", default_ip_mode)));
    }
}

fn prepare_create(_cx: &Context, obj: &mut Value) {
    within(obj, "spec", |spec| {
        if !is_zero(spec.get("clusterIP")) && is_zero(spec.get("clusterIPs")) {
            let first = text(spec, "/clusterIP").to_owned();
            set(spec, "clusterIPs", json!([first]));
        }
        default_families(spec);
    });
}

fn prepare_update(new: &mut Value, old: &Value) {
    let stored = old.get("spec").unwrap_or(&Value::Null);
    within(new, "spec", |spec| {
        keep_addresses_in_step(spec, stored);
        keep_allocated(spec, stored);
        drop_what_the_type_forbids(spec, stored);
        default_families(spec);
    });
    if text(new, "/spec/type") != "LoadBalancer" {
        set(new, "status", without_load_balancer(new.get("status")));
    }
}

/// Says whether a service of this spec has a cluster address (or none on purpose, headless).
#[must_use]
pub fn needs_cluster_ip(spec: &Value) -> bool {
    matches!(text(spec, "/type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Says whether a service of this spec has node ports.
#[must_use]
pub fn needs_node_port(spec: &Value) -> bool {
    match text(spec, "/type") {
        "NodePort" => true,
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true),
        _ => false,
    }
}

/// Says whether a service of this spec has a node port for health checks of load balancers.
#[must_use]
pub fn needs_health_check_port(spec: &Value) -> bool {
    text(spec, "/type") == "LoadBalancer" && text(spec, "/externalTrafficPolicy") == "Local"
}

/// Says whether traffic from outside the cluster reaches a service of this spec.
#[must_use]
pub fn needs_external_policy(spec: &Value) -> bool {
    match text(spec, "/type") {
        "NodePort" | "LoadBalancer" => true,
        "ClusterIP" => !is_zero(spec.get("externalIPs")),
        _ => false,
    }
}

/// Says whether a service of this spec is headless.
#[must_use]
pub fn is_headless(spec: &Value) -> bool {
    match list(spec, "/clusterIPs").first() {
        Some(first) => first == "None",
        None => text(spec, "/clusterIP") == "None",
    }
}

fn default_ip_mode(ingress: &mut Value) {
    if !is_zero(ingress.get("ip")) {
        fill(ingress, "ipMode", "VIP");
    }
}

/// Sets the families of a service of a single-stack IPv4 cluster where the client left them open.
fn default_families(spec: &mut Value) {
    if !needs_cluster_ip(spec) {
        return;
    }
    let selectorless = is_headless(spec) && is_zero(spec.get("selector"));
    fill(spec, "ipFamilyPolicy", if selectorless { "RequireDualStack" } else { "SingleStack" });
    if !is_zero(spec.get("ipFamilies")) {
        return;
    }
    let mut families: Vec<Value> =
        list(spec, "/clusterIPs").iter().filter_map(|a| family(a.as_str()?)).map(Into::into).collect();
    if families.is_empty() {
        families.push("IPv4".into());
    }
    if selectorless && families.len() == 1 && text(spec, "/ipFamilyPolicy") != "SingleStack" {
        let other = if families.first().is_some_and(|f| f == "IPv4") { "IPv6" } else { "IPv4" };
        families.push(other.into());
    }
    set(spec, "ipFamilies", families);
}

/// Keeps `clusterIP` and `clusterIPs` in step when the client changed one of them.
fn keep_addresses_in_step(spec: &mut Value, old: &Value) {
    let (new_ip, old_ip) = (text(spec, "/clusterIP").to_owned(), text(old, "/clusterIP"));
    let same_list = same(spec.get("clusterIPs"), old.get("clusterIPs"));
    if new_ip != old_ip && same_list {
        if new_ip.is_empty() {
            remove(spec, "clusterIPs");
        } else {
            set(spec, "clusterIPs", json!([new_ip]));
        }
    }
}

/// Puts allocated values back that the client left out, so that an update is idempotent.
fn keep_allocated(spec: &mut Value, old: &Value) {
    if needs_cluster_ip(spec) && needs_cluster_ip(old) {
        for field in ["clusterIP", "clusterIPs"] {
            let matches = field == "clusterIP" || text(spec, "/clusterIP") == text(old, "/clusterIP");
            if matches && is_zero(spec.get(field)) {
                carry(spec, old, field);
            }
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if is_zero(spec.get(field)) {
                carry(spec, old, field);
            }
        }
    }
    if needs_node_port(spec) && needs_node_port(old) {
        let before: Vec<Value> = list(old, "/ports").to_vec();
        let key = |p: &Value| (text(p, "/protocol").to_owned(), p.get("port").cloned());
        let taken: Vec<Value> = list(spec, "/ports").iter().filter_map(|p| p.get("nodePort").cloned()).collect();
        each(spec, "ports", |port| {
            let kept = before.iter().find(|b| key(b) == key(port)).and_then(|b| b.get("nodePort"));
            if is_zero(port.get("nodePort"))
                && let Some(kept) = kept.filter(|k| !taken.contains(k))
            {
                set(port, "nodePort", kept.clone());
            }
        });
    }
    if needs_health_check_port(spec) && needs_health_check_port(old) && is_zero(spec.get("healthCheckNodePort")) {
        carry(spec, old, "healthCheckNodePort");
    }
}

/// Wipes fields that belonged to the old type when the client changed the type but not the fields.
fn drop_what_the_type_forbids(spec: &mut Value, old: &Value) {
    let lost = |needs: fn(&Value) -> bool, spec: &Value| needs(old) && !needs(spec);
    let drop = |spec: &mut Value, field: &str| {
        if same(spec.get(field), old.get(field)) {
            remove(spec, field);
        }
    };
    if lost(needs_cluster_ip, spec) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            drop(spec, field);
        }
    }
    if lost(needs_node_port, spec) && same_node_ports(spec, old) {
        each(spec, "ports", |port| remove(port, "nodePort"));
    }
    if lost(needs_health_check_port, spec) {
        drop(spec, "healthCheckNodePort");
    }
    if lost(|s| text(s, "/type") == "LoadBalancer", spec) {
        drop(spec, "allocateLoadBalancerNodePorts");
        drop(spec, "loadBalancerClass");
    }
    if lost(needs_external_policy, spec) {
        drop(spec, "externalTrafficPolicy");
    }
    if lost(|s| text(s, "/type") != "ExternalName", spec) {
        drop(spec, "internalTrafficPolicy");
    }
}

fn same_node_ports(spec: &Value, old: &Value) -> bool {
    let node_ports = |s: &Value| -> Vec<Value> {
        list(s, "/ports").iter().filter_map(|p| p.get("nodePort").filter(|n| !is_unset(Some(n))).cloned()).collect()
    };
    let before = node_ports(old);
    node_ports(spec).iter().all(|p| before.contains(p))
}

fn without_load_balancer(status: Option<&Value>) -> Value {
    let mut status = status.filter(|s| s.is_object()).cloned().unwrap_or_else(|| json!({}));
    set(&mut status, "loadBalancer", json!({}));
    status
}

/// Addresses and host names of a load balancer.
pub fn load_balancer_addresses(obj: &Value) -> Vec<&str> {
    let all = list(obj, "/status/loadBalancer/ingress").iter();
    all.map(|i| if text(i, "/ip").is_empty() { text(i, "/hostname") } else { text(i, "/ip") })
        .filter(|address| !address.is_empty())
        .collect()
}

fn external_ip(obj: &Value) -> String {
    let own = list(obj, "/spec/externalIPs").iter().filter_map(Value::as_str);
    let (shown, none): (Vec<&str>, _) = match text(obj, "/spec/type") {
        "ExternalName" => return text(obj, "/spec/externalName").to_owned(),
        "LoadBalancer" => (load_balancer_addresses(obj).into_iter().chain(own).collect(), "<pending>"),
        _ => (own.collect(), NONE),
    };
    if shown.is_empty() { none.to_owned() } else { shown.join(",") }
}

fn ports(obj: &Value) -> String {
    let texts: Vec<String> = list(obj, "/spec/ports")
        .iter()
        .map(|p| {
            let number = |field: &str| p.get(field).and_then(Value::as_i64).unwrap_or(0);
            let protocol = text(p, "/protocol");
            match number("nodePort") {
                0 => format!("{}/{protocol}", number("port")),
                node => format!("{}:{node}/{protocol}", number("port")),
            }
        })
        .collect();
    if texts.is_empty() { NONE.to_owned() } else { texts.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Strategy;
    use crate::kinds::checking::{check_cells, context, defaulted};

    fn created(obj: Value) -> Value {
        let mut obj = defaulted(&SERVICE, obj);
        SERVICE.prepare_create(&context(), &mut obj);
        obj
    }

    fn updated(mut new: Value, old: &Value) -> Value {
        SERVICE.default(&mut new);
        SERVICE.prepare_update(&context(), &mut new, old);
        new
    }

    #[test]
    fn defaults_of_a_cluster_ip_service() {
        assert_eq!(
            created(json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}})),
            json!({
                "spec": {
                    "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "selector": {"a": "b"},
                    "sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster",
                    "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                },
                "status": {"loadBalancer": {}},
            })
        );
    }

    #[test]
    fn a_headless_service_without_selector_is_dual_stack() {
        let obj = created(json!({"spec": {"clusterIP": "None"}}));
        assert_eq!(obj["spec"]["clusterIPs"], json!(["None"]));
        assert_eq!(obj["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
        assert_eq!(obj["spec"]["ipFamilyPolicy"], "RequireDualStack");
    }

    #[test]
    fn an_update_keeps_what_was_allocated() {
        let old = json!({"spec": {
            "type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30001}],
        }});
        let new = updated(json!({"spec": {"type": "NodePort", "ports": [{"port": 80}]}}), &old);
        assert_eq!(new["spec"]["clusterIP"], "10.96.0.9");
        assert_eq!(new["spec"]["clusterIPs"], json!(["10.96.0.9"]));
        assert_eq!(new["spec"]["ports"][0]["nodePort"], 30001);
    }

    #[test]
    fn a_change_of_type_wipes_what_does_not_apply() {
        let old = created(json!({"spec": {"type": "NodePort", "clusterIP": "10.96.0.9",
            "ports": [{"port": 80, "nodePort": 30001}]}}));
        let mut new = old.clone();
        new["spec"]["type"] = json!("ClusterIP");
        let new = updated(new, &old);
        assert!(new["spec"]["ports"][0].get("nodePort").is_none());
        assert!(new["spec"].get("externalTrafficPolicy").is_none());
        assert_eq!(new["spec"]["clusterIP"], "10.96.0.9");
        let mut name = old.clone();
        name["spec"]["type"] = json!("ExternalName");
        name["spec"]["externalName"] = json!("a.example");
        let name = updated(name, &old);
        for gone in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            assert!(name["spec"].get(gone).is_none(), "{gone}");
        }
        let mut back = name.clone();
        back["spec"]["type"] = json!("ClusterIP");
        assert_eq!(updated(back, &name)["spec"]["ipFamilies"], json!(["IPv4"]));
    }

    #[test]
    fn cells() {
        check_cells(
            &SERVICE,
            &json!({"metadata": {"name": "a"}, "spec": {"type": "NodePort", "clusterIPs": ["10.0.0.1"], "selector": {"x": "y"},
                "ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}),
            &["a", "NodePort", "10.0.0.1", "<none>", "80:30000/TCP,53/UDP", "<unknown>", "x=y"],
        );
        check_cells(
            &SERVICE,
            &json!({"metadata": {"name": "a"}, "spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"]}}),
            &["a", "LoadBalancer", "10.0.0.1", "<pending>", "<none>", "<unknown>", "<none>"],
        );
    }
}
