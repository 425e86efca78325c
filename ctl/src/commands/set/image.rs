//! `cvctl set image`.

use anyhow::{Result, bail};
use clap::Args;

use super::template::{containers, spec};
use crate::commands::common::{Writing, change_each};
use crate::commands::select::{Selection, something_named};
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(session: &Session, mut flags: Flags) -> Result<()> {
    let words = flags.selection.words.extract_if(.., |word| word.contains('='));
    let images: Vec<(String, String)> = words
        .filter_map(|word| word.split_once('=').map(|(name, image)| (name.to_owned(), image.to_owned())))
        .collect();
    something_named(&flags.selection)?;
    if images.is_empty() {
        bail!("at least one image update is required");
    }
    change_each(session, &flags.selection, &flags.writing, |item, object| {
        let before = object.clone();
        let spec = spec(item, object)?;
        for (name, image) in &images {
            let containers = containers(spec, name, true);
            if containers.is_empty() && name != "*" {
                bail!("unable to find container named \"{name}\"");
            }
            for container in containers {
                container.insert("image".to_owned(), image.as_str().into());
            }
        }
        Ok((before != *object).then_some("image updated"))
    })
    .await
}
