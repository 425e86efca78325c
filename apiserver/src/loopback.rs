//! Requests that the server makes of itself, so that what it writes is defaulted and validated as anything else.

use corvette_api::{
    meta,
    status::{self, Status},
};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::{ApiServer, UserInfo, body, endpoints::codec, user::SYSTEM_MASTERS};

/// User in whose name the objects are written (upstream's loopback client).
const LOOPBACK: &str = "system:apiserver";

/// Makes a request and returns code and body of the answer.
///
/// # Errors
/// When the answer is no JSON.
pub async fn call(server: &ApiServer, method: Method, path: &str, object: &Value) -> Result<(u16, Value), Status> {
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

/// Path of the collection an object belongs to.
pub fn collection(object: &Value) -> String {
    let api_version = meta::api_version(object);
    let root = if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
    match meta::namespace(object) {
        "" => format!("{root}/{}", plural(object)),
        namespace => format!("{root}/namespaces/{namespace}/{}", plural(object)),
    }
}

/// Plural name of the kinds that the server writes.
pub fn plural(object: &Value) -> &'static str {
    match meta::kind(object) {
        "Namespace" => "namespaces",
        "PriorityClass" => "priorityclasses",
        "Service" => "services",
        "Endpoints" => "endpoints",
        _ => "endpointslices",
    }
}
