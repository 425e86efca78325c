//! What shows a kubeconfig.

use anyhow::{Result, anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::error::Errors;
use crate::output::{Format, Heading, Style, Table, Widths};
use crate::session::Global;
use crate::value::{list, text};

/// Parts of the entries of these lists.
pub const LISTS: &[(&str, &str)] = &[("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

#[derive(Args)]
pub struct Flags {
    /// Output format.
    #[arg(short, long, default_value = "yaml", hide_default_value = true)]
    output: String,
    /// Remove all information not used by current-context from the output.
    #[arg(long)]
    minify: bool,
    /// Display raw byte data and sensitive data.
    #[arg(long)]
    raw: bool,
    /// Flatten the resulting kubeconfig file into self-contained output.
    #[arg(long)]
    flatten: bool,
}

#[derive(Args)]
pub struct ContextFlags {
    /// Names of contexts.
    names: Vec<String>,
    /// Output format. One of: (name).
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// When using the default output format, don't print headers.
    #[arg(long)]
    no_headers: bool,
}

pub fn run(global: &Global, flags: &Flags) -> Result<()> {
    let format = Format::parse(&flags.output)?;
    let mut config = global.read_kubeconfig()?;
    if flags.minify {
        if config.current_context.as_ref().is_none_or(String::is_empty) && global.context.is_none() {
            bail!("current-context must exist in order to minify");
        }
        config = global.minify(config)?;
    }
    let mut config = complete(serde_json::to_value(config)?);
    if flags.flatten {
        super::change::embed_all(&mut config)?;
    } else if !flags.raw {
        redact(&mut config);
    }
    print!("{}", format.print(&[config], false)?);
    Ok(())
}

pub fn current_context(global: &Global) -> Result<()> {
    match global.read_kubeconfig()?.current_context.filter(|name| !name.is_empty()) {
        None => bail!("current-context is not set"),
        Some(name) => println!("{name}"),
    }
    Ok(())
}

/// The names in one list, below a heading.
pub fn names(global: &Global, of: &str) -> Result<()> {
    let config = serde_json::to_value(global.read_kubeconfig()?)?;
    println!("NAME");
    list(&config, &format!("/{of}")).iter().for_each(|item| println!("{}", text(item, "/name")));
    Ok(())
}

pub fn contexts(global: &Global, flags: &ContextFlags) -> Result<()> {
    if !matches!(flags.output.as_str(), "" | "name") {
        bail!("output must be one of '' or 'name': {}", flags.output);
    }
    let config = serde_json::to_value(global.read_kubeconfig()?)?;
    let current = global.context.as_deref().unwrap_or(text(&config, "/current-context"));
    let mut known: Vec<&Value> = list(&config, "/contexts").iter().collect();
    known.sort_by_key(|context| text(context, "/name"));
    let mut table = Table::new(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]);
    let mut errors = Errors::default();
    for name in &flags.names {
        if !known.iter().any(|context| text(context, "/name") == name) {
            errors.push(anyhow!("context {name} not found"));
        }
    }
    for context in known {
        let name = text(context, "/name");
        if !flags.names.is_empty() && !flags.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        if flags.output == "name" {
            println!("{name}");
            continue;
        }
        let mark = if name == current { "*" } else { "" };
        let cell = |key: &str| text(context, &format!("/context/{key}"));
        table.row([mark, name, cell("cluster"), cell("user"), cell("namespace")]);
    }
    if flags.output.is_empty() {
        let heading = if flags.no_headers { Heading::Hidden } else { Heading::Shown };
        print!("{}", table.print(heading, Style::Plain, &mut Widths::default()));
    }
    errors.into_result()
}

/// With the fields that Go's clients always write.
pub fn complete(mut config: Value) -> Value {
    if let Some(fields) = config.as_object_mut() {
        for (key, empty) in [
            ("apiVersion", json!("v1")),
            ("kind", json!("Config")),
            ("clusters", Value::Null),
            ("contexts", Value::Null),
            ("users", Value::Null),
            ("current-context", json!("")),
            ("preferences", json!({})),
        ] {
            let slot = fields.entry(key).or_insert(Value::Null);
            if slot.is_null() || slot.as_array().is_some_and(Vec::is_empty) {
                *slot = empty;
            }
        }
    }
    config
}

/// Hides keys, certificates and tokens.
fn redact(config: &mut Value) {
    const SECRETS: &[(&str, &str)] = &[
        ("certificate-authority-data", "DATA+OMITTED"),
        ("client-certificate-data", "DATA+OMITTED"),
        ("client-key-data", "DATA+OMITTED"),
        ("token", "REDACTED"),
        ("password", "REDACTED"),
    ];
    for (list, part) in LISTS {
        for item in config.get_mut(*list).and_then(Value::as_array_mut).into_iter().flatten() {
            for (key, shown) in SECRETS {
                if let Some(slot) = item.get_mut(part).and_then(|p| p.get_mut(*key)) {
                    *slot = json!(shown);
                }
            }
        }
    }
}
