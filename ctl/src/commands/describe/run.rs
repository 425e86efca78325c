//! The command: finds the objects, fetches what belongs to them, prints.

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::meta;
use serde_json::Value;

use super::events::{self, Events};
use super::related::Related;
use super::table;
use super::text::Text;
use crate::commands::common;
use crate::commands::select::{Item, Selection, Unnamed};
use crate::error::{self, Errors};
use crate::request::Requests;
use crate::session::Session;
use crate::target;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// If true, display events related to the described object.
    #[arg(long, default_value_t = true)]
    show_events: bool,
}

/// How an object was asked for; what stands between descriptions depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By its name, or as one of all.
    Named,
    /// By the beginning of its name.
    Prefix,
}

/// An object to describe.
struct Found {
    object: Value,
    how: How,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let resources = session.resources().await?;
    let (mut objects, mut errors) = (Vec::new(), Errors::default());
    if flags.selection.is_empty() {
        bail!("You must specify the type of resource to describe. {}", target::SEE_RESOURCES);
    }
    for item in flags.selection.find(session, &resources, Unnamed::All).await? {
        match item.object.clone().filter(|_| item.source.is_empty()) {
            Some(object) => objects.push(Found { object, how: How::Named }),
            None => fetch(session, &item, &mut objects, &mut errors).await?,
        }
    }
    if objects.is_empty() && errors.is_empty() {
        // As kubectl: whether the kind has namespaces at all is not looked at.
        common::nothing_found(session, !flags.selection.all_namespaces);
    }
    for (i, Found { object, how }) in objects.iter().enumerate() {
        if i > 0 && *how == How::Named {
            print!("\n\n");
        }
        print!("{}", describe(&session.requests, object, flags.show_events).await);
        if *how == How::Prefix {
            println!();
        }
    }
    errors.into_result()
}

/// Fetches what is called like the item, else what is called like it in the beginning.
async fn fetch(session: &Session, item: &Item<'_>, objects: &mut Vec<Found>, errors: &mut Errors) -> Result<()> {
    let failed = match item.get(session).await {
        Ok(object) => {
            objects.push(Found { object, how: How::Named });
            return Ok(());
        }
        Err(failed) => failed,
    };
    let before = objects.len();
    if error::is_not_found(&failed) && item.source.is_empty() {
        let all = Selection::default().list(session, item.resource).await?;
        let matching = all.into_iter().filter(|other| other.name.starts_with(&item.name));
        objects.extend(matching.filter_map(|other| other.object).map(|object| Found { object, how: How::Prefix }));
    }
    if objects.len() == before {
        errors.push(failed);
    }
    Ok(())
}

/// The description of one object.
async fn describe(requests: &Requests, object: &Value, show_events: bool) -> String {
    let gvk = meta::gvk(object);
    let row = table::find(&gvk.group, &gvk.kind);
    let mut needs = (row.needs)(object);
    let with_events = show_events && row.events == Events::Shown;
    if with_events {
        needs.extend(events::needs(object));
    }
    let related = Related::fetch(requests, needs).await;
    let mut out = Text::default();
    (row.describe)(&mut out, object, &related);
    if with_events {
        events::write(&mut out, &related);
    }
    out.aligned()
}
