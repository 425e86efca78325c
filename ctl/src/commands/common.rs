//! What the commands that write share: files, where an object goes, dry run, the line that says what happened.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use corvette_api::meta;
use serde_json::Value;

use crate::files::{self, Loaded};
use crate::output::{Format, name};
use crate::request::segment;
use crate::resources::{Resource, Resources};
use crate::session::Session;
use crate::value::text;

/// The flags that name files.
#[derive(Args, Debug, Clone, Default)]
pub struct Files {
    /// Filename, directory, or - for standard input, to identify the resources.
    #[arg(short, long, value_delimiter = ',')]
    filename: Vec<String>,
    /// Process the directory used in -f, --filename recursively.
    #[arg(short = 'R', long)]
    recursive: bool,
}

impl Files {
    /// Whether any were named.
    pub fn given(&self) -> bool {
        !self.filename.is_empty()
    }

    /// The objects in them.
    ///
    /// # Errors
    /// A file that is not there or does not parse.
    pub fn load(&self) -> Result<Vec<Loaded>> {
        files::load(&self.filename, self.recursive)
    }

    /// The same, for commands that work on nothing else.
    ///
    /// # Errors
    /// Also when there are no files, or no objects in them.
    pub fn load_for(&self, command: &str) -> Result<Vec<Loaded>> {
        if !self.given() {
            bail!("must specify one of -f and -k");
        }
        let loaded = self.load()?;
        if loaded.is_empty() {
            bail!("no objects passed to {command}");
        }
        Ok(loaded)
    }
}

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

impl Validate {
    /// Value of the request's `fieldValidation` parameter.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Warn => "Warn",
            Self::Ignore => "Ignore",
        }
    }
}

/// Where an object from a file lives.
pub struct Place<'a> {
    /// Its resource.
    pub resource: &'a Resource,
    /// Its namespace, empty when the resource has none.
    pub namespace: String,
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
    let (api_version, kind) = (meta::api_version(&loaded.object), meta::kind(&loaded.object));
    let named = meta::namespace(&loaded.object);
    let Some(resource) = resources.of_kind(api_version, kind) else {
        bail!(
            "resource mapping not found for name: \"{}\" namespace: \"{named}\" from \"{}\": no matches for kind \"{kind}\" in version \"{api_version}\"\nensure CRDs are installed first",
            meta::name(&loaded.object),
            loaded.source
        );
    };
    let namespace = if named.is_empty() { session.namespace.as_str() } else { named };
    if resource.namespaced && session.namespace_given && namespace != session.namespace {
        bail!(
            "the namespace from the provided object \"{namespace}\" does not match the namespace \"{}\". You must pass '--namespace={namespace}' to perform this operation.",
            session.namespace
        );
    }
    let collection = resource.collection(Some(namespace));
    let object = format!("{collection}/{}", segment(meta::name(&loaded.object)));
    let namespace = if resource.namespaced { namespace.to_owned() } else { String::new() };
    Ok(Place { resource, namespace, collection, object })
}

/// The object as it is sent: in the namespace it goes to.
pub fn in_namespace(place: &Place<'_>, object: &Value) -> Value {
    let mut object = object.clone();
    if !place.namespace.is_empty() && object.get("metadata").is_none_or(Value::is_object) {
        meta::set_namespace(&mut object, &place.namespace);
    }
    object
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
            Some(format) => print!("{}", format.print(std::slice::from_ref(object), false)?),
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
    pub fn print_all(&self, objects: &[(Value, &str)]) -> Result<()> {
        match &self.format {
            Some(format) if !matches!(format, Format::Name) && objects.len() > 1 => {
                let objects: Vec<Value> = objects.iter().map(|(object, _)| object.clone()).collect();
                print!("{}", format.print(&objects, true)?);
                Ok(())
            }
            _ => objects.iter().try_for_each(|(object, what)| self.print(object, what)),
        }
    }
}
