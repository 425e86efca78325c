//! `cvctl set env`.

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::names;
use serde_json::{Map, Value, json};

use super::template::{containers, spec};
use crate::commands::common::{Writing, change_each};
use crate::commands::select::{Item, Selection, Unnamed, something_named};
use crate::session::Session;
use crate::value::{list, text};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
    /// The names of containers in the selected pod templates to change, may use wildcards.
    #[arg(short, long, default_value = "*")]
    containers: String,
    /// Specify a key-value pair for an environment variable to set into each container.
    #[arg(short, long)]
    env: Vec<String>,
    /// If true, display the environment and any changes in the standard format.
    #[arg(long)]
    list: bool,
    /// If true, allow environment to be overwritten, otherwise reject updates that overwrite existing environment.
    #[arg(long, default_value_t = true)]
    overwrite: bool,
}

pub async fn run(session: &Session, mut flags: Flags) -> Result<()> {
    let mut words = std::mem::take(&mut flags.env);
    words.extend(flags.selection.words.extract_if(.., |word| word.contains('=') || word.ends_with('-')));
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for word in &words {
        match (word.split_once('='), word.strip_suffix('-')) {
            (Some((name, value)), _) => {
                if let Err(wrong) = names::is_strict_env_var_name(name) {
                    bail!("\"{name}\" is not a valid key name: {}", wrong.join("; "));
                }
                set.push((name, value));
            }
            (None, Some(name)) => remove.push(name),
            (None, None) => bail!("environment variables must be of the form key=value"),
        }
    }
    something_named(&flags.selection)?;
    if flags.list {
        return show(session, &flags).await;
    }
    change_each(session, &flags.selection, &flags.writing, |item, object| {
        let before = object.clone();
        let found = containers(spec(item, object)?, &flags.containers, false);
        if found.is_empty() {
            eprintln!(
                "Warning: {}/{} does not have any containers matching \"{}\"",
                item.resource.kind, item.name, flags.containers
            );
        }
        for container in found {
            change(container, &set, &remove, flags.overwrite)?;
        }
        Ok((before != *object).then_some("env updated"))
    })
    .await
}

fn change(container: &mut Map<String, Value>, set: &[(&str, &str)], remove: &[&str], overwrite: bool) -> Result<()> {
    let variables = container.entry("env").or_insert_with(|| json!([]));
    let Some(variables) = variables.as_array_mut() else { bail!("env is not a list") };
    for (name, value) in set {
        let variable = json!({ "name": name, "value": value });
        match variables.iter_mut().find(|known| text(known, "/name") == *name) {
            Some(_) if !overwrite => bail!("'{name}' already has a value, and --overwrite is false"),
            Some(known) => *known = variable,
            None => variables.push(variable),
        }
    }
    variables.retain(|known| !remove.contains(&text(known, "/name")));
    if variables.is_empty() {
        container.remove("env");
    }
    Ok(())
}

async fn show(session: &Session, flags: &Flags) -> Result<()> {
    let resources = session.resources().await?;
    for item in flags.selection.find(session, &resources, Unnamed::Mistake).await? {
        let mut object = item.get(session).await?;
        for container in containers(spec(&item, &mut object)?, &flags.containers, true) {
            print(&item, &Value::Object(container.clone()));
        }
    }
    Ok(())
}

fn print(item: &Item<'_>, container: &Value) {
    println!("# {} {}, container {}", item.resource.kind, item.name, text(container, "/name"));
    for variable in list(container, "/env") {
        let name = text(variable, "/name");
        match variable.get("valueFrom") {
            None => println!("{name}={}", text(variable, "/value")),
            Some(from) => println!("# {name} from {}", source(from)),
        }
    }
}

fn source(from: &Value) -> String {
    let key = |kind: &str, what: &str| {
        format!("{what} {}, key {}", text(from, &format!("/{kind}/name")), text(from, &format!("/{kind}/key")))
    };
    if from.get("secretKeyRef").is_some() {
        return key("secretKeyRef", "secret");
    }
    if from.get("configMapKeyRef").is_some() {
        return key("configMapKeyRef", "configmap");
    }
    if from.get("fieldRef").is_some() {
        return format!("field path {}", text(from, "/fieldRef/fieldPath"));
    }
    format!("resource {}", text(from, "/resourceFieldRef/resource"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::change;

    #[test]
    fn variables_come_change_and_go() {
        let mut container = json!({ "name": "a" });
        let container = container.as_object_mut().unwrap();
        change(container, &[("A", "1"), ("B", "2")], &[], true).unwrap();
        change(container, &[("A", "3")], &["B"], true).unwrap();
        assert_eq!(container["env"], json!([{ "name": "A", "value": "3" }]));
        assert!(change(container, &[("A", "4")], &[], false).is_err());
        change(container, &[], &["A"], true).unwrap();
        assert!(!container.contains_key("env"));
    }
}
