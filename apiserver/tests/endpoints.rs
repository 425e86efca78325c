//! The endpoints of the `kubernetes` service follow the API servers that live.

mod common;

use std::{net::Ipv4Addr, time::Duration};

use common::{Server, Watching};
use corvette_apiserver::{ApiServer, Config};
use corvette_component::tasks::Tasks;
use corvette_store::{Change, Expect, Store};
use serde_json::{Value, json};

const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const FIRST: &str = "192.168.7.1";
const SECOND: &str = "192.168.7.2";

fn brief(config: &mut Config) {
    config.endpoint_lease = Duration::from_secs(2);
}

async fn watch(server: &Server) -> (Watching, Watching) {
    let named = "watch=true&fieldSelector=metadata.name%3Dkubernetes";
    (server.watch(&format!("{ENDPOINTS}?{named}")).await, server.watch(&format!("{SLICES}?{named}")).await)
}

/// Waits until both objects have exactly these addresses, and returns them.
async fn until(watches: &mut (Watching, Watching), addresses: &[&str]) -> (Value, Value) {
    let of_endpoints: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    let of_slice: Vec<Value> =
        addresses.iter().map(|ip| json!({"addresses": [ip], "conditions": {"ready": true}})).collect();
    let endpoints = next(&mut watches.0, "/subsets/0/addresses", &json!(of_endpoints)).await;
    (endpoints, next(&mut watches.1, "/endpoints", &json!(of_slice)).await)
}

async fn next(watch: &mut Watching, pointer: &str, wanted: &Value) -> Value {
    loop {
        let (_, object) = watch.next().await.expect("the watch goes on");
        if object.pointer(pointer) == Some(wanted) {
            return object;
        }
    }
}

#[tokio::test]
async fn servers_that_live_are_endpoints_and_those_that_end_are_not() {
    let server = Server::start_with(brief).await;
    let mut watches = watch(&server).await;
    let (endpoints, slice) = until(&mut watches, &[FIRST]).await;
    let port = json!([{"name": "https", "port": 6443, "protocol": "TCP"}]);
    assert_eq!((&endpoints["subsets"][0]["ports"], &slice["ports"]), (&port, &port));
    assert_eq!(endpoints["metadata"]["labels"]["endpointslice.kubernetes.io/skip-mirror"], "true");
    assert_eq!(slice["addressType"], "IPv4");

    let tasks = Tasks::new("second");
    let mut config = Config::new(server.store.clone(), SECOND.parse::<Ipv4Addr>().unwrap().into(), 6443);
    brief(&mut config);
    let second = ApiServer::new(config, &tasks).await.unwrap();
    until(&mut watches, &[FIRST, SECOND]).await;
    tasks.shutdown(Duration::from_secs(60)).await.unwrap();
    drop(second);
    until(&mut watches, &[FIRST]).await;
    // The last one stays: pods have nowhere else to ask.
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_killed_is_an_endpoint_until_its_lease_ends() {
    let server = Server::start_with(brief).await;
    let mut watches = watch(&server).await;
    let change = Change::Put { value: "{}".into(), ttl: Some(Duration::from_secs(4)) };
    server.store.txn(&format!("/registry/masterleases/{SECOND}"), Expect::Absent, change).await.unwrap();
    until(&mut watches, &[FIRST, SECOND]).await;
    until(&mut watches, &[FIRST]).await;
}

#[tokio::test]
async fn what_somebody_made_of_the_endpoints_is_mended() {
    let server = Server::start_with(brief).await;
    let mut watches = watch(&server).await;
    until(&mut watches, &[FIRST]).await;
    server.patch("merge", &format!("{ENDPOINTS}/kubernetes"), &json!({"subsets": null})).await.expect(200);
    server.delete(&format!("{SLICES}/kubernetes")).await.expect(200);
    let slice = json!({"metadata": {"name": "kubernetes"}, "addressType": "IPv6", "endpoints": []});
    server.post(SLICES, &slice).await.expect(201);
    let (_, slice) = until(&mut watches, &[FIRST]).await;
    assert_eq!((&slice["addressType"], &slice["ports"][0]["port"]), (&json!("IPv4"), &json!(6443)));
}

#[tokio::test]
async fn a_server_that_only_its_machine_reaches_is_no_endpoint() {
    let server = Server::start_with(|config| config.advertise_address = Ipv4Addr::LOCALHOST.into()).await;
    server.get("/api/v1/namespaces/default/services/kubernetes").await.expect(200);
    assert_eq!(server.get(&format!("{ENDPOINTS}/kubernetes")).await.code, 404);
}
