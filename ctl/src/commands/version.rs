//! `cvctl version`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::output::indented;
use crate::request::Accept;
use crate::session::{Global, Session};
use crate::value::text;

#[derive(Args)]
pub struct Flags {
    /// If true, shows client version only (no server required).
    #[arg(long)]
    client: bool,
    /// One of 'yaml' or 'json'.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
}

pub async fn run(global: &Global, flags: Flags) -> Result<()> {
    if !matches!(flags.output.as_str(), "" | "yaml" | "json") {
        bail!("--output must be 'yaml' or 'json'");
    }
    let version = env!("CARGO_PKG_VERSION");
    let numbers: Vec<&str> = version.split('.').collect();
    let part = |i: usize| numbers.get(i).copied().unwrap_or_default();
    let client = json!({
        "major": part(0), "minor": part(1), "gitVersion": format!("v{version}"), "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    });
    let mut versions = json!({ "clientVersion": client });
    if flags.output.is_empty() {
        println!("Client Version: v{version}");
    }
    // What is known of the client is shown even where the server does not answer.
    let server = if flags.client { Ok(None) } else { of_server(global).await.map(Some) };
    if let (Ok(Some(server)), Value::Object(fields)) = (&server, &mut versions) {
        fields.insert("serverVersion".to_owned(), server.clone());
    }
    match (flags.output.as_str(), &server) {
        ("yaml", _) => print!("{}", corvette_api::yaml::to_string(&versions)),
        ("json", _) => println!("{}", indented(&versions, 2)?),
        (_, Ok(Some(server))) => println!("Server Version: {}", text(server, "/gitVersion")),
        _ => {}
    }
    server.map(drop)
}

async fn of_server(global: &Global) -> Result<Value> {
    Session::open(global).await?.requests.get("/version", Accept::Object).await
}
