//! Runs nft.

use std::time::Duration;

use corvette_component::command::{Error, run, run_within};
use tokio::process::Command;

use crate::model::Family;
use crate::rules::{self, Change};

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
    listed.map(drop).map_err(|error| match error.missing {
        true => Error { message: "the program is not installed (package nftables)".to_owned(), ..error },
        false => error,
    })
}

/// Removes the tables of this network namespace. Without nft there are none.
///
/// # Errors
/// When nft refuses.
pub async fn clean() -> Result<(), Error> {
    // `delete` of a table that is not there would fail; `add` of one that is there does nothing.
    let removal = Family::ALL.map(rules::name).map(|name| format!("add table {name}\ndelete table {name}\n"));
    match tell(&removal.concat()).await {
        Err(error) if error.missing => Ok(()),
        done => done,
    }
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
    let chain = format!("{} to-services", rules::name(family));
    let listed = run("nft list chain", Command::new(PROGRAM).args(["list", "chain"]).args(chain.split(' '))).await;
    listed.is_ok_and(|text| text.contains("vmap"))
}

async fn tell(script: &str) -> Result<(), Error> {
    run_within(WITHIN, "nft", Command::new(PROGRAM).args(["-f", "-"]), script).await.map(drop)
}
