//! `cvctl config`.

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::output::{Heading, Style, Table, Widths};
use crate::session::Global;

/// What can be done with a kubeconfig.
#[derive(Subcommand)]
pub enum Command {
    /// Display merged kubeconfig settings, secrets left out
    View,
    /// Display the current context
    CurrentContext,
    /// Describe the contexts
    GetContexts,
    /// Set the current context in the kubeconfig file
    UseContext {
        /// Name of the context.
        name: String,
    },
    /// Set the namespace of the current context
    SetNamespace {
        /// Name of the namespace.
        namespace: String,
    },
}

pub fn run(command: Command, global: &Global) -> Result<()> {
    let config = serde_json::to_value(global.read_kubeconfig()?)?;
    let current = config.get("current-context").and_then(Value::as_str).unwrap_or_default().to_owned();
    match command {
        Command::View => print!("{}", corvette_api::yaml::to_string(&redacted(config))),
        Command::CurrentContext if current.is_empty() => bail!("current-context is not set"),
        Command::CurrentContext => println!("{current}"),
        Command::GetContexts => {
            print!("{}", contexts(&config, &current).print(Heading::Shown, Style::Plain, &mut Widths::default()))
        }
        Command::UseContext { name } => {
            if !named(&config, "contexts").any(|(known, _)| known == name) {
                bail!("no context exists with the name: \"{name}\"");
            }
            change(global, |config| insert(config, "current-context", json!(name)))?;
            println!("Switched to context \"{name}\".");
        }
        Command::SetNamespace { namespace } => {
            change(global, |config| {
                let contexts = config.get_mut("contexts").and_then(Value::as_array_mut);
                let found =
                    contexts.into_iter().flatten().find(|c| c.get("name").and_then(Value::as_str) == Some(&current));
                match found.and_then(|c| c.get_mut("context")) {
                    Some(context) => insert(context, "namespace", json!(namespace)),
                    None => bail!("no context exists with the name: \"{current}\""),
                }
            })?;
            println!("Context \"{current}\" modified.");
        }
    }
    Ok(())
}

fn insert(into: &mut Value, key: &str, value: Value) -> Result<()> {
    into.as_object_mut().context("the kubeconfig is not an object")?.insert(key.to_owned(), value);
    Ok(())
}

/// Rewrites the kubeconfig file in place of its old content, all or nothing.
fn change(global: &Global, edit: impl FnOnce(&mut Value) -> Result<()>) -> Result<()> {
    let files = global.files();
    let path = files.to_change()?;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("error loading config file \"{}\"", path.display()))?;
    let mut config = corvette_api::yaml::parse(&text)?.value;
    edit(&mut config)?;
    corvette_component::files::write_atomic(path, corvette_api::yaml::to_string(&config).as_bytes(), 0o600)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn named<'a>(config: &'a Value, list: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let items = config.get(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some((item.get("name")?.as_str()?, item)))
}

fn contexts(config: &Value, current: &str) -> Table {
    let mut table = Table::new(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]);
    for (name, item) in named(config, "contexts") {
        let text = |key: &str| item.pointer(&format!("/context/{key}")).and_then(Value::as_str).unwrap_or_default();
        let mark = if name == current { "*" } else { "" };
        table.row([mark, name, text("cluster"), text("user"), text("namespace")]);
    }
    table
}

/// Keys, certificates and tokens are not shown.
fn redacted(mut config: Value) -> Value {
    const SECRETS: &[(&str, &str)] = &[
        ("certificate-authority-data", "DATA+OMITTED"),
        ("client-certificate-data", "DATA+OMITTED"),
        ("client-key-data", "DATA+OMITTED"),
        ("token", "REDACTED"),
        ("password", "REDACTED"),
    ];
    // Older clients insist on this field.
    if let Some(fields) = config.as_object_mut() {
        fields.entry("preferences").or_insert_with(|| json!({}));
    }
    for (list, part) in [("clusters", "cluster"), ("users", "user")] {
        for item in config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            for (key, shown) in SECRETS {
                if let Some(slot) = item.get_mut(part).and_then(|p| p.get_mut(*key)) {
                    *slot = json!(shown);
                }
            }
        }
    }
    config
}
