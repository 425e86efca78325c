//! `cvctl set resources`.

use anyhow::{Result, anyhow, bail};
use clap::Args;
use corvette_api::meta::as_map;
use corvette_api::quantity::Quantity;
use serde_json::{Value, json};

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
    /// The names of containers in the selected pod templates to change, may use wildcards.
    #[arg(short, long, default_value = "*")]
    containers: String,
    /// The resource requirement limits for this container. For example, 'cpu=100m,memory=256Mi'.
    #[arg(long, default_value = "", hide_default_value = true)]
    limits: String,
    /// The resource requirement requests for this container. For example, 'cpu=100m,memory=256Mi'.
    #[arg(long, default_value = "", hide_default_value = true)]
    requests: String,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    something_named(&flags.selection)?;
    if flags.limits.is_empty() && flags.requests.is_empty() {
        bail!("you must specify an update to requests or limits (in the form of --requests/--limits)");
    }
    let wanted = [("limits", amounts(&flags.limits)?), ("requests", amounts(&flags.requests)?)];
    change_each(session, &flags.selection, &flags.writing, |item, object| {
        let before = object.clone();
        let found = containers(spec(item, object)?, &flags.containers, false);
        if found.is_empty() {
            bail!("unable to find container named {}", flags.containers);
        }
        for container in found {
            let resources = as_map(container.entry("resources").or_insert_with(|| json!({})));
            for (field, amounts) in &wanted {
                if !amounts.is_empty() {
                    as_map(resources.entry(*field).or_insert_with(|| json!({}))).extend(amounts.clone());
                }
            }
        }
        Ok((before != *object).then_some("resource requirements updated"))
    })
    .await
}

fn amounts(text: &str) -> Result<Vec<(String, Value)>> {
    let amount = |pair: &str| {
        let (name, amount) = pair
            .split_once('=')
            .ok_or_else(|| anyhow!("invalid argument syntax {pair}, expected <resource>=<value>"))?;
        let quantity = Quantity::parse(amount).map_err(|error| anyhow!("{error}"))?;
        Ok((name.to_owned(), quantity.to_string().into()))
    };
    text.split(',').filter(|pair| !pair.is_empty()).map(amount).collect()
}
