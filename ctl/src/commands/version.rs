//! `cvctl version`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::request::Accept;
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    /// If true, shows client version only (no server required).
    #[arg(long)]
    pub client: bool,
}

pub fn client() -> Result<()> {
    println!("Client Version: v{}", env!("CARGO_PKG_VERSION"));
    Ok(())
}

pub async fn run(session: &Session) -> Result<()> {
    client()?;
    let server = session.requests.get("/version", Accept::Object).await?;
    println!("Server Version: {}", server.get("gitVersion").and_then(Value::as_str).unwrap_or("unknown"));
    Ok(())
}
