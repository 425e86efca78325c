//! A load generator: keep-alive HTTP/1.1 connections over TLS with the administrator's certificate, one worker each.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use corvette_component::pki::Bundle;
use corvette_component::tls;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where to send requests, and as whom.
pub struct Target {
    address: String,
    connector: TlsConnector,
}

/// One request.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Call {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), content_type: "application/json", body: Bytes::new() }
    }

    /// A write of `body`.
    pub fn write(method: &'static str, path: impl Into<String>, content_type: &'static str, body: &Value) -> Self {
        Self { method, path: path.into(), content_type, body: body.to_string().into() }
    }
}

/// What one run measured.
pub struct Measured {
    /// Requests per second.
    pub rate: f64,
    /// Half of the requests took no longer.
    pub p50: Duration,
    /// 99 of 100 requests took no longer.
    pub p99: Duration,
    /// CPU of the server, seconds for each request.
    pub cpu: f64,
}

impl Target {
    /// Reads address and credentials from a kubeconfig of `corvette up`.
    pub fn from_kubeconfig(path: &Path) -> Result<Self> {
        let config: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let field = |value: &Value| {
            use base64::Engine as _;
            let text = value.as_str().context("embedded credentials")?;
            let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
            anyhow::Ok(String::from_utf8(bytes)?)
        };
        let user = &config["users"][0]["user"];
        let identity =
            Bundle { cert_pem: field(&user["client-certificate-data"])?, key_pem: field(&user["client-key-data"])? };
        let cluster = &config["clusters"][0]["cluster"];
        let tls = tls::client_config(&field(&cluster["certificate-authority-data"])?, &Some(identity))?;
        let mut tls = Arc::unwrap_or_clone(tls);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server = cluster["server"].as_str().context("server")?;
        let address = server.strip_prefix("https://").context("https")?.to_owned();
        Ok(Self { address, connector: TlsConnector::from(Arc::new(tls)) })
    }

    /// Opens a connection.
    pub async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let socket = TcpStream::connect(&self.address).await?;
        socket.set_nodelay(true)?;
        let name = self.address.split(':').next().unwrap_or_default().to_owned();
        let stream = self.connector.connect(name.try_into()?, socket).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends one request and reads the answer; anything but success is an error.
    pub async fn send(&self, connection: &mut SendRequest<Full<Bytes>>, call: &Call) -> Result<Bytes> {
        Ok(self.begin(connection, call).await?.collect().await?.to_bytes())
    }

    /// Sends one request; the answer's body is still to come.
    async fn begin(&self, connection: &mut SendRequest<Full<Bytes>>, call: &Call) -> Result<Incoming> {
        let request = hyper::Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header("host", &self.address)
            .header("content-type", call.content_type)
            .header("accept", "application/json")
            .body(Full::new(call.body.clone()))?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let (status, body) = (answer.status(), answer.into_body());
        if !status.is_success() {
            let body = body.collect().await?.to_bytes();
            bail!("{} {}: {status} {}", call.method, call.path, String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    /// Sends `total` requests over `workers` connections; `make(i)` gives the i-th. `server` is the process whose CPU is counted.
    pub async fn run<F>(self: &Arc<Self>, server: u32, workers: usize, total: usize, make: F) -> Result<Measured>
    where
        F: Fn(usize) -> Call + Send + Sync + Clone + 'static,
    {
        let next = Arc::new(AtomicUsize::new(0));
        let mut connections = Vec::new();
        for _ in 0..workers {
            connections.push(self.connect().await?);
        }
        let (cpu, started) = (cpu_seconds(server)?, Instant::now());
        let workers: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                let (target, next, make) = (self.clone(), next.clone(), make.clone());
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= total {
                            return anyhow::Ok(times);
                        }
                        let began = Instant::now();
                        target.send(&mut connection, &make(i)).await?;
                        times.push(began.elapsed());
                    }
                })
            })
            .collect();
        let mut times = Vec::new();
        for worker in workers {
            times.extend(worker.await??);
        }
        Measured::of(times, started.elapsed(), cpu_seconds(server)? - cpu)
    }

    /// Has `watchers` connections watch `path` while `writes` objects are created there one after the other; `make(i)`
    /// gives the i-th, whose name ends in `-i`. Measures each event, from the sending of the write.
    pub async fn watch<F>(
        self: &Arc<Self>,
        server: u32,
        watchers: usize,
        writes: usize,
        path: &str,
        make: F,
    ) -> Result<Measured>
    where
        F: Fn(usize) -> Call,
    {
        let mut writer = self.connect().await?;
        let list: Value =
            serde_json::from_slice(&self.send(&mut writer, &Call::get(format!("{path}?limit=1"))).await?)?;
        let from = list["metadata"]["resourceVersion"].as_str().context("resourceVersion")?;
        let watch = Call::get(format!("{path}?watch=true&resourceVersion={from}"));
        let mut streams = Vec::new();
        for _ in 0..watchers {
            let mut connection = self.connect().await?;
            let events = self.begin(&mut connection, &watch).await?;
            streams.push((connection, events));
        }
        let sent: Arc<Vec<OnceLock<Instant>>> = Arc::new((0..writes).map(|_| OnceLock::new()).collect());
        let (cpu, started) = (cpu_seconds(server)?, Instant::now());
        let readers: Vec<_> = streams
            .into_iter()
            .map(|(connection, events)| {
                let sent = sent.clone();
                tokio::spawn(async move {
                    let delays = delays(events, &sent).await;
                    drop(connection);
                    delays
                })
            })
            .collect();
        for (i, at) in sent.iter().enumerate() {
            at.get_or_init(Instant::now);
            self.send(&mut writer, &make(i)).await?;
        }
        let mut times = Vec::new();
        for reader in readers {
            times.extend(reader.await??);
        }
        Measured::of(times, started.elapsed(), cpu_seconds(server)? - cpu)
    }
}

impl Measured {
    fn of(mut times: Vec<Duration>, took: Duration, cpu: f64) -> Result<Self> {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
        let count = f64::from(u32::try_from(times.len())?);
        Ok(Self {
            rate: count / took.as_secs_f64(),
            p50: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            cpu: cpu / count,
        })
    }
}

/// Reads one event for each object that was sent; returns how long after its sending each came.
async fn delays(mut events: Incoming, sent: &[OnceLock<Instant>]) -> Result<Vec<Duration>> {
    let (mut delays, mut read) = (Vec::with_capacity(sent.len()), BytesMut::new());
    while delays.len() < sent.len() {
        let frame = events.frame().await.context("the watch ended")??;
        read.extend_from_slice(frame.data_ref().context("data")?);
        while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(&read.split_to(end + 1))?;
            let name = event["object"]["metadata"]["name"].as_str().context("name")?;
            let number: usize = name.rsplit('-').next().context("number")?.parse()?;
            delays.push(sent[number].get().context("an event of a write that was not sent")?.elapsed());
        }
    }
    Ok(delays)
}

/// CPU time a process has used, seconds.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit(')').next().context("stat")?;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10).as_secs_f64())
}

/// Resident memory of a process, MiB.
pub fn resident_mib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
    Ok(kib / 1024)
}
