//! What the commands that write share: dry run, validation, the line that says what happened, the patch that makes a change.

use std::cell::Cell;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use corvette_api::{patch, schema};
use serde_json::{Map, Value};

use super::select::{Item, Selection, Unnamed};
use crate::error::Errors;
use crate::output::{Format, name};
use crate::request::with_query;
use crate::session::Session;
use crate::value::text;

/// Media type of a strategic merge patch.
pub const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// Media type of a merge patch.
pub const MERGE: &str = "application/merge-patch+json";
/// Media type of a JSON patch.
pub const JSON: &str = "application/json-patch+json";

/// The flags of commands that write.
#[derive(Args, Debug, Clone, Default)]
pub struct Writing {
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub output: String,
    /// Must be "none", "server", or "client".
    #[arg(long, default_value = "none", num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    pub dry_run: DryRun,
    /// Name of the manager used to track field ownership.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub field_manager: String,
}

impl Writing {
    /// The path with the parameters that the flags stand for.
    pub fn on(&self, path: &str) -> String {
        with_query(path, &[("dryRun", self.dry_run.parameter()), ("fieldManager", &self.field_manager)])
    }

    /// What prints as the flags say.
    ///
    /// # Errors
    /// For an unknown format.
    pub fn printer(&self) -> Result<Printer> {
        let format = if self.output.is_empty() { None } else { Some(Format::parse(&self.output)?) };
        Ok(Printer { format, dry_run: self.dry_run, printed: Cell::new(0) })
    }
}

/// The `--dry-run` flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    /// Changes are made.
    #[default]
    None,
    /// The server does everything but store.
    Server,
    /// Nothing is sent.
    Client,
}

impl FromStr for DryRun {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "server" => Ok(Self::Server),
            "client" => Ok(Self::Client),
            _ => Err(format!("Invalid dry-run value ({text}). Must be \"none\", \"server\", or \"client\".")),
        }
    }
}

impl DryRun {
    /// Value of the request's `dryRun` parameter; empty for none.
    pub fn parameter(self) -> &'static str {
        if self == Self::Server { "All" } else { "" }
    }

    /// What is said after a line that would otherwise be a lie.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Server => " (server dry run)",
            Self::Client => " (dry run)",
        }
    }
}

/// The `--validate` flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Validate {
    /// Unknown and duplicate fields are errors.
    #[default]
    #[value(alias = "true")]
    Strict,
    /// They are warnings.
    Warn,
    /// They are dropped.
    #[value(alias = "false")]
    Ignore,
}

/// The flags of commands that send objects from files.
#[derive(Args, Debug, Clone, Default)]
pub struct Validation {
    /// What happens to unknown and duplicate fields.
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, default_missing_value = "strict", require_equals = true)]
    validate: Validate,
}

impl Validation {
    /// The path with the parameter that the flag stands for.
    pub fn on(&self, path: &str) -> String {
        let value = match self.validate {
            Validate::Strict => "Strict",
            Validate::Warn => "Warn",
            Validate::Ignore => "Ignore",
        };
        with_query(path, &[("fieldValidation", value)])
    }
}

/// Says on standard error that there is nothing.
pub fn nothing_found(session: &Session, namespaced: bool) {
    if namespaced {
        eprintln!("No resources found in {} namespace.", session.namespace);
    } else {
        eprintln!("No resources found");
    }
}

/// Says what happened to an object, or prints the object when `-o` asks for it.
pub struct Printer {
    format: Option<Format>,
    dry_run: DryRun,
    printed: Cell<usize>,
}

impl Printer {
    /// Whether objects are printed, rather than what happened to them.
    pub fn prints_objects(&self) -> bool {
        self.format.is_some()
    }

    /// `deployment.apps/web configured`, or the object.
    ///
    /// # Errors
    /// When a template does not fit.
    pub fn print(&self, object: &Value, what: &str) -> Result<()> {
        match &self.format {
            Some(Format::Name) => println!("{}", name(object)),
            Some(format) => {
                if matches!(format, Format::Yaml) && self.printed.replace(self.printed.get() + 1) > 0 {
                    println!("---");
                }
                print!("{}", format.print(std::slice::from_ref(object), false)?);
            }
            None if text(object, "/metadata/name").is_empty() => {
                println!("{}<unknown> {what}{}", name(object), self.dry_run.suffix());
            }
            None => println!("{} {what}{}", name(object), self.dry_run.suffix()),
        }
        Ok(())
    }

    /// Several objects: as one list when objects are printed.
    ///
    /// # Errors
    /// When a template does not fit.
    pub fn print_all(&self, objects: &[Value]) -> Result<()> {
        match &self.format {
            Some(format) if !matches!(format, Format::Name) && objects.len() > 1 => {
                print!("{}", format.print(objects, true)?);
                Ok(())
            }
            _ => objects.iter().try_for_each(|object| self.print(object, "")),
        }
    }
}

/// What turns `live` into `wanted`, and its media type: strategic for kinds in the schema table.
///
/// # Errors
/// For lists that cannot be merged.
pub fn difference(live: &Value, wanted: &Value) -> Result<(&'static str, Value)> {
    Ok(match schema::of_object(live) {
        Some(def) => (STRATEGIC, patch::strategic::diff(def, live, wanted)?),
        None => (MERGE, patch::merge::diff(live, wanted)),
    })
}

/// Makes `live` become `wanted`; what it is then.
///
/// # Errors
/// The server's.
pub async fn change(
    session: &Session,
    item: &Item<'_>,
    writing: &Writing,
    live: &Value,
    wanted: Value,
) -> Result<Value> {
    let (media_type, patch) = difference(live, &wanted)?;
    if writing.dry_run == DryRun::Client || patch.as_object().is_some_and(Map::is_empty) {
        return Ok(wanted);
    }
    session.requests.patch(&writing.on(&item.path()), media_type, &patch).await
}

/// Changes each selected object with `edit`, which answers what to say of it, if anything.
///
/// # Errors
/// All that went wrong; every object gets its turn.
pub async fn change_each(
    session: &Session,
    selection: &Selection,
    writing: &Writing,
    mut edit: impl FnMut(&Item<'_>, &mut Value) -> Result<Option<&'static str>>,
) -> Result<()> {
    let printer = writing.printer()?;
    let resources = session.resources().await?;
    let mut errors = Errors::default();
    for item in selection.find(session, &resources, Unnamed::Mistake).await? {
        let one = async {
            let live = item.get(session).await?;
            let mut wanted = live.clone();
            let said = edit(&item, &mut wanted)?;
            let changed = change(session, &item, writing, &live, wanted).await?;
            said.map_or(Ok(()), |said| printer.print(&changed, said))
        };
        if let Err(failed) = one.await {
            errors.push(failed);
        }
    }
    errors.into_result()
}
