//! Objects that every cluster has: namespaces, priority classes, the `kubernetes` service with its endpoints.
//!
//! They are written through the server's own pipeline, so that they are defaulted and validated as any other.

use corvette_api::{
    decode, meta,
    status::{self, Status},
};
use http::Method;
use serde_json::Value;

use crate::{ApiServer, config::Config, kubernetes_endpoints::Reconciler, loopback};

const NAMESPACES: &str = include_str!("../../manifests/bootstrap/namespaces.yaml");
const PRIORITY_CLASSES: &str = include_str!("../../manifests/bootstrap/priority-classes.yaml");
const KUBERNETES_SERVICE: &str = include_str!("../../manifests/bootstrap/kubernetes-service.yaml");

/// Creates what is missing and makes this server an endpoint of the `kubernetes` service.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn run(server: &ApiServer) -> Result<(), Status> {
    for object in objects(NAMESPACES)?.into_iter().chain(objects(PRIORITY_CLASSES)?) {
        ensure(server, &object).await?;
    }
    let config = &server.app().config;
    let Ok([mut service, endpoints, slice]) = <[Value; 3]>::try_from(objects(KUBERNETES_SERVICE)?) else {
        return Err(status::internal("the manifest of the kubernetes service is not three objects"));
    };
    fill(&mut service, config);
    ensure(server, &service).await?;
    // A server that only this machine reaches is no endpoint for pods.
    if config.advertise_address.is_loopback() || config.advertise_address.is_unspecified() {
        return Ok(());
    }
    Reconciler::new(server.clone(), endpoints, slice).start().await
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

/// Fills in the service's address and this server's port.
fn fill(service: &mut Value, config: &Config) {
    let spec = meta::child_map(meta::as_map(service), "spec");
    spec.insert("clusterIP".to_owned(), config.service_cidr.nth(0).to_string().into());
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        meta::as_map(port).insert("targetPort".to_owned(), config.secure_port.into());
    }
}

/// Creates an object unless there is one.
async fn ensure(server: &ApiServer, object: &Value) -> Result<(), Status> {
    let (code, answer) = loopback::call(server, Method::POST, &loopback::collection(object), object).await?;
    if matches!(code, 201 | 409) {
        return Ok(());
    }
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    Err(status::internal(format!("cannot write {} {}: {message}", meta::kind(object), meta::name(object))))
}
