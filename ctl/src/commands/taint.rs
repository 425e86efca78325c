//! `cvctl taint`.

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::{meta, names};
use serde_json::{Value, json};

use super::common::{Writing, change_each};
use super::select::Selection;
use crate::session::Session;
use crate::value::{list, text};

/// What a taint can do to pods.
const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
    /// If true, allow taints to be overwritten, otherwise reject taint updates that overwrite existing taints.
    #[arg(long)]
    overwrite: bool,
}

/// `key=value:effect`, or `key:effect-` without the effect's sign.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

impl Taint {
    fn parse(word: &str) -> Result<Self> {
        let (head, effect) = word.split_once(':').unwrap_or((word, ""));
        let (key, value) = head.split_once('=').unwrap_or((head, ""));
        if effect.contains(':') || value.contains('=') {
            bail!("invalid taint spec: {word}");
        }
        if !effect.is_empty() && !EFFECTS.contains(&effect) {
            bail!("invalid taint effect: {effect}, unsupported taint effect");
        }
        if let Err(wrong) = names::is_qualified_name(key).and_then(|()| names::is_label_value(value)) {
            bail!("invalid taint spec: {word}, {}", wrong.join("; "));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
    }

    /// Whether a node's taint is this one, whatever its value.
    fn is(&self, taint: &Value) -> bool {
        text(taint, "/key") == self.key && (self.effect.is_empty() || text(taint, "/effect") == self.effect)
    }
}

pub async fn run(session: &Session, mut flags: Flags) -> Result<()> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for word in flags.selection.words.extract_if(.., |word| word.contains([':', '=']) || word.ends_with('-')) {
        match word.strip_suffix('-') {
            Some(word) => remove.push(Taint::parse(word)?),
            None if !word.contains(':') => bail!("invalid taint spec: {word}"),
            None => add.push(Taint::parse(&word)?),
        }
    }
    if flags.selection.words.len() < 2 && !flags.selection.all && flags.selection.selector.is_empty() {
        bail!("at least one resource name must be specified since 'all' parameter is not set");
    }
    if add.is_empty() && remove.is_empty() {
        bail!("at least one taint update is required");
    }
    change_each(session, &flags.selection, &flags.writing, |item, node| {
        if item.resource.kind != "Node" {
            bail!("invalid resource type {}, only node type is supported", item.resource.plural);
        }
        change(node, &item.name, &add, &remove, flags.overwrite).map(Some)
    })
    .await
}

fn change(node: &mut Value, name: &str, add: &[Taint], remove: &[Taint], overwrite: bool) -> Result<&'static str> {
    let mut taints = list(node, "/spec/taints").to_vec();
    for taint in remove {
        let before = taints.len();
        taints.retain(|known| !taint.is(known));
        if taints.len() == before {
            let effect = if taint.effect.is_empty() { String::new() } else { format!(":{}", taint.effect) };
            bail!("taint \"{}{effect}\" not found", taint.key);
        }
    }
    let mut replaced = false;
    for taint in add {
        if taints.iter().any(|known| taint.is(known)) {
            if !overwrite {
                let said = format!(
                    "node {name} already has {} taint(s) with same effect(s) and --overwrite is false",
                    taint.key
                );
                bail!(said);
            }
            replaced = true;
            taints.retain(|known| !taint.is(known));
        }
        let mut value = json!({ "key": taint.key, "effect": taint.effect });
        if !taint.value.is_empty() {
            meta::as_map(&mut value).insert("value".to_owned(), taint.value.as_str().into());
        }
        taints.push(value);
    }
    meta::as_map(meta::as_map(node).entry("spec").or_insert_with(|| json!({})))
        .insert("taints".to_owned(), taints.into());
    Ok(match (add.is_empty(), remove.is_empty()) {
        (true, _) => "untainted",
        (false, true) if !replaced => "tainted",
        _ => "modified",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Taint, change};

    #[test]
    fn taints_come_change_and_go() {
        let taint = |word: &str| vec![Taint::parse(word).unwrap()];
        let mut node = json!({ "spec": {} });
        assert_eq!(change(&mut node, "n", &taint("a=b:NoSchedule"), &[], false).unwrap(), "tainted");
        assert!(change(&mut node, "n", &taint("a=c:NoSchedule"), &[], false).is_err());
        assert_eq!(change(&mut node, "n", &taint("a=c:NoSchedule"), &[], true).unwrap(), "modified");
        assert_eq!(node["spec"]["taints"], json!([{ "key": "a", "value": "c", "effect": "NoSchedule" }]));
        assert_eq!(change(&mut node, "n", &[], &taint("a"), false).unwrap(), "untainted");
        assert_eq!(
            change(&mut node, "n", &[], &taint("a:NoSchedule"), false).unwrap_err().to_string(),
            "taint \"a:NoSchedule\" not found"
        );
        for wrong in ["a=b=c:NoSchedule", "a=b:Bogus", "a=b:NoSchedule:x", "-:NoSchedule"] {
            assert!(Taint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
