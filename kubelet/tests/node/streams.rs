//! Logs, exec, attach and port-forward through the HTTPS server, on a real containerd.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use corvette_component::http::websocket::tungstenite::{self, Message, client::IntoClientRequest};
use corvette_component::pki::{Ca, Request as Ask, Usage};
use corvette_component::tasks::Tasks;
use corvette_component::tls;
use corvette_kubelet::streaming::spdy::{self, Event};
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::views::{container, is_ready, shell, with};
use crate::support::{self, Node};

/// Prints, ends on demand, and serves a file on port 8080; `httpd` returns when it listens.
const MAIN: &str = "trap 'exit 0' TERM; echo begun; echo oops >&2; \
    mkdir -p /www; echo hello from the pod > /www/name; httpd -p 8080 -h /www && touch /tmp/up; \
    while true; do test -f /tmp/end && exit 7; sleep 0.1; done";

/// Asks for the file.
const ASK: &[u8] = b"GET /name HTTP/1.0\r\n\r\n";

/// A client of the kubelet's server with a certificate of the given name and group.
struct Client {
    port: u16,
    config: Arc<rustls::ClientConfig>,
}

type Socket = tokio_tungstenite::WebSocketStream<TlsStream<TcpStream>>;

impl Client {
    fn new(node: &Node, port: u16, identity: Option<(&str, &str)>) -> Self {
        let ca = Ca::load_or_create(&node.dir.path().join("pki"), "test").unwrap();
        let bundle = identity.map(|(name, group)| {
            let ask = Ask {
                common_name: name.to_owned(),
                organizations: vec![group.to_owned()],
                dns_names: Vec::new(),
                ips: Vec::new(),
                usage: Usage::Client,
                lifetime: Duration::from_secs(3600),
            };
            ca.issue(&ask).unwrap()
        });
        let mut config = (*tls::client_config(ca.cert_pem(), &bundle).unwrap()).clone();
        config.alpn_protocols.clear();
        Self { port, config: Arc::new(config) }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(self.config.clone()).connect(name, stream).await.unwrap()
    }

    async fn send(&self, request: Request<Empty<Bytes>>) -> Response<Incoming> {
        let io = TokioIo::new(self.connect().await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", "kubelet").body(Empty::new()).unwrap();
        let response = self.send(request).await;
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    async fn websocket(&self, path: &str, protocol: &str) -> Result<Socket, StatusCode> {
        let mut request = format!("wss://127.0.0.1:{}{path}", self.port).into_client_request().unwrap();
        if !protocol.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, self.connect().await).await {
            Ok((socket, response)) => {
                let chosen = response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
                assert_eq!(chosen.unwrap_or_default(), protocol);
                Ok(socket)
            }
            Err(tungstenite::Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a SPDY connection as kubectl before 1.31 does.
    async fn spdy(
        &self,
        path: &str,
        protocol: &str,
        tasks: &Tasks,
    ) -> (spdy::Sender, spdy::Receiver<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + use<>>) {
        let request = Request::post(path)
            .header("host", "kubelet")
            .header("connection", "Upgrade")
            .header("upgrade", "SPDY/3.1")
            .header("x-stream-protocol-version", protocol)
            .body(Empty::new())
            .unwrap();
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["x-stream-protocol-version"], protocol);
        spdy::open(TokioIo::new(hyper::upgrade::on(response).await.unwrap()), tasks).unwrap()
    }
}

/// Reads a WebSocket to its end; gives what came on each channel.
async fn read_all(socket: &mut Socket) -> [String; 4] {
    let mut channels: [Vec<u8>; 4] = Default::default();
    while let Some(message) = socket.next().await {
        match message.unwrap() {
            Message::Binary(data) => channels[usize::from(data[0])].extend_from_slice(&data[1..]),
            Message::Text(text) => {
                let data = base64::engine::general_purpose::STANDARD.decode(&text.as_bytes()[1..]).unwrap();
                channels[usize::from(text.as_bytes()[0] - b'0')].extend_from_slice(&data);
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    channels.map(|bytes| String::from_utf8(bytes).unwrap())
}

/// A path of the server with a shell script as the command.
fn exec(options: &str, script: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(options.to_owned());
    for word in ["sh", "-c", script] {
        query.append_pair("command", word);
    }
    format!("/exec/default/web/main?{}", query.finish())
}

/// A node with a running pod and a client that may do everything.
async fn setup() -> (Node, support::Kubelet, Client) {
    let node = Node::start().await;
    let kubelet = node.kubelet();
    let registered = node.api.until("/api/v1/nodes/node", |object| {
        object.is_some_and(|object| object["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].is_u64())
    });
    let registered = registered.await.unwrap();
    let port = registered["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().unwrap();
    let client = Client::new(&node, u16::try_from(port).unwrap(), Some(("admin", "system:masters")));
    let probe = json!({ "exec": { "command": ["test", "-f", "/tmp/up"] }, "periodSeconds": 1 });
    let main = with(shell("main", MAIN), json!({ "readinessProbe": probe }));
    let path = node.pod("web", json!({ "containers": [main] }));
    node.api.until(&path, is_ready).await;
    (node, kubelet, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_over_every_protocol() {
    if !support::in_namespace("streams::commands_run_over_every_protocol") {
        return;
    }
    let (_node, kubelet, client) = setup().await;

    // v5: input is closed by a signal, and the status says that it went well.
    let mut socket =
        client.websocket(&exec("input=1&output=1&error=1", "cat; echo end >&2"), "v5.channel.k8s.io").await.unwrap();
    let big = "x".repeat(300_000);
    socket.send(Message::binary([&[0], big.as_bytes()].concat())).await.unwrap();
    socket.send(Message::binary(vec![255, 0])).await.unwrap();
    let [_, out, err, status] = read_all(&mut socket).await;
    assert!(out == big, "{} bytes", out.len());
    assert_eq!(err, "end\n");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["status"], "Success");

    // v4: the exit code is a cause of the failure.
    let mut socket = client.websocket(&exec("output=1&error=1", "exit 3"), "v4.channel.k8s.io").await.unwrap();
    let status: Value = serde_json::from_str(&read_all(&mut socket).await[3]).unwrap();
    assert_eq!(status["reason"], "NonZeroExitCode");
    assert_eq!(status["details"]["causes"][0], json!({ "reason": "ExitCode", "message": "3" }));

    // The old protocols say nothing of success and the message of a failure; some speak base64.
    for protocol in ["channel.k8s.io", "base64.channel.k8s.io", "", "v4.base64.channel.k8s.io"] {
        let mut socket = client.websocket(&exec("output=1&error=1", "echo hi"), protocol).await.unwrap();
        let [_, out, _, status] = read_all(&mut socket).await;
        assert_eq!(out, "hi\n", "{protocol}");
        assert_eq!(status.is_empty(), !protocol.starts_with("v4"), "{protocol}: {status}");
    }
    let mut socket = client.websocket(&exec("output=1&error=1", "exit 3"), "channel.k8s.io").await.unwrap();
    let [.., status] = read_all(&mut socket).await;
    assert!(status.contains("exit code 3") || status.contains("non-zero exit code"), "{status}");

    // A terminal has the size that the client says.
    let script = "until stty size 2>/dev/null | grep -q '^33 99'; do :; done; echo sized";
    let mut socket = client.websocket(&exec("input=1&output=1&tty=1", script), "v5.channel.k8s.io").await.unwrap();
    socket.send(Message::binary([&[4], br#"{"Width":99,"Height":33}"#.as_slice()].concat())).await.unwrap();
    let [_, out, ..] = read_all(&mut socket).await;
    assert_eq!(out, "sized\r\n");

    // SPDY passes through to containerd.
    let tasks = Tasks::new("client");
    let (sender, mut receiver) = client.spdy(&exec("input=1&output=1", "cat"), "v4.channel.k8s.io", &tasks).await;
    let error = sender.open(&[("streamtype", "error")]).await.unwrap();
    let stdin = sender.open(&[("streamtype", "stdin")]).await.unwrap();
    let stdout = sender.open(&[("streamtype", "stdout")]).await.unwrap();
    sender.data(stdin, Bytes::from_static(b"through")).await.unwrap();
    sender.finish(stdin).await.unwrap();
    let (mut out, mut status) = (Vec::new(), Vec::new());
    while let Some(event) = receiver.next().await.unwrap() {
        match event {
            Event::Data { id, content, .. } if id == stdout => out.extend_from_slice(&content),
            Event::Data { id, content, .. } if id == error => status.extend_from_slice(&content),
            _ => {}
        }
        if !status.is_empty() {
            break;
        }
    }
    assert_eq!(out, b"through");
    assert_eq!(serde_json::from_slice::<Value>(&status).unwrap()["status"], "Success");
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_of_a_pod_are_reached_over_spdy_and_websocket() {
    if !support::in_namespace("streams::ports_of_a_pod_are_reached_over_spdy_and_websocket") {
        return;
    }
    let (_node, kubelet, client) = setup().await;
    let tasks = Tasks::new("client");
    let (sender, mut receiver) = client.spdy("/portForward/default/web", "portforward.k8s.io", &tasks).await;
    let headers = |kind| [("streamtype", kind), ("port", "8080"), ("requestid", "0")];
    sender.open(&headers("error")).await.unwrap();
    let data = sender.open(&headers("data")).await.unwrap();
    sender.data(data, Bytes::from_static(ASK)).await.unwrap();
    let mut got = Vec::new();
    while let Some(event) = receiver.next().await.unwrap() {
        match event {
            Event::Data { id, content, .. } if id == data => got.extend_from_slice(&content),
            _ => {}
        }
        if got.ends_with(b"pod\n") {
            break;
        }
    }
    assert!(got.starts_with(b"HTTP/1."), "{got:?}");

    // Channels 0 and 1 begin with the port, then comes what the pod sends.
    let mut socket = client.websocket("/portForward/default/web?port=8080", "v4.channel.k8s.io").await.unwrap();
    socket.send(Message::binary([&[0], ASK].concat())).await.unwrap();
    let mut channels = [Vec::new(), Vec::new()];
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(bytes) = message {
            channels[usize::from(bytes[0])].extend_from_slice(&bytes[1..]);
        }
        if channels[0].ends_with(b"pod\n") {
            break;
        }
    }
    assert!(channels[0].starts_with(&[8080_u16.to_le_bytes().as_slice(), b"HTTP/1."].concat()), "{channels:?}");
    assert_eq!(channels[1], 8080_u16.to_le_bytes());

    let refused = client.websocket("/portForward/default/web?port=0", "v4.channel.k8s.io").await;
    assert_eq!(refused.err(), Some(StatusCode::BAD_REQUEST));
    kubelet.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_served_and_strangers_refused() {
    if !support::in_namespace("streams::logs_are_served_and_strangers_refused") {
        return;
    }
    let (node, kubelet, client) = setup().await;
    let logs = |options: &str| format!("/containerLogs/default/web/main?{options}");
    let (status, text) = client.get(&logs("stream=Stdout")).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "begun\n"));
    let (_, text) = client.get(&logs("stream=Stderr&timestamps=true")).await;
    assert!(text.ends_with("Z oops\n") && text.len() == 36, "{text}");
    assert_eq!(client.get(&logs("limitBytes=3&stream=Stdout")).await.1, "beg");

    let (status, text) = client.get("/containerLogs/default/none/main").await;
    assert_eq!((status, text.as_str()), (StatusCode::NOT_FOUND, "pod \"none\" does not exist\n"));
    let (status, text) = client.get("/containerLogs/default/web/none").await;
    assert_eq!((status, text.as_str()), (StatusCode::NOT_FOUND, "container \"none\" not found in pod \"web\"\n"));
    let (status, text) = client.get(&logs("previous=true")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(text, "previous terminated container \"main\" in pod \"web\" not found\n");
    assert_eq!(client.get(&logs("tailLines=-1")).await.0, StatusCode::BAD_REQUEST);

    // A follower sees the end of the container, and afterwards the log is the previous one's.
    let following = logs("follow=true&stream=Stdout");
    let follower = client.get(&following);
    let path = "/api/v1/namespaces/default/pods/web";
    let ending = async {
        node.exec(path, "main", "touch /tmp/end").await;
        let restarted = |pod: Option<&Value>| container(pod, "main")["restartCount"].as_u64().unwrap_or_default() > 0;
        node.api.until(path, restarted).await;
    };
    let ((status, text), ()) = tokio::join!(follower, ending);
    assert_eq!((status, text.as_str()), (StatusCode::OK, "begun\n"));
    assert_eq!(client.get(&logs("previous=true&stream=Stdout")).await.1, "begun\n");

    // Other requests.
    assert_eq!(client.get("/healthz").await, (StatusCode::OK, "ok".to_owned()));
    let pods: Value = serde_json::from_str(&client.get("/pods").await.1).unwrap();
    assert_eq!((pods["kind"].as_str(), pods["items"][0]["metadata"]["name"].as_str()), (Some("PodList"), Some("web")));
    let stats: Value = serde_json::from_str(&client.get("/stats/summary").await.1).unwrap();
    assert_eq!(stats["pods"][0]["podRef"]["name"], "web");
    assert!(stats["node"]["memory"]["workingSetBytes"].as_u64().unwrap() > 0, "{stats}");
    assert_eq!(client.get("/nothing").await.0, StatusCode::NOT_FOUND);
    assert_eq!(client.get("/run/default/web/main").await.0, StatusCode::METHOD_NOT_ALLOWED);

    // Handshakes that are refused.
    let unknown = client.websocket(&exec("output=1", "true"), "v9.channel.k8s.io").await;
    assert_eq!(unknown.err(), Some(StatusCode::FORBIDDEN));
    assert_eq!(client.websocket(&exec("", "true"), "v5.channel.k8s.io").await.err(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(client.get(&exec("output=1", "true")).await.0, StatusCode::BAD_REQUEST);
    let nowhere = client.websocket("/exec/default/web/none?output=1&command=true", "v5.channel.k8s.io").await;
    assert_eq!(nowhere.err(), Some(StatusCode::INTERNAL_SERVER_ERROR));

    let nobody = Client::new(&node, client.port, None);
    assert_eq!(nobody.get("/pods").await, (StatusCode::UNAUTHORIZED, "Unauthorized\n".to_owned()));
    let other_node = Client::new(&node, client.port, Some(("system:node:other", "system:nodes")));
    assert_eq!(other_node.get("/pods").await.0, StatusCode::FORBIDDEN);
    kubelet.kill().await;
}
