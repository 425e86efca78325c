//! `cvctl get`: tables as the server makes them, whole objects for all other formats, either once or as they change.

mod fetch;
mod labels;
mod sort;
mod watch;

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::quote::quote;
use serde_json::Value;

use self::fetch::{Fetched, fetch};
use super::common;
use super::select::{Selection, locate};
use crate::error::Errors;
use crate::output::{Format, Heading, Lead, Style, Table, Widths};
use crate::resources::Resources;
use crate::session::Session;
use crate::target::{self, Target};
use crate::value::text;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// Output format: json, yaml, name, wide, jsonpath=, custom-columns=.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// After listing the requested objects, watch for changes.
    #[arg(short, long)]
    watch: bool,
    /// Watch for changes, without listing first.
    #[arg(long)]
    watch_only: bool,
    /// Output watch event objects when --watch or --watch-only is used.
    #[arg(long)]
    output_watch_events: bool,
    /// Raw URI to request from the server.
    #[arg(long, default_value = "", hide_default_value = true)]
    raw: String,
    /// Return large lists in chunks rather than all at once; 0 does not.
    #[arg(long, default_value_t = 500)]
    chunk_size: u32,
    /// If true, have the server return the appropriate table output.
    #[arg(long, default_value_t = true)]
    server_print: bool,
    /// If specified, gets the subresource of the requested object.
    #[arg(long, default_value = "", hide_default_value = true)]
    subresource: String,
    /// Don't print headers.
    #[arg(long)]
    no_headers: bool,
    /// Exit with 0 when a named object does not exist.
    #[arg(long)]
    ignore_not_found: bool,
    /// When printing, show all labels as the last column.
    #[arg(long)]
    show_labels: bool,
    /// Labels that are presented as columns.
    #[arg(short = 'L', long, value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Sort the list by the value of this JSONPath expression.
    #[arg(long, default_value = "", hide_default_value = true)]
    sort_by: String,
    /// Keep metadata.managedFields when printing objects as JSON or YAML.
    #[arg(long)]
    show_managed_fields: bool,
    /// Always name the kind of each object.
    #[arg(long)]
    show_kind: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let format = Format::parse(&flags.output)?;
    if flags.output_watch_events && !flags.watch && !flags.watch_only {
        bail!("--output-watch-events option can only be used with --watch or --watch-only");
    }
    if !flags.raw.is_empty() {
        return raw(session, &flags).await;
    }
    if flags.selection.is_empty() {
        bail!(
            "You must specify the type of resource to get. {}\n\nerror: Required resource not specified.\n{}\nSee 'cvctl get -h' for help and examples",
            target::SEE_RESOURCES,
            target::EXPLAIN
        );
    }
    let resources = session.resources().await?;
    let targets = targets(session, &resources, &flags)?;
    if flags.watch || flags.watch_only {
        let [target] = targets.as_slice() else { bail!("you may only specify a single resource type") };
        return watch::run(session, target, &flags, &format).await;
    }
    if format.is_table() {
        tables(session, &targets, &flags, &format).await
    } else {
        objects(session, &targets, &flags, &format).await
    }
}

async fn raw(session: &Session, flags: &Flags) -> Result<()> {
    use std::io::Write as _;
    if !flags.selection.is_empty() {
        bail!("arguments may not be passed when --raw is specified");
    }
    if !flags.raw.starts_with('/') {
        bail!("--raw must be a valid URL path: parse {}: invalid URI for request", quote(&flags.raw));
    }
    Ok(std::io::stdout().write_all(&session.requests.raw(&flags.raw).await?)?)
}

/// What is asked for; neighbours of one kind together, so that they make one table.
fn targets<'a>(session: &Session, resources: &'a Resources, flags: &Flags) -> Result<Vec<Target<'a>>> {
    let selection = &flags.selection;
    let asked = if selection.files.given() {
        if !selection.words.is_empty() {
            bail!("when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well");
        }
        let (loaded, errors) = selection.files.load()?;
        errors.into_result().map_err(Errors::only)?;
        let items = loaded.iter().map(|loaded| locate(session, resources, loaded)).collect::<Result<Vec<_>>>();
        items.map_err(Errors::only)?.into_iter().map(Target::from).collect()
    } else {
        target::parse(&selection.words, resources)?
    };
    let mut targets: Vec<Target<'a>> = Vec::new();
    for target in asked {
        if !target.names.is_empty() {
            if selection.all_namespaces {
                bail!("a resource cannot be retrieved by name across all namespaces");
            }
            if !selection.selector.is_empty() {
                bail!("name cannot be provided when a selector is specified");
            }
        }
        match targets.last_mut() {
            Some(last) if last.resource == target.resource && last.namespace == target.namespace => {
                last.names.extend(target.names);
            }
            _ => targets.push(target),
        }
    }
    Ok(targets)
}

/// Fetches whole objects and prints them together.
async fn objects(session: &Session, targets: &[Target<'_>], flags: &Flags, format: &Format) -> Result<()> {
    let (mut found, mut errors, mut as_list) = (Vec::new(), Errors::default(), targets.len() > 1);
    for target in targets {
        as_list |= target.names.len() != 1;
        let Fetched { answers, errors: failed } = fetch(session, target, flags, format).await?;
        failed.into_iter().for_each(|error| errors.push(error));
        for answer in answers {
            found.extend(fetch::objects_of(answer, target));
        }
    }
    if !flags.show_managed_fields {
        for object in &mut found {
            corvette_api::meta::remove_field(object, "managedFields");
        }
    }
    if !flags.sort_by.is_empty() {
        sort::objects(&mut found, &flags.sort_by)?;
    }
    if !found.is_empty() || (errors.is_empty() && !flags.ignore_not_found) {
        print!("{}", format.print_with(&found, as_list, flags.no_headers)?);
    }
    errors.into_result()
}

/// Fetches the server's tables and prints one after another.
async fn tables(session: &Session, targets: &[Target<'_>], flags: &Flags, format: &Format) -> Result<()> {
    let (mut printed, mut errors) = (0, Errors::default());
    for target in targets {
        let Fetched { answers, errors: failed } = match fetch(session, target, flags, format).await {
            Ok(fetched) => fetched,
            Err(failed) => {
                errors.push(failed);
                continue;
            }
        };
        failed.into_iter().for_each(|error| errors.push(error));
        let Some(mut page) = fetch::joined(answers) else { continue };
        if !flags.sort_by.is_empty() {
            sort::rows(&mut page, &flags.sort_by)?;
        }
        let table = shape(&page, target, flags, format, targets.len() > 1 || flags.show_kind);
        if table.len() == 0 {
            continue;
        }
        if printed > 0 && !flags.no_headers {
            println!();
        }
        let heading = if flags.no_headers { Heading::Hidden } else { Heading::Shown };
        print!("{}", table.print(heading, Style::detect(), &mut Widths::default()));
        printed += table.len();
    }
    if printed == 0 && !flags.ignore_not_found && errors.is_empty() {
        common::nothing_found(
            session,
            targets.iter().any(|t| t.resource.namespaced) && !flags.selection.all_namespaces,
        );
    }
    errors.into_result()
}

/// The server's table as it is printed.
fn shape(page: &Value, target: &Target<'_>, flags: &Flags, format: &Format, with_kind: bool) -> Table {
    let wide = matches!(format, Format::Table { wide: true });
    let namespaces = flags.selection.all_namespaces && target.resource.namespaced;
    let lead: Option<Lead> =
        namespaces.then_some(("NAMESPACE", |object| text(object, "/metadata/namespace").to_owned()));
    let mut page = page.clone();
    labels::add_columns(&mut page, &flags.label_columns, flags.show_labels);
    let mut table = Table::from_server(&page, wide, lead);
    if with_kind {
        table.prefix_names(usize::from(namespaces), &format!("{}/", target.resource.qualified_singular()));
    }
    table
}
