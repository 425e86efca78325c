//! Serves an API server alone: `cargo run -p corvette-apiserver --example serve -- DIR [PORT]` keeps its data below DIR
//! and writes `DIR/admin.kubeconfig`. For trying the server with kubectl without the rest of a cluster.

use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use corvette_apiserver::{ApiServer, Config};
use corvette_component::{
    logging,
    pki::{Bundle, Ca, Request, Usage},
    tasks::Tasks,
    tls,
};
use corvette_store::sqlite::{Options, Sqlite};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: serve DIR [PORT]")?;
    let port: u16 = arguments.next().map_or(Ok(6443), |port| port.parse())?;
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir.join("db"))?;
    tls::install_default_provider();
    logging::init(&logging::Options::default())?;
    let ca = Ca::load_or_create(&dir.join("pki"), "corvette")?;
    let day = Duration::from_secs(86_400);
    let server = ca.issue(&Request {
        common_name: "kube-apiserver".into(),
        organizations: Vec::new(),
        dns_names: vec!["localhost".into(), "kubernetes".into(), "kubernetes.default.svc".into()],
        ips: vec![Ipv4Addr::LOCALHOST.into(), "10.96.0.1".parse()?],
        usage: Usage::Server,
        lifetime: day * 365,
    })?;
    let admin = ca.issue(&Request {
        common_name: "admin".into(),
        organizations: vec!["system:masters".into()],
        dns_names: Vec::new(),
        ips: Vec::new(),
        usage: Usage::Client,
        lifetime: day * 365,
    })?;
    write_kubeconfig(dir, port, ca.cert_pem(), &admin)?;
    let tasks = Tasks::new("serve");
    let store = Sqlite::open(dir.join("db/state.db"), Options::default(), &tasks).await?;
    let config = Config::new(Arc::new(store), Ipv4Addr::LOCALHOST.into(), port);
    let api = ApiServer::new(config, &tasks).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("ready: export KUBECONFIG={}", dir.join("admin.kubeconfig").display());
    let tls = tls::server_config(&server, Some(ca.cert_pem()))?;
    tokio::select! {
        () = api.serve(listener, tls) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tasks.shutdown(Duration::from_secs(5)).await.map_err(|late| format!("still running: {late:?}"))?;
    Ok(())
}

fn write_kubeconfig(dir: &Path, port: u16, ca: &str, admin: &Bundle) -> Result<(), Failure> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encode = |text: &str| STANDARD.encode(text);
    let text = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "corvette",
        "clusters": [{"name": "corvette", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority-data": encode(ca)}}],
        "users": [{"name": "admin", "user": {
            "client-certificate-data": encode(&admin.cert_pem), "client-key-data": encode(&admin.key_pem)}}],
        "contexts": [{"name": "corvette", "context": {"cluster": "corvette", "user": "admin"}}],
    });
    Ok(std::fs::write(dir.join("admin.kubeconfig"), text.to_string())?)
}
