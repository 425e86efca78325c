//! The HTTPS port of a component that serves no API: health for everybody, metrics for who may read them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use corvette_client::k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use corvette_client::kube::Client;
use corvette_client::kube::api::{Api, PostParams};
use corvette_component::health::Checks;
use corvette_component::http::listen;
use corvette_component::pki::{self, Bundle, Ca, Files, Request, Subject, Usage};
use corvette_component::tasks::Tasks;
use corvette_component::{metrics, reload, tls};
use http::{Response, StatusCode};
use tokio::net::TcpListener;

/// How long the API server may take to say who may read metrics.
const REVIEW_WITHIN: Duration = Duration::from_secs(10);
/// Life of a certificate nobody gave us, as upstream's.
const SELF_SIGNED: Duration = Duration::from_secs(365 * 24 * 3600);

/// Where and as whom a component serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and port; port 0 serves nothing, as upstream.
    pub address: SocketAddr,
    /// Its certificate; one of its own making without.
    pub serving: Option<Files>,
    /// The authority of client certificates; without one, every caller is anonymous.
    pub client_ca: Option<PathBuf>,
}

/// Serves `/healthz`, `/livez`, `/readyz` and `/metrics` until `tasks` end.
pub async fn serve(options: &Options, checks: Checks, client: Client, tasks: &Tasks) -> Result<()> {
    if options.address.port() == 0 {
        return Ok(());
    }
    let address = options.address;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (--secure-port)"))?;
    let tls = server_config(options.serving.as_ref(), options.client_ca.as_ref(), tasks)?;
    let scope = tasks.child("secure-port");
    let handle = move |user, request: http::Request<_>| {
        let (checks, client) = (checks.clone(), client.clone());
        async move { answer(&checks, client, user, request.uri()).await }
    };
    tasks.spawn("secure-port", async move { listen::serve(listener, tls, &scope, identify, handle).await });
    Ok(())
}

/// The TLS configuration of a component's port: with its files, or with a certificate of its own making.
pub fn server_config(
    serving: Option<&Files>,
    client_ca: Option<&PathBuf>,
    tasks: &Tasks,
) -> Result<Arc<rustls::ServerConfig>> {
    let client_ca = client_ca.map(|path| pki::read_pem(path)).transpose().context("--client-ca-file")?;
    match serving {
        Some(files) => reload::server_config(files, client_ca.as_deref(), tasks).context("serving certificate"),
        None => Ok(tls::server_config(&self_signed().context("serving certificate")?, client_ca.as_deref())?),
    }
}

fn self_signed() -> Result<Bundle, pki::Error> {
    Ca::temporary("self-signed")?.issue(&Request {
        common_name: "localhost".to_owned(),
        organizations: Vec::new(),
        dns_names: vec!["localhost".to_owned()],
        ips: vec![std::net::Ipv4Addr::LOCALHOST.into()],
        usage: Usage::Server,
        lifetime: SELF_SIGNED,
    })
}

fn identify(certificates: Option<&[rustls::pki_types::CertificateDer<'static>]>) -> Option<Arc<Subject>> {
    certificates.and_then(<[_]>::first).and_then(|leaf| Subject::of_certificate(leaf)).map(Arc::new)
}

async fn answer(checks: &Checks, client: Client, user: Option<Arc<Subject>>, uri: &http::Uri) -> Response<String> {
    let path = uri.path().trim_end_matches('/');
    if path != "/metrics" {
        let named = |part: &str| part.split_once('=').map_or(part, |(name, _)| name) == "verbose";
        let verbose = uri.query().is_some_and(|query| query.split('&').any(named));
        let (code, report) = checks.answer(path, verbose, &[]);
        return text(code, report);
    }
    match tokio::time::timeout(REVIEW_WITHIN, may_read(client, user.as_deref(), path)).await {
        Ok(Ok(true)) => text(StatusCode::OK, metrics::encode()),
        Ok(Ok(false)) => {
            let name = user.as_ref().map_or(ANONYMOUS, |user| &user.common_name);
            text(StatusCode::FORBIDDEN, format!("forbidden: User \"{name}\" cannot get path \"{path}\"\n"))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "cannot ask who may read metrics");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Server Error: the API server cannot be asked\n".to_owned(),
            )
        }
        Err(_) => text(StatusCode::GATEWAY_TIMEOUT, "the API server does not answer\n".to_owned()),
    }
}

/// User without credentials.
const ANONYMOUS: &str = "system:anonymous";

/// Asks the API server, as upstream's delegated authorisation does.
async fn may_read(client: Client, user: Option<&Subject>, path: &str) -> Result<bool, corvette_client::kube::Error> {
    let (name, mut groups) = match user {
        Some(user) => (user.common_name.clone(), user.organizations.clone()),
        None => (ANONYMOUS.to_owned(), Vec::new()),
    };
    groups.push(if user.is_some() { "system:authenticated" } else { "system:unauthenticated" }.to_owned());
    let attributes = NonResourceAttributes { path: Some(path.to_owned()), verb: Some("get".to_owned()) };
    let spec = SubjectAccessReviewSpec {
        user: Some(name),
        groups: Some(groups),
        non_resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let reviewed = Api::<SubjectAccessReview>::all(client).create(&PostParams::default(), &review).await?;
    Ok(reviewed.status.is_some_and(|status| status.allowed))
}

fn text(code: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
