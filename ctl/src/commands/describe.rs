//! `cvctl describe`: an object as a tree, then its events.

use anyhow::Result;
use clap::Args;
use corvette_api::time::HumanDuration;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::output::{Heading, Style, Table};
use crate::request::{Accept, with_query};
use crate::session::Session;
use crate::target;

/// Column in which top-level values begin.
const VALUES: usize = 14;
/// Annotation that repeats the object; left out.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Args)]
pub struct Flags {
    /// TYPE [NAME...], or TYPE/NAME...
    #[arg(required = true)]
    words: Vec<String>,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    selector: String,
    /// If present, list the requested objects across all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let resources = session.resources().await?;
    let mut objects = Vec::new();
    for target in target::parse(&flags.words, &resources)? {
        for name in &target.names {
            let path = target.resource.object(&session.namespace, name);
            objects.push(session.requests.get(&path, Accept::Object).await?);
        }
        if target.names.is_empty() {
            let namespace = (!flags.all_namespaces).then_some(session.namespace.as_str());
            let path = with_query(&target.resource.collection(namespace), &[("labelSelector", &flags.selector)]);
            let list = session.requests.get(&path, Accept::Object).await?;
            for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
                let mut item = item.clone();
                if let Some(fields) = item.as_object_mut() {
                    fields.insert("kind".to_owned(), target.resource.kind.clone().into());
                    fields.insert("apiVersion".to_owned(), target.resource.api_version().into());
                }
                objects.push(item);
            }
        }
    }
    if objects.is_empty() {
        eprintln!("No resources found in {} namespace.", session.namespace);
    }
    for (i, object) in objects.iter().enumerate() {
        if i > 0 {
            println!("\n");
        }
        print!("{}{}", tree(object), events(session, object).await?);
    }
    Ok(())
}

/// The object itself: who it is first, then everything else.
fn tree(object: &Value) -> String {
    let mut out = String::new();
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    for (label, value) in [("Name", text("/metadata/name")), ("Namespace", text("/metadata/namespace"))] {
        if !value.is_empty() {
            out.push_str(&format!("{:<VALUES$}{value}\n", format!("{label}:")));
        }
    }
    pairs(&mut out, "Labels", object.pointer("/metadata/labels"), "=");
    pairs(&mut out, "Annotations", object.pointer("/metadata/annotations"), ": ");
    out.push_str(&format!("{:<VALUES$}{}\n", "API Version:", text("/apiVersion")));
    out.push_str(&format!("{:<VALUES$}{}\n", "Kind:", text("/kind")));
    const SHOWN: &[&str] = &["apiVersion", "kind", "data"];
    for (key, value) in object.as_object().into_iter().flatten().filter(|(key, _)| !SHOWN.contains(&key.as_str())) {
        branch(&mut out, key, &without_shown(key, value), 0);
    }
    if let Some(data) = object.get("data").and_then(Value::as_object) {
        data_block(&mut out, data, text("/kind") == "Secret");
    }
    out
}

/// Metadata without what stands above.
fn without_shown(key: &str, value: &Value) -> Value {
    let mut value = value.clone();
    if let (true, Some(metadata)) = (key == "metadata", value.as_object_mut()) {
        for shown in ["name", "namespace", "labels", "annotations", "managedFields"] {
            metadata.remove(shown);
        }
    }
    value
}

fn pairs(out: &mut String, label: &str, map: Option<&Value>, between: &str) {
    let entries = map.and_then(Value::as_object).into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED);
    let lines: Vec<String> = entries.map(|(k, v)| format!("{k}{between}{}", plain(v))).collect();
    let first = if lines.is_empty() { vec!["<none>".to_owned()] } else { lines };
    for (i, line) in first.iter().enumerate() {
        let label = if i == 0 { format!("{label}:") } else { String::new() };
        out.push_str(&format!("{label:<VALUES$}{line}\n"));
    }
}

fn branch(out: &mut String, key: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let label = title(key);
    match value {
        Value::Null => {}
        Value::Object(fields) if fields.is_empty() => out.push_str(&format!("{indent}{label}:\n")),
        Value::Object(fields) => {
            out.push_str(&format!("{indent}{label}:\n"));
            for (key, value) in fields {
                branch(out, key, value, depth + 1);
            }
        }
        Value::Array(items) => {
            out.push_str(&format!("{indent}{label}:\n"));
            for item in items {
                match item {
                    Value::Object(fields) => fields.iter().for_each(|(k, v)| branch(out, k, v, depth + 1)),
                    other => out.push_str(&format!("{indent}  {}\n", plain(other))),
                }
            }
        }
        other => out.push_str(&format!("{indent}{label}:  {}\n", plain(other))),
    }
}

/// Data of a ConfigMap in full, of a Secret by size.
fn data_block(out: &mut String, data: &Map<String, Value>, secret: bool) {
    out.push_str("\nData\n====\n");
    for (key, value) in data {
        let text = value.as_str().unwrap_or_default();
        if secret {
            let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
            out.push_str(&format!("{key}:  {} bytes\n", (text.len() / 4 * 3).saturating_sub(padding)));
        } else {
            out.push_str(&format!("{key}:\n----\n{text}\n\n"));
        }
    }
}

/// `creationTimestamp` → `Creation Timestamp`; keys that are not names of fields stay.
fn title(key: &str) -> String {
    if !key.chars().all(char::is_alphanumeric) {
        return key.to_owned();
    }
    let mut words = String::new();
    let mut before = ' ';
    for c in key.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.extend(if words.is_empty() { c.to_uppercase().next() } else { Some(c) });
        before = c;
    }
    words
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The events about the object, oldest first.
async fn events(session: &Session, object: &Value) -> Result<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let namespace = if text("/metadata/namespace").is_empty() { "default" } else { text("/metadata/namespace") };
    let selector = format!(
        "involvedObject.kind={},involvedObject.name={},involvedObject.uid={}",
        text("/kind"),
        text("/metadata/name"),
        text("/metadata/uid")
    );
    let path = with_query(&format!("/api/v1/namespaces/{namespace}/events"), &[("fieldSelector", &selector)]);
    let list = session.requests.get(&path, Accept::Object).await?;
    let mut items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if items.is_empty() {
        return Ok(format!("{:<VALUES$}<none>\n", "Events:"));
    }
    items.sort_by_key(|event| event.get("lastTimestamp").and_then(Value::as_str).unwrap_or_default().to_owned());
    let mut table = Table::new(["  Type", "Reason", "Age", "From", "Message"]);
    table.row(["  ----", "------", "----", "----", "-------"]);
    let now = Timestamp::now();
    for event in &items {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        table.row([
            format!("  {}", text("/type")),
            text("/reason"),
            age(event, now),
            source(event),
            text("/message").trim().to_owned(),
        ]);
    }
    Ok(format!("Events:\n{}", table.print(Heading::Shown, Style::Plain)))
}

fn source(event: &Value) -> String {
    let reporter = event.get("reportingComponent").and_then(Value::as_str).filter(|r| !r.is_empty());
    let component = event.pointer("/source/component").and_then(Value::as_str);
    reporter.or(component).unwrap_or_default().to_owned()
}

/// `5s`, or `5s (x3 over 2m)`.
fn age(event: &Value, now: Timestamp) -> String {
    let since = |key: &str| {
        let time: Timestamp = event.get(key)?.as_str()?.parse().ok()?;
        Some(HumanDuration(now.duration_since(time)).to_string())
    };
    let last = since("lastTimestamp").or_else(|| since("eventTime")).unwrap_or_else(|| "<unknown>".to_owned());
    match (event.get("count").and_then(Value::as_i64), since("firstTimestamp")) {
        (Some(count), Some(first)) if count > 1 => format!("{last} (x{count} over {first})"),
        _ => last,
    }
}
