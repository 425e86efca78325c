use serde_json::{Value, json};

use super::*;

/// A port of one cluster address, and of nothing else.
pub(crate) fn port(name: &str) -> Port {
    Port {
        name: name.to_owned(),
        family: Family::V4,
        protocol: "tcp",
        port: 80,
        cluster_ip: [10, 96, 0, 7].into(),
        external_ips: Vec::new(),
        balancer_ips: Vec::new(),
        balancer_sources: Vec::new(),
        node_port: None,
        affinity: None,
        internal_local: false,
        external_local: false,
        cluster: Vec::new(),
        local: Vec::new(),
    }
}

/// Port 8080 of a pod's address.
pub(crate) fn target(last: u8) -> Target {
    Target { ip: [10, 244, 0, last].into(), port: 8080 }
}

fn service(spec: Value) -> Service {
    let mut whole = json!({"clusterIP": "10.96.0.7", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    let status = json!({"loadBalancer": {"ingress": [
        {"ip": "192.0.2.1", "ipMode": "VIP"}, {"ip": "192.0.2.2"}, {"ip": "192.0.2.3", "ipMode": "Proxy"}, {"hostname": "x"}
    ]}});
    let whole = json!({"metadata": {"namespace": "ns", "name": "web"}, "spec": whole, "status": status});
    serde_json::from_value(whole).unwrap()
}

fn slice(kind: &str, port: Value, endpoints: Value) -> Arc<EndpointSlice> {
    let whole = json!({"metadata": {}, "addressType": kind, "ports": [port], "endpoints": endpoints});
    Arc::new(serde_json::from_value(whole).unwrap())
}

fn here() -> Place {
    Place { node: "here".to_owned(), zone: Some("a".to_owned()) }
}

/// The last numbers of the targets' addresses.
fn lasts(targets: &[Target]) -> Vec<u8> {
    targets.iter().map(|target| if let IpAddr::V4(ip) = target.ip { ip.octets()[3] } else { 0 }).collect()
}

/// Targets in the cluster and on this node of a service whose slice has these endpoints.
fn targets(endpoints: &Value) -> (Vec<u8>, Vec<u8>) {
    let slice = slice("IPv4", json!({"name": "http", "port": 8080}), endpoints.clone());
    let ports = ports(&service(json!({})), &[slice], &here());
    (lasts(&ports[0].cluster), lasts(&ports[0].local))
}

#[test]
fn what_a_service_says_becomes_ports() {
    let spec = json!({
        "clusterIPs": ["10.96.0.7", "fd00::7"], "externalIPs": ["198.51.100.1", "2001:db8::1"],
        "loadBalancerSourceRanges": ["203.0.113.0/24 ", "2001:db8:1::/48"],
        "sessionAffinity": "ClientIP", "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster",
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    });
    let found = ports(&service(spec), &[], &here());
    let names: Vec<&str> = found.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["ns/web/tcp/80", "ns/web/udp/53", "ns/web/tcp/80", "ns/web/udp/53"]);
    let expected = Port {
        external_ips: vec![[198, 51, 100, 1].into()],
        balancer_ips: vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()],
        balancer_sources: vec!["203.0.113.0/24".to_owned()],
        node_port: Some(30080),
        affinity: Some(10_800),
        external_local: true,
        ..port("ns/web/tcp/80")
    };
    assert_eq!(found[0], expected);
    let (of_six, addresses) = (&found[2], found[2].addresses().collect::<Vec<_>>());
    assert_eq!(addresses, ["fd00::7", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    assert_eq!((of_six.family, of_six.balancer_sources.as_slice()), (Family::V6, &["2001:db8:1::/48".to_owned()][..]));
    let seconds = json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}});
    assert_eq!(ports(&service(seconds), &[], &here())[0].affinity, Some(9));
}

#[test]
fn services_without_an_address_have_no_ports() {
    for spec in [json!({"clusterIP": "None"}), json!({"clusterIP": ""}), json!({"type": "ExternalName"})] {
        assert_eq!(ports(&service(spec), &[], &here()), []);
    }
}

#[test]
fn endpoints_are_found_by_the_name_of_their_port_and_their_family() {
    let one = |last: u8| json!([{"addresses": [format!("10.244.0.{last}")]}]);
    let slices = [
        slice("IPv4", json!({"name": "http", "port": 8080}), one(2)),
        slice("IPv4", json!({"name": "http", "port": 9090}), one(3)),
        slice("IPv4", json!({"name": "other", "port": 8080}), one(4)),
        slice("IPv4", json!({"name": "http"}), one(5)),
        slice("IPv6", json!({"name": "http", "port": 8080}), json!([{"addresses": ["fd00::2"]}])),
        slice("IPv4", json!({"name": "http", "port": 8080}), one(2)),
    ];
    let found = ports(&service(json!({})), &slices, &here());
    assert_eq!(found[0].cluster, [target(2), Target { ip: [10, 244, 0, 3].into(), port: 9090 }]);
    let unnamed = service(json!({"ports": [{"port": 80}]}));
    let slices = [slice("IPv4", json!({"name": "", "port": 8080}), one(2))];
    assert_eq!(ports(&unnamed, &slices, &here())[0].cluster, [target(2)]);
}

#[test]
fn ready_endpoints_count_and_those_that_end_stand_in_for_them() {
    let endpoint = |last: u8, node: &str, conditions: Value| json!({"addresses": [format!("10.244.0.{last}")], "nodeName": node, "conditions": conditions});
    let ready = json!({"ready": true});
    let ends = json!({"ready": false, "serving": true, "terminating": true});
    let dead = json!({"ready": false, "serving": false, "terminating": true});
    let unready = json!({"ready": false, "serving": false, "terminating": false});
    let all = json!([
        endpoint(2, "there", ready),
        endpoint(3, "here", json!({})),
        endpoint(4, "here", unready.clone()),
        endpoint(5, "here", ends.clone())
    ]);
    assert_eq!(targets(&all), (vec![2, 3], vec![3]));
    let ending = json!([
        endpoint(2, "there", ends.clone()),
        endpoint(3, "here", dead),
        endpoint(4, "here", unready),
        endpoint(5, "here", ends.clone())
    ]);
    assert_eq!(targets(&ending), (vec![2, 5], vec![5]));
    let here_ends = json!([endpoint(2, "there", json!({"ready": true})), endpoint(5, "here", ends)]);
    assert_eq!(targets(&here_ends), (vec![2], vec![5]), "each is looked at for itself");
    assert_eq!(targets(&json!([])), (vec![], vec![]));
}

#[test]
fn hints_keep_traffic_near_when_all_have_them() {
    let endpoint = |last: u8, hints: Value| json!({"addresses": [format!("10.244.0.{last}")], "hints": hints});
    let zone = |name: &str| json!({"forZones": [{"name": name}]});
    let node = |name: &str| json!({"forZones": [{"name": "a"}], "forNodes": [{"name": name}]});
    let near = |hints: [Value; 3]| {
        let [one, two, three] = hints;
        targets(&json!([endpoint(1, one), endpoint(2, two), endpoint(3, three)])).0
    };
    assert_eq!(near([zone("a"), zone("b"), zone("a")]), [1, 3]);
    assert_eq!(near([zone("a"), zone("b"), json!({})]), [1, 2, 3], "one has no hint");
    assert_eq!(near([zone("b"), zone("b"), zone("c")]), [1, 2, 3], "none is for here");
    assert_eq!(near([node("there"), node("here"), node("there")]), [2]);
    assert_eq!(near([node("there"), node("there"), node("there")]), [1, 2, 3], "the zone stands in for the node");
}
