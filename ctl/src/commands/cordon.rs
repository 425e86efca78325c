//! `cvctl cordon` and `cvctl uncordon`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::common::{Writing, change_each};
use super::select::Selection;
use crate::session::Session;
use crate::value::flag;

#[derive(Args)]
pub struct Flags {
    /// Names of nodes.
    pub nodes: Vec<String>,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    pub selector: String,
    #[command(flatten)]
    pub writing: Writing,
}

/// Whether pods may be scheduled to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedulable {
    /// They may.
    Yes,
    /// They may not.
    No,
}

impl Flags {
    /// The nodes they select.
    ///
    /// # Errors
    /// When they select none, or both by name and by label.
    pub fn selection(&self, usage: &str) -> Result<Selection> {
        if self.nodes.is_empty() && self.selector.is_empty() {
            bail!("USAGE: {usage} [flags]");
        }
        if !self.nodes.is_empty() && !self.selector.is_empty() {
            bail!("error: cannot specify both a node name and a --selector option");
        }
        let words = std::iter::once("nodes").chain(self.nodes.iter().map(String::as_str));
        let words = words.map(|name| name.trim_start_matches("node/").trim_start_matches("nodes/").to_owned());
        Ok(Selection { words: words.collect(), selector: self.selector.clone(), ..Selection::default() })
    }
}

pub async fn run(session: &Session, flags: &Flags, schedulable: Schedulable) -> Result<()> {
    let command = if schedulable == Schedulable::Yes { "uncordon" } else { "cordon" };
    let selection = flags.selection(&format!("{command} NODE"))?;
    change_each(session, &selection, &flags.writing, |_, node| Ok(Some(set(node, schedulable)))).await
}

fn set(node: &mut Value, schedulable: Schedulable) -> &'static str {
    let unschedulable = schedulable == Schedulable::No;
    if flag(node, "/spec/unschedulable") == unschedulable {
        return if unschedulable { "already cordoned" } else { "already uncordoned" };
    }
    if let Some(spec) = node.get_mut("spec").and_then(Value::as_object_mut) {
        if unschedulable {
            spec.insert("unschedulable".to_owned(), json!(true));
        } else {
            spec.remove("unschedulable");
        }
    }
    if unschedulable { "cordoned" } else { "uncordoned" }
}
