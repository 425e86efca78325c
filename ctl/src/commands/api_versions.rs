//! `cvctl api-versions`.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::session::Session;

pub async fn run(session: &Session) -> Result<()> {
    let resources = session.resources().await?;
    let versions: BTreeSet<String> = resources.all().iter().map(|resource| resource.api_version()).collect();
    versions.iter().for_each(|version| println!("{version}"));
    Ok(())
}
