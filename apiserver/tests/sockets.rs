//! Requests over TLS: client certificates, anonymous callers, both HTTP versions, bounds, shutdown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{CONFIG_MAPS, Server, config_map};
use corvette_component::{
    pki::{Bundle, Ca, Request, Usage},
    tls,
};
use futures::StreamExt as _;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{net::TcpListener, net::TcpStream};

struct Listening {
    server: Server,
    ca: Ca,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

async fn listen() -> Listening {
    tls::install_default_provider();
    let server = Server::start().await;
    let ca = Ca::load_or_create(&server.dir.path().join("pki"), "test").unwrap();
    let bundle = issue(&ca, "server", &[], Usage::Server);
    let config = tls::server_config(&bundle, Some(ca.cert_pem())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = server.api.clone();
    let serving = tokio::spawn(async move { api.serve(listener, config).await });
    Listening { server, ca, address, serving }
}

fn issue(ca: &Ca, name: &str, organizations: &[&str], usage: Usage) -> Bundle {
    ca.issue(&Request {
        common_name: name.into(),
        organizations: organizations.iter().map(|o| (*o).to_owned()).collect(),
        dns_names: vec!["localhost".into()],
        ips: vec!["127.0.0.1".parse().unwrap()],
        usage,
        lifetime: Duration::from_secs(3600),
    })
    .unwrap()
}

impl Listening {
    async fn connect(&self, identity: Option<Bundle>, protocol: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut config = (*tls::client_config(self.ca.cert_pem(), &identity).unwrap()).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    async fn request(&self, identity: Option<Bundle>, request: http::Request<Full<Bytes>>) -> (StatusCode, Value) {
        let stream = TokioIo::new(self.connect(identity, b"h2").await);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn get(path: &str) -> http::Request<Full<Bytes>> {
    http::Request::get(format!("https://localhost{path}")).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_client_certificate_says_who_calls() {
    let listening = listen().await;
    let admin = issue(&listening.ca, "admin", &["system:masters"], Usage::Client);
    let (status, list) = listening.request(Some(admin), get(CONFIG_MAPS)).await;
    assert_eq!((status.as_u16(), list["kind"].as_str()), (200, Some("ConfigMapList")));
    let jane = issue(&listening.ca, "jane", &[], Usage::Client);
    let (status, refused) = listening.request(Some(jane), get(CONFIG_MAPS)).await;
    assert_eq!(status, 403);
    assert!(refused["message"].as_str().unwrap().contains("User \"jane\""), "{refused}");
}

#[tokio::test]
async fn callers_without_credentials_are_anonymous_and_wrong_ones_nobody() {
    let listening = listen().await;
    let (status, refused) = listening.request(None, get(CONFIG_MAPS)).await;
    assert_eq!(status, 403);
    assert!(refused["message"].as_str().unwrap().contains("system:anonymous"), "{refused}");
    let mut wrong = get(CONFIG_MAPS);
    wrong.headers_mut().insert("authorization", "Bearer wrong".parse().unwrap());
    let (status, refused) = listening.request(None, wrong).await;
    assert_eq!((status.as_u16(), refused["reason"].as_str()), (401, Some("Unauthorized")));
    let (status, version) = listening.request(None, get("/version")).await;
    assert_eq!((status.as_u16(), version["major"].as_str()), (200, Some("1")));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let listening = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = Ca::load_or_create(folder.path(), "stranger").unwrap();
    let admin = issue(&stranger, "admin", &["system:masters"], Usage::Client);
    let stream = TokioIo::new(listening.connect(Some(admin), b"http/1.1").await);
    let outcome = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        sender.send_request(get(CONFIG_MAPS)).await
    };
    assert!(outcome.await.is_err());
}

#[tokio::test]
async fn http_1_serves_too_and_large_bodies_are_refused() {
    let listening = listen().await;
    let admin = issue(&listening.ca, "admin", &["system:masters"], Usage::Client);
    let stream = TokioIo::new(listening.connect(Some(admin), b"http/1.1").await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = |body: String| {
        let builder = http::Request::builder().method(Method::POST).uri(CONFIG_MAPS).header("host", "localhost");
        builder.body(Full::new(Bytes::from(body))).unwrap()
    };
    let created = sender.send_request(request(config_map("a", "1").to_string())).await.unwrap();
    assert_eq!(created.status(), 201);
    created.into_body().collect().await.unwrap();
    let huge = config_map("b", &"x".repeat(4 * 1024 * 1024)).to_string();
    let refused = sender.send_request(request(huge)).await.unwrap();
    assert_eq!(refused.status(), 413);
}

#[tokio::test]
async fn a_watch_goes_through_a_websocket_with_one_event_in_each_frame() {
    let listening = listen().await;
    let admin = issue(&listening.ca, "admin", &["system:masters"], Usage::Client);
    let open = async |query: &str| {
        let stream = listening.connect(Some(admin.clone()), b"http/1.1").await;
        let url = format!("wss://localhost{CONFIG_MAPS}?watch=true{query}");
        let (socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        socket
    };
    for name in ["a", "b"] {
        listening.server.post(CONFIG_MAPS, &config_map(name, "1")).await.expect(201);
    }
    let mut socket = open("").await;
    listening.server.post(CONFIG_MAPS, &config_map("c", "1")).await.expect(201);
    for name in ["a", "b", "c"] {
        let message = socket.next().await.unwrap().unwrap();
        let event: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert!(message.is_text());
        assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&"ADDED".into(), &name.into()));
    }
    // At its end the server says goodbye.
    let mut socket = open("&timeoutSeconds=1&resourceVersion=0").await;
    let mut last = socket.next().await.unwrap().unwrap();
    while last.is_text() {
        last = socket.next().await.unwrap().unwrap();
    }
    assert!(last.is_close(), "{last:?}");
}

#[tokio::test]
async fn shutdown_ends_watches_and_connections() {
    let listening = listen().await;
    let admin = issue(&listening.ca, "admin", &["system:masters"], Usage::Client);
    let stream = TokioIo::new(listening.connect(Some(admin), b"h2").await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let watch = sender.send_request(get(&format!("{CONFIG_MAPS}?watch=true"))).await.unwrap();
    assert_eq!(watch.status(), 200);
    listening.server.tasks.shutdown(Duration::from_secs(30)).await.unwrap();
    listening.serving.await.unwrap();
    // The stream ends, orderly or not.
    let rest = watch.into_body().collect().await.map(|body| body.to_bytes());
    assert!(rest.is_ok_and(|rest| rest.is_empty()));
}
