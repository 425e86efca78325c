//! `cvctl wait`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;

use super::select::{Item, Selection, Unnamed};
use crate::error::{self, Errors};
use crate::output::{Expression, go};
use crate::session::{Session, duration};
use crate::value::{at, int, list, text};

/// What stands for ever.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// The condition to wait on: [create|delete|condition=condition-name[=condition-value]|jsonpath='{JSONPath expression}'=[JSONPath value]].
    #[arg(long = "for", default_value = "", hide_default_value = true)]
    condition: String,
    /// The length of time to wait before giving up. Zero means check once and don't wait, negative means wait for a week.
    #[arg(long, default_value = "30s", value_parser = timeout, allow_hyphen_values = true)]
    timeout: Duration,
}

fn timeout(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') { Ok(WEEK) } else { duration(text) }
}

/// What is waited for.
#[derive(Debug)]
enum For {
    Create,
    Delete,
    /// A condition and the status it is to have.
    Condition(String, String),
    /// A path and the value it is to find; any value without.
    Path(Expression, Option<String>),
}

impl For {
    fn parse(text: &str) -> Result<Self> {
        let lower = text.to_lowercase();
        if lower == "create" || lower == "delete" {
            return Ok(if lower == "create" { Self::Create } else { Self::Delete });
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, status) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Self::Condition(name.to_owned(), status.to_owned()));
        }
        let Some(path) = text.strip_prefix("jsonpath=") else { bail!("unrecognized condition: \"{text}\"") };
        let end = path.find('}').context("jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'")?;
        let (path, value) = path.split_at(end + 1);
        let value = value.strip_prefix('=').map(|value| value.trim_matches(['\'', '"']).to_owned());
        if value.as_ref().is_some_and(String::is_empty) {
            bail!("jsonpath wait value cannot be empty");
        }
        Ok(Self::Path(Expression::parse(path)?, value))
    }

    /// Whether an object is as it is waited for.
    fn is_met(&self, object: &Value) -> Result<bool> {
        Ok(match self {
            Self::Create => true,
            Self::Delete => false,
            Self::Condition(name, status) => {
                let conditions = list(object, "/status/conditions");
                let found = conditions.iter().find(|c| text(c, "/type").eq_ignore_ascii_case(name));
                found.is_some_and(|condition| {
                    let observed = at(condition, "/observedGeneration").or(at(object, "/status/observedGeneration"));
                    let stale =
                        observed.and_then(Value::as_i64).is_some_and(|g| g < int(object, "/metadata/generation"));
                    !stale && text(condition, "/status").eq_ignore_ascii_case(status)
                })
            }
            Self::Path(path, value) => match (path.find(object)?.as_slice(), value) {
                ([], _) => false,
                (_, None) => true,
                ([found], Some(_)) if found.is_array() || found.is_object() => {
                    bail!("jsonpath leads to a nested object or list which is not supported")
                }
                ([found], Some(value)) => go::text(found) == *value,
                _ => bail!("given jsonpath expression matches more than one value"),
            },
        })
    }
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let condition = For::parse(&flags.condition)?;
    let resources = session.resources().await?;
    let items = flags.selection.find(session, &resources, Unnamed::Mistake).await?;
    if items.is_empty() && !matches!(condition, For::Delete) {
        bail!("no matching resources found");
    }
    let end = tokio::time::Instant::now() + flags.timeout;
    let mut errors = Errors::default();
    for item in &items {
        let late = || match condition {
            For::Create => anyhow::anyhow!("timed out waiting for the condition"),
            _ => anyhow::anyhow!("timed out waiting for the condition on {}/{}", item.resource.plural, item.name),
        };
        match tokio::time::timeout_at(end, until(session, item, &condition, flags.timeout.is_zero())).await {
            Ok(Ok(Outcome::Met)) => println!("{} condition met", item.label()),
            Ok(Ok(Outcome::NeverThere)) => {}
            Ok(Ok(Outcome::Late)) | Err(_) => errors.push(late()),
            Ok(Err(failed)) => errors.push(failed),
        }
    }
    errors.into_result()
}

/// How waiting ended.
enum Outcome {
    /// The object is as wanted.
    Met,
    /// It is not, and was to be looked at only once.
    Late,
    /// There was nothing whose end could be waited for.
    NeverThere,
}

/// Waits for an object to be as wanted.
async fn until(session: &Session, item: &Item<'_>, condition: &For, once: bool) -> Result<Outcome> {
    let mut current = match item.get(session).await {
        Err(failed) if error::is_not_found(&failed) => match condition {
            For::Delete => return Ok(Outcome::NeverThere),
            For::Create if once => return Ok(Outcome::Late),
            For::Create => item.changed(session, "").await?,
            _ => return Err(failed),
        },
        current => Some(current?),
    };
    let uid = current.as_ref().map(|object| text(object, "/metadata/uid").to_owned());
    loop {
        let Some(object) = current else {
            match condition {
                For::Delete => return Ok(Outcome::Met),
                For::Create => current = item.changed(session, "").await?,
                _ => bail!("{} was deleted", item.label()),
            }
            continue;
        };
        let another = uid.as_deref() != Some(text(&object, "/metadata/uid"));
        if condition.is_met(&object)? || (another && matches!(condition, For::Delete)) {
            return Ok(Outcome::Met);
        }
        if once {
            return Ok(Outcome::Late);
        }
        current = item.changed(session, text(&object, "/metadata/resourceVersion")).await?;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::For;

    #[test]
    fn conditions_are_met_by_what_the_object_says() {
        let object = json!({ "metadata": { "generation": 2 }, "status": { "phase": "Running", "n": 3, "list": [1, 2],
            "conditions": [{ "type": "Ready", "status": "True" }, { "type": "Old", "status": "True", "observedGeneration": 1 }] } });
        for (condition, met) in [
            ("condition=ready", true),
            ("condition=Ready=false", false),
            ("condition=Old", false),
            ("condition=None", false),
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath={.status.n}=3", true),
            ("jsonpath={.status.n}=4", false),
            ("jsonpath={.status.none}", false),
            ("jsonpath={.status.phase}", true),
            ("create", true),
            ("delete", false),
        ] {
            assert_eq!(For::parse(condition).unwrap().is_met(&object).unwrap(), met, "{condition}");
        }
        assert!(For::parse("jsonpath={.status.list}=1").unwrap().is_met(&object).is_err());
        assert_eq!(For::parse("bogus").unwrap_err().to_string(), "unrecognized condition: \"bogus\"");
        assert!(For::parse("jsonpath={.a}=").is_err());
    }
}
