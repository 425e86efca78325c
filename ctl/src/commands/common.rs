//! What the commands that write share: where an object goes, dry run, the line that says what happened.

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::files::Loaded;
use crate::output::{Format, name};
use crate::resources::{Resource, Resources};
use crate::session::Session;

/// The `--dry-run` flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DryRun {
    /// Changes are made.
    #[default]
    None,
    /// The server does everything but store.
    Server,
    /// Nothing is sent.
    Client,
}

impl DryRun {
    /// Value of the request's `dryRun` parameter; empty for none.
    pub fn parameter(self) -> &'static str {
        if self == Self::Server { "All" } else { "" }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Server => " (server dry run)",
            Self::Client => " (dry run)",
        }
    }
}

/// Where an object from a file lives.
pub struct Place<'a> {
    /// Its resource.
    pub resource: &'a Resource,
    /// Path of its collection.
    pub collection: String,
    /// Path of the object; the collection's when it has no name yet.
    pub object: String,
}

/// Finds the place of an object.
///
/// # Errors
/// For a kind the server does not know, or a namespace other than the one asked for.
pub fn locate<'a>(session: &Session, resources: &'a Resources, loaded: &Loaded) -> Result<Place<'a>> {
    let text = |pointer: &str| loaded.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let Some(resource) = resources.of_kind(api_version, kind) else {
        bail!(
            "resource mapping not found for name: \"{}\" namespace: \"{}\" from \"{}\": no matches for kind \"{kind}\" in version \"{api_version}\"\nensure CRDs are installed first",
            text("/metadata/name"),
            text("/metadata/namespace"),
            loaded.source
        );
    };
    let named = text("/metadata/namespace");
    let namespace = if named.is_empty() { session.namespace.as_str() } else { named };
    if resource.namespaced && session.namespace_given && namespace != session.namespace {
        bail!(
            "the namespace from the provided object \"{namespace}\" does not match the namespace \"{}\". You must pass '--namespace={namespace}' to perform this operation.",
            session.namespace
        );
    }
    let collection = resource.collection(Some(namespace));
    let object = format!("{collection}/{}", text("/metadata/name"));
    Ok(Place { resource, collection, object })
}

/// Says what happened to an object, or prints the object when `-o` asks for it.
pub struct Printer {
    format: Option<Format>,
    dry_run: DryRun,
}

impl Printer {
    /// A printer for the `-o` and `--dry-run` flags.
    ///
    /// # Errors
    /// For an unknown format.
    pub fn new(output: &str, dry_run: DryRun) -> Result<Self> {
        let format = if output.is_empty() { None } else { Some(Format::parse(output)?) };
        Ok(Self { format, dry_run })
    }

    /// `deployment.apps/web configured`, or the object.
    ///
    /// # Errors
    /// When a template does not fit.
    pub fn print(&self, object: &Value, what: &str) -> Result<()> {
        match &self.format {
            Some(format) => print!("{}", format.print(std::slice::from_ref(object), false)?),
            None => println!("{} {what}{}", name(object), self.dry_run.suffix()),
        }
        Ok(())
    }
}
