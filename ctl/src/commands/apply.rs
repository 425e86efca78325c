//! `cvctl apply`: three-way, client-side, with kubectl's annotation, so that both can be used on one object.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_api::{meta, patch, schema};
use serde_json::{Value, json};

use super::common::{DryRun, MERGE, STRATEGIC, Validation, Writing};
use super::create::create;
use super::select::{Files, Item, locate};
use crate::error;
use crate::output::go;
use crate::session::Session;

/// Where the last applied object is kept.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Tries when others change the object at the same time.
const TRIES: usize = 5;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    validation: Validation,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let printer = flags.writing.printer()?;
    let (loaded, mut errors) = flags.files.load_for("apply")?;
    let resources = session.resources().await?;
    let mut applied = Vec::new();
    // Every object gets its turn.
    for loaded in &loaded {
        let one = async { apply(session, &flags, &locate(session, &resources, loaded)?).await };
        match one.await {
            Ok((object, _)) if printer.prints_objects() => applied.push(object),
            Ok((object, what)) => printer.print(&object, what)?,
            Err(failed) => errors.push(failed),
        }
    }
    printer.print_all(&applied)?;
    errors.into_result()
}

async fn apply(session: &Session, flags: &Flags, item: &Item<'_>) -> Result<(Value, &'static str)> {
    let wanted = item.to_send();
    named(&wanted, item)?;
    let modified = annotated(&wanted)?;
    for _ in 1..TRIES {
        let current = match item.get(session).await {
            Err(failed) if error::is_not_found(&failed) => {
                return Ok((create(session, item, &flags.writing, &flags.validation, modified).await?, "created"));
            }
            current => current.with_context(|| retrieving(item))?,
        };
        if meta::annotation(&current, LAST_APPLIED).is_none() {
            eprintln!(
                "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by cvctl apply. cvctl apply should only be used on resources created declaratively by either cvctl create --save-config or cvctl apply. The missing annotation will be patched automatically.",
                item.resource.plural, item.name
            );
        }
        match changed(session, item, flags, &modified, current).await {
            Err(failed) if error::status_of(&failed).is_some_and(|s| s.code == 409) => {}
            done => return done,
        }
    }
    bail!("error when patching \"{}\": the object was changed by others every time", item.source)
}

async fn changed(
    session: &Session,
    item: &Item<'_>,
    flags: &Flags,
    modified: &Value,
    current: Value,
) -> Result<(Value, &'static str)> {
    // What it would be is the server's to say.
    if flags.writing.dry_run == DryRun::Client {
        return Ok((current, "configured"));
    }
    let (content_type, patch) = three_way(modified, &current)?;
    if patch.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok((current, "unchanged"));
    }
    let path = flags.validation.on(&flags.writing.on(&item.path()));
    let changed = session.requests.patch(&path, content_type, &patch).await;
    let changed = changed.with_context(|| {
        let (source, which) = (&item.source, which(item));
        let patch = go::json(&patch);
        format!(
            "error when applying patch:\n{patch}\nto:\n{which}\nfor: \"{source}\": error when patching \"{source}\""
        )
    })?;
    let same =
        meta::resource_version(&changed) == meta::resource_version(&current) && flags.writing.dry_run == DryRun::None;
    Ok((changed, if same { "unchanged" } else { "configured" }))
}

/// Applying takes a name: it is how the object is found again.
fn named(wanted: &Value, item: &Item<'_>) -> Result<()> {
    if !item.name.is_empty() {
        return Ok(());
    }
    if !meta::generate_name(wanted).is_empty() {
        bail!("from {}: cannot use generate name with apply", meta::generate_name(wanted));
    }
    bail!("{}: resource name may not be empty", retrieving(item))
}

fn retrieving(item: &Item<'_>) -> String {
    format!("error when retrieving current configuration of:\n{}\nfrom server for: \"{}\"", which(item), item.source)
}

fn which(item: &Item<'_>) -> String {
    let version = item.resource.versioned();
    format!(
        "Resource: \"{version}, Resource={}\", GroupVersionKind: \"{version}, Kind={}\"\nName: \"{}\", Namespace: \"{}\"",
        item.resource.plural, item.resource.kind, item.name, item.namespace
    )
}

/// The object with itself, as it was in the file, in its annotation.
///
/// # Errors
/// For metadata of the wrong type.
pub fn annotated(wanted: &Value) -> Result<Value> {
    let mut plain = wanted.clone();
    let metadata = plain.get_mut("metadata").and_then(Value::as_object_mut).context("metadata is missing")?;
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    annotations.as_object_mut().context("metadata.annotations is not an object")?.remove(LAST_APPLIED);
    let text = format!("{}\n", go::json(&plain));
    meta::set_annotation(&mut plain, LAST_APPLIED, &text);
    Ok(plain)
}

/// The patch from what the server has to what is wanted, given what was applied last. Strategic for kinds in the schema table.
///
/// # Errors
/// For an annotation that is not JSON, and lists that cannot be merged.
pub fn three_way(modified: &Value, current: &Value) -> Result<(&'static str, Value)> {
    let last = meta::annotation(current, LAST_APPLIED).filter(|text| !text.trim().is_empty());
    let last: Value =
        last.map(serde_json::from_str).transpose().context("last applied configuration")?.unwrap_or_else(|| json!({}));
    Ok(match schema::of_object(modified) {
        Some(def) => (STRATEGIC, patch::strategic::three_way(def, &last, modified, current)?),
        None => (MERGE, patch::merge::three_way(&last, modified, current)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LAST_APPLIED, annotated, three_way};

    #[test]
    fn the_annotation_is_kubectls_byte_for_byte() {
        let object =
            json!({ "kind": "ConfigMap", "apiVersion": "v1", "metadata": { "name": "a" }, "data": { "k": "<&>" } });
        let modified = annotated(&object).unwrap();
        assert_eq!(
            modified["metadata"]["annotations"][LAST_APPLIED],
            "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"\\u003c\\u0026\\u003e\"},\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n"
        );
        assert_eq!(annotated(&modified).unwrap(), modified, "applying what was read back changes nothing");
        assert_eq!(three_way(&modified, &modified).unwrap().1, json!({}));
    }
}
