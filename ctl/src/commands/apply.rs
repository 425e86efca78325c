//! `cvctl apply`: three-way, client-side, with kubectl's annotation, so that both can be used on one object.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_api::{meta, patch, schema};
use http::Method;
use serde_json::{Value, json};

use super::common::{DryRun, Files, Place, Printer, Validate, in_namespace, locate};
use crate::error::{self, Errors};
use crate::files::Loaded;
use crate::request::{Accept, with_query};
use crate::resources::Resources;
use crate::session::Session;

/// Where the last applied object is kept.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Tries when others change the object at the same time.
const TRIES: usize = 5;

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    files: Files,
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// Must be "none", "server", or "client".
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    dry_run: DryRun,
    /// What happens to unknown and duplicate fields.
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "strict", require_equals = true)]
    validate: Validate,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let printer = Printer::new(&flags.output, flags.dry_run)?;
    let loaded = flags.files.load_for("apply")?;
    let resources = session.resources().await?;
    let (mut applied, mut errors) = (Vec::new(), Errors::default());
    // Every object gets its turn.
    for loaded in &loaded {
        match apply(session, &resources, &flags, loaded).await {
            Ok(done) if printer.prints_objects() => applied.push(done),
            Ok((object, what)) => printer.print(&object, what)?,
            Err(failed) => errors.push(failed),
        }
    }
    printer.print_all(&applied)?;
    errors.into_result()
}

async fn apply(
    session: &Session,
    resources: &Resources,
    flags: &Flags,
    loaded: &Loaded,
) -> Result<(Value, &'static str)> {
    let place = locate(session, resources, loaded)?;
    let wanted = in_namespace(&place, &loaded.object);
    named(&wanted, &place, &loaded.source)?;
    let modified = annotated(&wanted)?;
    for _ in 1..TRIES {
        let current = match session.requests.get(&place.object, Accept::Object).await {
            Err(failed) if error::is_not_found(&failed) => {
                return created(session, &place, flags, modified)
                    .await
                    .with_context(|| format!("error when creating \"{}\"", loaded.source));
            }
            current => current.with_context(|| retrieving(&wanted, &place, &loaded.source))?,
        };
        if flags.dry_run == DryRun::Client {
            return Ok((modified, "configured"));
        }
        if meta::annotation(&current, LAST_APPLIED).is_none() {
            eprintln!(
                "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by cvctl apply. cvctl apply should only be used on resources created declaratively by cvctl apply. The missing annotation will be patched automatically.",
                place.resource.plural,
                meta::name(&wanted)
            );
        }
        match changed(session, &place, flags, &modified, current).await {
            Err(failed) if error::status_of(&failed).is_some_and(|s| s.code == 409) => {}
            done => return done.with_context(|| format!("error when patching \"{}\"", loaded.source)),
        }
    }
    bail!("error when patching \"{}\": the object was changed by others every time", loaded.source)
}

async fn created(session: &Session, place: &Place<'_>, flags: &Flags, object: Value) -> Result<(Value, &'static str)> {
    if flags.dry_run == DryRun::Client {
        return Ok((object, "created"));
    }
    let path = with_query(&place.collection, &parameters(flags));
    Ok((session.requests.write(Method::POST, &path, &object).await?, "created"))
}

async fn changed(
    session: &Session,
    place: &Place<'_>,
    flags: &Flags,
    modified: &Value,
    current: Value,
) -> Result<(Value, &'static str)> {
    let (content_type, patch) = difference(modified, &current)?;
    if patch.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok((current, "unchanged"));
    }
    let path = with_query(&place.object, &parameters(flags));
    let changed = session.requests.patch(&path, content_type, &patch).await?;
    let same = meta::resource_version(&changed) == meta::resource_version(&current) && flags.dry_run == DryRun::None;
    Ok((changed, if same { "unchanged" } else { "configured" }))
}

fn parameters(flags: &Flags) -> [(&'static str, &'static str); 2] {
    [("dryRun", flags.dry_run.parameter()), ("fieldValidation", flags.validate.parameter())]
}

/// Applying takes a name: it is how the object is found again.
fn named(wanted: &Value, place: &Place<'_>, source: &str) -> Result<()> {
    if !meta::name(wanted).is_empty() {
        return Ok(());
    }
    if !meta::generate_name(wanted).is_empty() {
        bail!("from {}: cannot use generate name with apply", meta::generate_name(wanted));
    }
    bail!("{}: resource name may not be empty", retrieving(wanted, place, source))
}

fn retrieving(wanted: &Value, place: &Place<'_>, source: &str) -> String {
    let version = place.resource.api_version();
    let version = if place.resource.group.is_empty() { format!("/{version}") } else { version };
    format!(
        "error when retrieving current configuration of:\nResource: \"{version}, Resource={}\", GroupVersionKind: \"{version}, Kind={}\"\nName: \"{}\", Namespace: \"{}\"\nfrom server for: \"{source}\"",
        place.resource.plural,
        place.resource.kind,
        meta::name(wanted),
        place.namespace
    )
}

/// The object with itself, as it was in the file, in its annotation.
fn annotated(wanted: &Value) -> Result<Value> {
    let mut plain = wanted.clone();
    let metadata = plain.get_mut("metadata").and_then(Value::as_object_mut).context("metadata is missing")?;
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    annotations.as_object_mut().context("metadata.annotations is not an object")?.remove(LAST_APPLIED);
    let text = format!("{}\n", as_go_writes(&plain)?);
    meta::set_annotation(&mut plain, LAST_APPLIED, &text);
    Ok(plain)
}

/// JSON byte for byte as Go's encoder writes it, which escapes what could be markup: kubectl compares the annotation's text.
fn as_go_writes(value: &Value) -> Result<String> {
    let text = serde_json::to_string(value)?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    Ok(escaped)
}

/// The patch from what the server has to what is wanted, given what was applied last. Strategic for kinds in the schema table.
fn difference(modified: &Value, current: &Value) -> Result<(&'static str, Value)> {
    let last = meta::annotation(current, LAST_APPLIED).filter(|text| !text.trim().is_empty());
    let last: Value =
        last.map(serde_json::from_str).transpose().context("last applied configuration")?.unwrap_or_else(|| json!({}));
    match schema::of_object(modified) {
        Some(def) => {
            let patch = patch::strategic::three_way(def, &last, modified, current)?;
            Ok(("application/strategic-merge-patch+json", patch))
        }
        None => Ok(("application/merge-patch+json", patch::merge::three_way(&last, modified, current))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LAST_APPLIED, annotated, difference};

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
        assert_eq!(difference(&modified, &modified).unwrap().1, json!({}));
    }
}
