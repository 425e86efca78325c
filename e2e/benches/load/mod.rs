//! A load generator: keep-alive HTTP/1.1 connections over TLS with the administrator's certificate, one worker each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use corvette_component::pki::Bundle;
use corvette_component::tls;
use http_body_util::{BodyExt as _, Full};
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
        let request = hyper::Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header("host", &self.address)
            .header("content-type", call.content_type)
            .header("accept", "application/json")
            .body(Full::new(call.body.clone()))?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
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
        let took = started.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
        let requests = f64::from(u32::try_from(total)?);
        Ok(Measured {
            rate: requests / took,
            p50: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            cpu: (cpu_seconds(server)? - cpu) / requests,
        })
    }
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
