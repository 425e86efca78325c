//! Runs nft.

use std::time::Duration;

use corvette_component::command::{Error, run, run_within};
use tokio::process::Command;

use crate::model::Family;
use crate::rules::{Change, TABLE};

/// How long a transaction may take: nft took 10 s for all rules of 10,000 services on two busy processors.
const WITHIN: Duration = Duration::from_secs(120);
/// The program.
const PROGRAM: &str = "nft";

/// Makes sure that nft is there and may be used, before anything relies on it.
///
/// # Errors
/// What keeps it from working, with what to do.
pub async fn check() -> Result<(), Error> {
    let listed = run("nft list tables", Command::new(PROGRAM).args(["list", "tables"])).await;
    listed.map(drop).map_err(|error| match std::process::Command::new(PROGRAM).arg("--version").output() {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            Error { message: "the program is not installed (package nftables)".to_owned(), ..error }
        }
        _ => error,
    })
}

/// Removes the tables of this network namespace. Without nft there are none.
///
/// # Errors
/// When nft refuses.
pub async fn clean() -> Result<(), Error> {
    let asked = Command::new(PROGRAM).arg("--version").output().await;
    if asked.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(());
    }
    // `delete` of a table that is not there would fail; `add` of one that is there does nothing.
    tell(&["ip", "ip6"].map(|ip| format!("add table {ip} {TABLE}\ndelete table {ip} {TABLE}\n")).concat()).await
}

/// Carries out a change.
///
/// # Errors
/// When nft refuses; the first part may have been carried out.
pub(crate) async fn apply(change: &Change) -> Result<(), Error> {
    for transaction in [&change.first, &change.then] {
        if !transaction.is_empty() {
            tell(transaction).await?;
        }
    }
    Ok(())
}

/// Whether the table of a family is as it was left, as far as one chain tells: another program may have flushed all rules.
pub(crate) async fn stands(family: Family) -> bool {
    let ip = if family == Family::V4 { "ip" } else { "ip6" };
    let listed = run("nft list chain", Command::new(PROGRAM).args(["list", "chain", ip, TABLE, "to-services"])).await;
    listed.is_ok_and(|text| text.contains("vmap"))
}

async fn tell(script: &str) -> Result<(), Error> {
    run_within(WITHIN, "nft", Command::new(PROGRAM).args(["-f", "-"]), script).await.map(drop)
}
