//! Objects that every cluster has: namespaces, priority classes, the `kubernetes` service with its endpoints.
//!
//! They are written through the server's own pipeline, so that they are defaulted and validated as any other.

use corvette_api::{
    decode, meta,
    status::{self, Status},
};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{ApiServer, UserInfo, body, config::Config, endpoints::codec, user::SYSTEM_MASTERS};

const NAMESPACES: &str = include_str!("../../manifests/bootstrap/namespaces.yaml");
const PRIORITY_CLASSES: &str = include_str!("../../manifests/bootstrap/priority-classes.yaml");
const KUBERNETES_SERVICE: &str = include_str!("../../manifests/bootstrap/kubernetes-service.yaml");

/// User in whose name the objects are written (upstream's loopback client).
const LOOPBACK: &str = "system:apiserver";

/// Creates what is missing and points the `kubernetes` service at this server.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn run(server: &ApiServer) -> Result<(), Status> {
    for object in objects(NAMESPACES)?.into_iter().chain(objects(PRIORITY_CLASSES)?) {
        ensure(server, &object).await?;
    }
    let config = &server.app().config;
    // A server that only this machine reaches has no endpoint for pods.
    let reachable = !config.advertise_address.is_loopback() && !config.advertise_address.is_unspecified();
    for mut object in objects(KUBERNETES_SERVICE)? {
        if meta::kind(&object) != "Service" && !reachable {
            continue;
        }
        fill(&mut object, config);
        if !ensure(server, &object).await? && meta::kind(&object) != "Service" {
            refresh(server, object).await?;
        }
    }
    Ok(())
}

fn objects(text: &str) -> Result<Vec<Value>, Status> {
    text.split("\n---\n")
        .map(|document| {
            decode::yaml(document.as_bytes())
                .map(|parsed| parsed.value)
                .map_err(|error| status::internal(error.to_string()))
        })
        .collect()
}

/// Fills in this server's address and port.
fn fill(object: &mut Value, config: &Config) {
    let port = json!({"name": "https", "port": config.secure_port, "protocol": "TCP"});
    let address = config.advertise_address.to_string();
    match meta::kind(object) {
        "Service" => {
            let spec = meta::child_map(meta::as_map(object), "spec");
            spec.insert("clusterIP".to_owned(), config.service_cidr.nth(0).to_string().into());
            for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                meta::as_map(port).insert("targetPort".to_owned(), config.secure_port.into());
            }
        }
        "Endpoints" => {
            let subsets = json!([{"addresses": [{"ip": address}], "ports": [port]}]);
            meta::as_map(object).insert("subsets".to_owned(), subsets);
        }
        _ => {
            let map = meta::as_map(object);
            let family = if config.advertise_address.is_ipv4() { "IPv4" } else { "IPv6" };
            map.insert("addressType".to_owned(), family.into());
            map.insert("endpoints".to_owned(), json!([{"addresses": [address], "conditions": {"ready": true}}]));
            map.insert("ports".to_owned(), json!([port]));
        }
    }
}

/// Creates an object; returns whether it was missing.
async fn ensure(server: &ApiServer, object: &Value) -> Result<bool, Status> {
    let (code, answer) = call(server, Method::POST, &collection(object), object).await?;
    match code {
        201 => Ok(true),
        409 => Ok(false),
        _ => Err(failed(object, &answer)),
    }
}

/// Replaces an object that another start of the server wrote.
async fn refresh(server: &ApiServer, object: Value) -> Result<(), Status> {
    let path = format!("{}/{}", collection(&object), meta::name(&object));
    let (code, answer) = call(server, Method::PUT, &path, &object).await?;
    if code == 200 { Ok(()) } else { Err(failed(&object, &answer)) }
}

fn failed(object: &Value, answer: &Value) -> Status {
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    status::internal(format!("cannot write {} {}: {message}", meta::kind(object), meta::name(object)))
}

/// Path of the collection an object is created in.
fn collection(object: &Value) -> String {
    let api_version = meta::api_version(object);
    let root = if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
    let plural = match meta::kind(object) {
        "Namespace" => "namespaces",
        "PriorityClass" => "priorityclasses",
        "Service" => "services",
        "Endpoints" => "endpoints",
        _ => "endpointslices",
    };
    match meta::namespace(object) {
        "" => format!("{root}/{plural}"),
        namespace => format!("{root}/namespaces/{namespace}/{plural}"),
    }
}

async fn call(server: &ApiServer, method: Method, path: &str, object: &Value) -> Result<(u16, Value), Status> {
    let request =
        Request::builder().method(method).uri(path).body(body::full(object.to_string())).map_err(status::internal)?;
    let local = server.local(UserInfo::new(LOOPBACK, &[SYSTEM_MASTERS]));
    let response = match local.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.map_err(status::internal)?.to_bytes();
    Ok((code, codec::parse_stored(&bytes)?))
}
