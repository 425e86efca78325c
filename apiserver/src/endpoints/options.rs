//! Options of writes: dry run, field validation, preconditions of deletes.

use corvette_api::{
    field::{Errors, Path},
    gvk::GroupKind,
    meta,
    status::{self, Status},
};
use serde_json::Value;

use crate::filters::query::Query;

/// What becomes of unknown and duplicate fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped and the client is warned.
    #[default]
    Warn,
    /// The request fails.
    Strict,
}

/// Options of create, update and patch.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// What becomes of unknown and duplicate fields.
    pub field_validation: FieldValidation,
}

impl WriteOptions {
    /// Reads the options of a query; `kind` is the options' kind for messages (`CreateOptions`).
    ///
    /// # Errors
    /// 422 for values upstream does not know.
    pub fn parse(query: &Query, kind: &'static str) -> Result<Self, Status> {
        let mut errors = Errors::default();
        if kind == "PatchOptions" && query.get("force").is_some() {
            errors.forbidden(&Path::new("force"), "may not be specified for non-apply patch");
        }
        check_manager(query.text("fieldManager"), &mut errors);
        let dry_run = dry_run(query.all("dryRun"), &mut errors);
        let field_validation = match query.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                errors.not_supported_value(&Path::new("fieldValidation"), other, &["Ignore", "Warn", "Strict"]);
                FieldValidation::Warn
            }
        };
        if errors.is_empty() { Ok(Self { dry_run, field_validation }) } else { Err(invalid(kind, &errors)) }
    }
}

/// Checks the name of a field manager: short, and printable.
fn check_manager(manager: &str, errors: &mut Errors) {
    let path = Path::new("fieldManager");
    if manager.len() > 128 {
        errors.too_long(&path, 128);
    }
    let unprintable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    for (at, c) in manager.char_indices().filter(|(_, c)| unprintable(*c)) {
        let detail = format!("invalid character U+{:04X} (at position {at})", u32::from(c));
        errors.invalid_value(&path, manager, detail);
    }
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>, errors: &mut Errors) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        errors.not_supported_value(&Path::new("dryRun"), values.clone(), &["All"]);
    }
    !values.is_empty()
}

fn invalid(kind: &'static str, errors: &Errors) -> Status {
    status::invalid(&GroupKind::new("meta.k8s.io", kind), "", errors)
}

/// What happens to the dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They stay, without owner.
    Orphan,
    /// They go afterwards.
    Background,
    /// They go first.
    Foreground,
}

/// Options of delete and deletecollection.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Do everything but delete.
    pub dry_run: bool,
    /// Grace period asked for, in seconds.
    pub grace_seconds: Option<i64>,
    /// What happens to dependents; `None` leaves it to the kind.
    pub propagation: Option<Propagation>,
    /// `orphanDependents=false` was asked for, which upstream answers with 202 when the object stays for now.
    pub cascade_requested: bool,
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must have this resourceVersion.
    pub resource_version: Option<String>,
    /// Delete an object that cannot be read from the store.
    pub ignore_store_read_error: bool,
}

impl DeleteOptions {
    /// Reads options of a body, or of the query when there is none.
    ///
    /// # Errors
    /// 400 for a body that is not `DeleteOptions`, 422 for values upstream refuses.
    pub fn parse(query: &Query, body: Option<&Value>) -> Result<Self, Status> {
        let mut errors = Errors::default();
        let mut options = Self::default();
        let policy = match body {
            Some(body) => options.read_body(body, &mut errors)?,
            None => options.read_query(query, &mut errors)?,
        };
        options.read_policy(&policy, &mut errors);
        if errors.is_empty() { Ok(options) } else { Err(invalid("DeleteOptions", &errors)) }
    }

    fn read_body(&mut self, body: &Value, errors: &mut Errors) -> Result<Policy, Status> {
        let kind = meta::kind(body);
        if !kind.is_empty() && kind != "DeleteOptions" {
            return Err(status::bad_request(format!(
                "decoded object cannot be converted to DeleteOptions: kind {kind}"
            )));
        }
        let dry = body.get("dryRun").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        self.dry_run = dry_run(dry.iter().filter_map(Value::as_str), errors);
        self.grace_seconds = body.get("gracePeriodSeconds").and_then(Value::as_i64);
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        self.uid = text("/preconditions/uid");
        self.resource_version = text("/preconditions/resourceVersion");
        self.ignore_store_read_error =
            body.get("ignoreStoreReadErrorWithClusterBreakingPotential").and_then(Value::as_bool).unwrap_or(false);
        Ok(Policy {
            propagation: text("/propagationPolicy"),
            orphan: body.get("orphanDependents").and_then(Value::as_bool),
        })
    }

    fn read_query(&mut self, query: &Query, errors: &mut Errors) -> Result<Policy, Status> {
        self.dry_run = dry_run(query.all("dryRun"), errors);
        self.grace_seconds = query.number("gracePeriodSeconds").map_err(status::bad_request)?;
        let precondition = |name: &str| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        self.uid = precondition("uid");
        self.resource_version = precondition("resourceVersion");
        Ok(Policy {
            propagation: query.get("propagationPolicy").map(str::to_owned),
            orphan: query.maybe_flag("orphanDependents"),
        })
    }

    fn read_policy(&mut self, policy: &Policy, errors: &mut Errors) {
        let path = Path::new("propagationPolicy");
        if policy.propagation.is_some() && policy.orphan.is_some() {
            let given = policy.propagation.clone().unwrap_or_default();
            errors.invalid_value(&path, given, "orphanDependents and deletionPropagation cannot be both set");
            return;
        }
        self.cascade_requested = policy.orphan == Some(false);
        self.propagation = match (policy.propagation.as_deref(), policy.orphan) {
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (None, None) => None,
            (Some(other), _) => {
                errors.not_supported_value(&path, other, &["Foreground", "Background", "Orphan", "nil"]);
                None
            }
        };
    }
}

struct Policy {
    propagation: Option<String>,
    orphan: Option<bool>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn write_options_are_checked() {
        let parse = |q: &str| WriteOptions::parse(&Query::parse(Some(q)), "CreateOptions");
        assert!(parse("dryRun=All").unwrap().dry_run);
        assert_eq!(parse("fieldValidation=Strict").unwrap().field_validation, FieldValidation::Strict);
        let status = parse("dryRun=Some").unwrap_err();
        assert_eq!(status.code, 422);
        assert!(
            status.message.contains("dryRun: Unsupported value: [\"Some\"]: supported values: \"All\""),
            "{}",
            status.message
        );
    }

    #[test]
    fn delete_options_come_from_body_or_query() {
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
            "propagationPolicy": "Foreground", "preconditions": {"uid": "u", "resourceVersion": "7"}});
        let options = DeleteOptions::parse(&Query::default(), Some(&body)).unwrap();
        assert_eq!((options.grace_seconds, options.propagation), (Some(0), Some(Propagation::Foreground)));
        assert_eq!((options.uid.as_deref(), options.resource_version.as_deref()), (Some("u"), Some("7")));
        let query = Query::parse(Some("orphanDependents=true&gracePeriodSeconds=5&dryRun=All"));
        let options = DeleteOptions::parse(&query, None).unwrap();
        assert_eq!(
            (options.grace_seconds, options.propagation, options.dry_run),
            (Some(5), Some(Propagation::Orphan), true)
        );
        let both = json!({"propagationPolicy": "Orphan", "orphanDependents": true});
        assert_eq!(DeleteOptions::parse(&Query::default(), Some(&both)).unwrap_err().code, 422);
    }
}
