//! Lists: selectors, pages, consistency.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{CONFIG_MAPS, Server, config_map};
use corvette_store::Store;
use http::Method;
use serde_json::{Value, json};

async fn with_maps(count: usize) -> Server {
    let server = Server::start().await;
    for i in 0..count {
        let mut object = config_map(&format!("m{i:02}"), "1");
        object["metadata"]["labels"] = json!({"parity": if i % 2 == 0 { "even" } else { "odd" }});
        server.post(CONFIG_MAPS, &object).await.expect(201);
    }
    server
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn selectors_choose_objects() {
    let server = with_maps(6).await;
    let list = |query: &str| {
        let path = format!("{CONFIG_MAPS}?{query}");
        let server = &server;
        async move { names(&server.get(&path).await.expect(200)) }
    };
    assert_eq!(list("labelSelector=parity%3Dodd").await, ["m01", "m03", "m05"]);
    assert_eq!(list("labelSelector=parity%20in%20(odd,even)&fieldSelector=metadata.name%3Dm02").await, ["m02"]);
    assert_eq!(list("labelSelector=!parity").await, Vec::<String>::new());
    assert_eq!(list("fieldSelector=metadata.name!%3Dm02,metadata.namespace%3Ddefault").await.len(), 5);
    for bad in ["labelSelector=a%20b%20c", "fieldSelector=data.key%3D1", "limit=x", "continue=nonsense"] {
        assert_eq!(server.get(&format!("{CONFIG_MAPS}?{bad}")).await.code, 400, "{bad}");
    }
}

#[tokio::test]
async fn pages_show_one_moment() {
    let server = with_maps(5).await;
    let first = server.get(&format!("{CONFIG_MAPS}?limit=2")).await.expect(200);
    assert_eq!(
        (names(&first), first["metadata"]["remainingItemCount"].as_i64()),
        (vec!["m00".into(), "m01".into()], Some(3))
    );
    server.delete(&format!("{CONFIG_MAPS}/m03")).await.expect(200);
    server.post(CONFIG_MAPS, &config_map("m025", "1")).await.expect(201);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = server.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await.expect(200);
    assert_eq!(names(&second), ["m02", "m03"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = server.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}")).await.expect(200);
    assert_eq!(names(&third), ["m04"]);
    assert!(third["metadata"]["continue"].is_null() && third["metadata"]["remainingItemCount"].is_null());
}

#[tokio::test]
async fn pages_with_a_selector_count_selected_objects() {
    let server = with_maps(6).await;
    let query = format!("{CONFIG_MAPS}?limit=2&labelSelector=parity%3Deven");
    let first = server.get(&query).await.expect(200);
    assert_eq!(names(&first), ["m00", "m02"]);
    assert!(first["metadata"]["remainingItemCount"].is_null());
    let token = first["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&server.get(&format!("{query}&continue={token}")).await.expect(200)), ["m04"]);
}

#[tokio::test]
async fn a_token_of_a_compacted_revision_is_gone_but_goes_on() {
    let server = with_maps(3).await;
    let first = server.get(&format!("{CONFIG_MAPS}?limit=1")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    // What the cache remembers of the page is gone with the server; the store is compacted.
    let server = Server::start_in(server.stop().await).await;
    server.post(CONFIG_MAPS, &config_map("z", "1")).await.expect(201);
    let store = &server.store;
    store.compact(store.current_revision().await.unwrap()).await.unwrap();
    let gone = server.get(&format!("{CONFIG_MAPS}?limit=1&continue={token}")).await;
    assert_eq!((gone.code, gone.reason().as_str()), (410, "Expired"));
    let inconsistent = gone.json()["metadata"]["continue"].as_str().unwrap().to_owned();
    let rest = server.get(&format!("{CONFIG_MAPS}?continue={inconsistent}")).await.expect(200);
    assert_eq!(names(&rest), ["m01", "m02", "z"]);
}

#[tokio::test]
async fn a_revision_can_be_asked_for() {
    let server = with_maps(2).await;
    let old = server.get(CONFIG_MAPS).await.expect(200)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    server.post(CONFIG_MAPS, &config_map("z", "1")).await.expect(201);
    let exact =
        server.get(&format!("{CONFIG_MAPS}?resourceVersion={old}&resourceVersionMatch=Exact")).await.expect(200);
    assert_eq!((names(&exact).len(), exact["metadata"]["resourceVersion"].as_str()), (2, Some(old.as_str())));
    let newer = server.get(&format!("{CONFIG_MAPS}?resourceVersion={old}")).await.expect(200);
    assert!(names(&newer).len() >= 2);
}

#[tokio::test]
async fn a_revision_that_does_not_come_is_a_timeout() {
    let server = Server::start().await;
    tokio::time::pause();
    let future = server.get(&format!("{CONFIG_MAPS}?resourceVersion=999999")).await;
    assert_eq!((future.code, future.reason().as_str()), (504, "Timeout"));
    assert!(future.message().contains("Too large resource version: 999999"), "{}", future.message());
    assert!(future.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn tables_and_metadata_are_views_of_a_list() {
    let server = with_maps(2).await;
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let table = server.request(Method::GET, CONFIG_MAPS, &accept, "").await.expect(200);
    assert_eq!((table["kind"].as_str(), table["rows"].as_array().unwrap().len()), (Some("Table"), 2));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let with_objects =
        server.request(Method::GET, &format!("{CONFIG_MAPS}?includeObject=Object"), &accept, "").await.expect(200);
    assert_eq!(with_objects["rows"][0]["object"]["data"]["key"], "1");
    let accept = [("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")];
    let metadata = server.request(Method::GET, CONFIG_MAPS, &accept, "").await.expect(200);
    assert_eq!(metadata["kind"], "PartialObjectMetadataList");
    assert!(metadata["items"][0]["data"].is_null());
    assert_eq!(metadata["items"][0]["kind"], "PartialObjectMetadata");
    let only = [("accept", "application/cbor")];
    assert_eq!(server.request(Method::GET, CONFIG_MAPS, &only, "").await.code, 406);
}

#[tokio::test]
async fn whole_objects_in_a_table_are_of_the_version_asked_for() {
    let server = Server::start().await;
    let scaler = json!({"metadata": {"name": "a"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 2, "targetCPUUtilizationPercentage": 9}});
    let path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    server.post(path, &scaler).await.expect(201);
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    for path in [format!("{path}?includeObject=Object"), format!("{path}/a?includeObject=Object")] {
        let table = server.request(Method::GET, &path, &accept, "").await.expect(200);
        let object = &table["rows"][0]["object"];
        assert_eq!(
            (&object["apiVersion"], &object["spec"]["targetCPUUtilizationPercentage"]),
            (&json!("autoscaling/v1"), &json!(9))
        );
        assert_eq!(table["rows"][0]["cells"][2], "cpu: <unknown>/9%", "{table}");
    }
}

#[tokio::test]
async fn large_lists_are_compressed_and_complete() {
    let server = Server::start().await;
    let value = "x".repeat(40_000);
    for name in ["a", "b", "c", "d"] {
        server.post(CONFIG_MAPS, &config_map(name, &value)).await.expect(201);
    }
    let packed = server.request(Method::GET, CONFIG_MAPS, &[("accept-encoding", "gzip")], "").await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*packed.body), &mut text).unwrap();
    let unpacked: Value = serde_json::from_str(&text).unwrap();
    let plain = server.get(CONFIG_MAPS).await.expect(200);
    assert_eq!(unpacked["items"], plain["items"]);
    assert_eq!(names(&plain), ["a", "b", "c", "d"]);
}
