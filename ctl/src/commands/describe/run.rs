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
use crate::error::{self, Errors};
use crate::request::{Accept, Requests, with_query};
use crate::session::Session;
use crate::target::{self, Target};
use crate::value::text;

#[derive(Args)]
pub struct Flags {
    /// TYPE [NAME_PREFIX...], or TYPE/NAME...
    words: Vec<String>,
    #[command(flatten)]
    files: common::Files,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
    /// If present, list the requested objects across all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// If true, display events related to the described object.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
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
    if flags.files.given() {
        for loaded in flags.files.load()? {
            let place = common::locate(session, &resources, &loaded)?;
            match session.requests.get(&place.object, Accept::Object).await {
                Ok(object) => objects.push(Found { object, how: How::Named }),
                Err(failed) => errors.push(failed),
            }
        }
    } else if flags.words.is_empty() {
        bail!("You must specify the type of resource to describe. {}", target::SEE_RESOURCES);
    }
    for target in target::parse(&flags.words, &resources)? {
        find(session, &flags, &target, &mut objects, &mut errors).await?;
    }
    if objects.is_empty() && errors.is_empty() {
        common::nothing_found(session, !flags.all_namespaces);
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

async fn find(
    session: &Session,
    flags: &Flags,
    target: &Target<'_>,
    objects: &mut Vec<Found>,
    errors: &mut Errors,
) -> Result<()> {
    if target.names.is_empty() {
        let namespace = (!flags.all_namespaces).then_some(session.namespace.as_str());
        let all = items(session, target, namespace, &flags.selector).await?;
        objects.extend(all.into_iter().map(|object| Found { object, how: How::Named }));
    }
    for name in &target.names {
        match session.requests.get(&target.resource.object(&session.namespace, name), Accept::Object).await {
            Ok(object) => objects.push(Found { object, how: How::Named }),
            Err(failed) if error::is_not_found(&failed) => {
                // A name that nothing has may be the beginning of names.
                let all = items(session, target, Some(&session.namespace), "").await?;
                let before = objects.len();
                let matching = all.into_iter().filter(|o| text(o, "/metadata/name").starts_with(name.as_str()));
                objects.extend(matching.map(|object| Found { object, how: How::Prefix }));
                if objects.len() == before {
                    errors.push(failed);
                }
            }
            Err(failed) => errors.push(failed),
        }
    }
    Ok(())
}

async fn items(session: &Session, target: &Target<'_>, namespace: Option<&str>, selector: &str) -> Result<Vec<Value>> {
    let path = with_query(&target.resource.collection(namespace), &[("labelSelector", selector)]);
    let found = session.requests.list(&path).await?;
    Ok(found
        .into_iter()
        .map(|mut item| {
            meta::set_gvk(&mut item, &target.resource.api_version(), &target.resource.kind);
            item
        })
        .collect())
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
