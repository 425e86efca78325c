//! `cvctl edit`: an editor on the object as YAML, then a patch of what was changed.

use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use corvette_api::{meta, yaml};
use serde_json::Value;

use super::common::{Writing, change};
use super::select::{Item, Selection, Unnamed, something_named};
use crate::error;
use crate::session::Session;

/// What stands above the object.
const HEADER: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n# and an empty file will abort the edit. If an error occurs while saving this file will be\n# reopened with the relevant failures.\n#\n";

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    something_named(&flags.selection)?;
    let printer = flags.writing.printer()?;
    let resources = session.resources().await?;
    for item in flags.selection.find(session, &resources, Unnamed::Mistake).await? {
        let mut live = item.get(session).await?;
        meta::remove_field(&mut live, "managedFields");
        match edit(session, &flags.writing, &item, &live).await? {
            Some(edited) => printer.print(&edited, "edited")?,
            None => eprintln!("Edit cancelled, no changes made."),
        }
    }
    Ok(())
}

/// Opens the editor until what is saved can be stored; `None` when nothing is to be.
async fn edit(session: &Session, writing: &Writing, item: &Item<'_>, live: &Value) -> Result<Option<Value>> {
    let original = yaml::to_string(live);
    let (mut text, mut wrong): (String, Option<anyhow::Error>) = (original.clone(), None);
    loop {
        let said: String = wrong
            .iter()
            .flat_map(|e| {
                let told = error::in_kubectls_words(e);
                told.lines().map(|line| format!("# {line}\n")).collect::<Vec<_>>()
            })
            .collect();
        let end = if said.is_empty() { "" } else { "#\n" };
        let file = save(&format!("{HEADER}{said}{end}{text}"))?;
        open(file.path())?;
        let saved = std::fs::read_to_string(file.path()).context("the edited file")?;
        let saved: String = saved.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
        if saved == text || saved.trim().is_empty() {
            let Some(wrong) = wrong else { return Ok(None) };
            let (_, kept) = file.keep().map_err(|error| anyhow!(error))?;
            eprintln!("{}", error::in_kubectls_words(&wrong));
            eprintln!("A copy of your changes has been stored to \"{}\"", kept.display());
            bail!("Edit cancelled, no valid changes were saved.");
        }
        if saved == original {
            return Ok(None);
        }
        match store(session, writing, item, live, &saved).await {
            Ok(done) => return Ok(done),
            Err(failed) if error::is_unreachable(&failed) => return Err(failed),
            Err(failed) => wrong = Some(failed),
        }
        text = saved;
    }
}

async fn store(
    session: &Session,
    writing: &Writing,
    item: &Item<'_>,
    live: &Value,
    text: &str,
) -> Result<Option<Value>> {
    let wanted = yaml::parse(text)?.value;
    if wanted == *live {
        return Ok(None);
    }
    if meta::name(&wanted) != meta::name(live) || meta::kind(&wanted) != meta::kind(live) {
        bail!("At least one of apiVersion, kind and name was changed");
    }
    change(session, item, writing, live, wanted).await.map(Some)
}

fn save(text: &str) -> Result<tempfile::NamedTempFile> {
    let mut file =
        tempfile::Builder::new().prefix("cvctl-edit-").suffix(".yaml").tempfile().context("no temporary file")?;
    file.write_all(text.as_bytes()).context("cannot write the file to edit")?;
    Ok(file)
}

fn open(file: &std::path::Path) -> Result<()> {
    let editor = ["KUBE_EDITOR", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file).status();
    let status = status.with_context(|| format!("unable to launch the editor \"{editor}\""))?;
    if !status.success() {
        bail!("there was a problem with the editor \"{editor}\"");
    }
    Ok(())
}
