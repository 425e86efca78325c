//! `cvctl get`.

use anyhow::{Result, bail};
use clap::Args;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::Value;

use crate::files;
use crate::output::{Format, Heading, Lead, Style, Table};
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::target::{self, Target};

/// Objects asked for at once; longer lists come in pages.
const PAGE: &str = "500";

#[derive(Args)]
pub struct Flags {
    /// TYPE[,TYPE] [NAME...], or TYPE/NAME...
    words: Vec<String>,
    /// Filename, directory, or - to identify the resources to get.
    #[arg(short, long)]
    filename: Vec<String>,
    /// Output format: json, yaml, name, wide, jsonpath=, custom-columns=.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// If present, list the requested objects across all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
    /// Selector (field query) to filter on.
    #[arg(long, default_value = "", hide_default_value = true)]
    field_selector: String,
    /// After listing the requested objects, watch for changes.
    #[arg(short, long)]
    watch: bool,
    /// Don't print headers.
    #[arg(long)]
    no_headers: bool,
    /// Exit with 0 when a named object does not exist.
    #[arg(long)]
    ignore_not_found: bool,
    /// When printing, show all labels as the last column.
    #[arg(long)]
    show_labels: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let format = Format::parse(&flags.output)?;
    let resources = session.resources().await?;
    let mut words = flags.words.clone();
    if !flags.filename.is_empty() {
        for loaded in files::load(&flags.filename, false)? {
            let text =
                |pointer: &str| loaded.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            words.push(format!("{}/{}", text("/kind"), text("/metadata/name")));
        }
    }
    let targets = target::parse(&words, &resources)?;
    if targets.iter().any(|t| !t.names.is_empty()) {
        if flags.all_namespaces {
            bail!("a resource cannot be retrieved by name across all namespaces");
        }
        if !flags.selector.is_empty() {
            bail!("name cannot be provided when a selector is specified");
        }
    }
    if flags.watch {
        let [target] = targets.as_slice() else { bail!("you may only specify a single resource type") };
        return watch(session, target, &flags, &format).await;
    }
    if format.is_table() {
        tables(session, &targets, &flags, &format).await
    } else {
        objects(session, &targets, &flags, &format).await
    }
}

/// Fetches whole objects and prints them together.
async fn objects(session: &Session, targets: &[Target<'_>], flags: &Flags, format: &Format) -> Result<()> {
    let (mut found, mut as_list) = (Vec::new(), targets.len() > 1);
    for target in targets {
        as_list |= target.names.is_empty() || target.names.len() > 1;
        for page in pages(session, target, flags, Accept::Object).await? {
            match page.get("items").and_then(Value::as_array) {
                // Items of a list do not repeat what the list says they are.
                Some(items) if target.names.is_empty() => found.extend(items.iter().map(|item| {
                    let mut item = item.clone();
                    if let Some(fields) = item.as_object_mut() {
                        fields.insert("apiVersion".to_owned(), target.resource.api_version().into());
                        fields.insert("kind".to_owned(), target.resource.kind.clone().into());
                    }
                    item
                })),
                _ => found.push(page),
            }
        }
    }
    if found.is_empty() && flags.ignore_not_found {
        return Ok(());
    }
    print!("{}", format.print(&found, as_list)?);
    Ok(())
}

/// Fetches the server's tables and prints one after another.
async fn tables(session: &Session, targets: &[Target<'_>], flags: &Flags, format: &Format) -> Result<()> {
    let mut printed = 0;
    for target in targets {
        let mut heading = Heading::Shown;
        for page in pages(session, target, flags, Accept::Table).await? {
            let table = shape(&page, target, flags, format, targets.len() > 1);
            if table.len() == 0 {
                continue;
            }
            if heading == Heading::Shown && printed > 0 {
                println!();
            }
            let shown = if flags.no_headers { Heading::Hidden } else { heading };
            print!("{}", table.print(shown, Style::detect()));
            heading = Heading::Hidden;
            printed += table.len();
        }
    }
    if printed == 0 && !flags.ignore_not_found {
        let namespaced = targets.iter().any(|t| t.resource.namespaced) && !flags.all_namespaces;
        let place = if namespaced { format!(" in {} namespace", session.namespace) } else { String::new() };
        eprintln!("No resources found{place}{}", if namespaced { "." } else { "" });
    }
    Ok(())
}

fn shape(page: &Value, target: &Target<'_>, flags: &Flags, format: &Format, several: bool) -> Table {
    let wide = matches!(format, Format::Table { wide: true });
    let namespaces = flags.all_namespaces && target.resource.namespaced;
    let lead: Option<Lead> = namespaces.then_some(("NAMESPACE", namespace_of));
    let mut page = page.clone();
    if flags.show_labels {
        add_labels(&mut page);
    }
    let mut table = Table::from_server(&page, wide, lead);
    if several {
        table.prefix_names(usize::from(namespaces), &format!("{}/", target.resource.qualified_singular()));
    }
    table
}

fn add_labels(table: &mut Value) {
    if let Some(columns) = table.get_mut("columnDefinitions").and_then(Value::as_array_mut) {
        columns.push(serde_json::json!({ "name": "Labels", "priority": 0 }));
    }
    for row in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        let labels = row.pointer("/object/metadata/labels").and_then(Value::as_object);
        let pairs: Vec<String> =
            labels.into_iter().flatten().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
        let cell = if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") };
        if let Some(cells) = row.get_mut("cells").and_then(Value::as_array_mut) {
            cells.push(cell.into());
        }
    }
}

fn namespace_of(object: &Value) -> String {
    object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One answer for each name, or the pages of a list.
async fn pages(session: &Session, target: &Target<'_>, flags: &Flags, accept: Accept) -> Result<Vec<Value>> {
    let mut answers = Vec::new();
    for name in &target.names {
        match session.requests.get(&target.resource.object(&session.namespace, name), accept).await {
            Err(error) if flags.ignore_not_found && crate::error::is_not_found(&error) => {}
            answer => answers.push(answer?),
        }
    }
    if !target.names.is_empty() {
        return Ok(answers);
    }
    let collection = collection(session, target, flags);
    let mut token = String::new();
    loop {
        let page =
            session.requests.get(&with_query(&collection, &[("limit", PAGE), ("continue", &token)]), accept).await?;
        token = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_owned();
        answers.push(page);
        if token.is_empty() {
            return Ok(answers);
        }
    }
}

fn collection(session: &Session, target: &Target<'_>, flags: &Flags) -> String {
    let namespace = (!flags.all_namespaces).then_some(session.namespace.as_str());
    let selectors = [("labelSelector", flags.selector.as_str()), ("fieldSelector", flags.field_selector.as_str())];
    with_query(&target.resource.collection(namespace), &selectors)
}

/// Prints what is there, then every change, until the connection ends.
async fn watch(session: &Session, target: &Target<'_>, flags: &Flags, format: &Format) -> Result<()> {
    let mut path = collection(session, target, flags);
    if let [name] = target.names.as_slice() {
        path = with_query(&path, &[("fieldSelector", &format!("metadata.name={name}"))]);
    } else if target.names.len() > 1 {
        bail!("watch is only supported on individual resources and resource collections");
    }
    let accept = if format.is_table() { Accept::Table } else { Accept::Object };
    let lines = session.requests.stream(&with_query(&path, &[("watch", "true")]), accept).await?;
    let mut lines = std::pin::pin!(lines.lines());
    let mut heading = if flags.no_headers { Heading::Hidden } else { Heading::Shown };
    while let Some(line) = lines.next().await {
        let event: Value = serde_json::from_str(&line?)?;
        let Some(object) = event.get("object") else { continue };
        match event.get("type").and_then(Value::as_str) {
            Some("ERROR") => bail!("{}", object.get("message").and_then(Value::as_str).unwrap_or("the watch failed")),
            Some("BOOKMARK") => {}
            _ if format.is_table() => {
                print!("{}", shape(object, target, flags, format, false).print(heading, Style::detect()));
                heading = Heading::Hidden;
            }
            _ => print!("{}", format.print(std::slice::from_ref(object), false)?),
        }
        use std::io::Write as _;
        std::io::stdout().flush()?;
    }
    Ok(())
}
