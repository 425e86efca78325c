//! Which objects a command is about: those in files, those that are named, or those that a selector finds.

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::meta;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::Value;

use crate::error::{self, Errors};
use crate::files::{self, Loaded};
use crate::request::{Accept, with_query};
use crate::resources::{Resource, Resources};
use crate::session::Session;
use crate::target;
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

    /// The objects in them, and what is wrong with those that do not parse.
    ///
    /// # Errors
    /// A file that is not there.
    pub fn load(&self) -> Result<(Vec<Loaded>, Errors)> {
        files::load(&self.filename, self.recursive)
    }

    /// The same, for commands that work on nothing else, and go on after what does not parse.
    ///
    /// # Errors
    /// A file that is not there; none, or none with objects in it.
    pub fn load_for(&self, command: &str) -> Result<(Vec<Loaded>, Errors)> {
        if !self.given() {
            bail!("must specify one of -f and -k");
        }
        let (loaded, errors) = self.load()?;
        if loaded.is_empty() {
            errors.into_result()?;
            bail!("no objects passed to {command}");
        }
        Ok((loaded, errors))
    }
}

/// The flags that select objects.
#[derive(Args, Debug, Clone, Default)]
pub struct Selection {
    /// TYPE[,TYPE] [NAME...], or TYPE/NAME...
    pub words: Vec<String>,
    #[command(flatten)]
    pub files: Files,
    /// Selector (label query) to filter on.
    #[arg(short = 'l', long, default_value = "", hide_default_value = true)]
    pub selector: String,
    /// Selector (field query) to filter on.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub field_selector: String,
    /// Select all resources in the namespace of the specified resource types.
    #[arg(long)]
    pub all: bool,
    /// If present, the requested objects across all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// What a kind without names means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// All its objects.
    All,
    /// A mistake, unless `--all` or a selector is there.
    Mistake,
}

/// An object a command is about.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its resource.
    pub resource: &'a Resource,
    /// Its namespace, empty when the resource has none.
    pub namespace: String,
    /// Its name, empty when the server is to make one.
    pub name: String,
    /// The file it is from; empty without.
    pub source: String,
    /// What the file or list holds of it.
    pub object: Option<Value>,
}

impl<'a> Item<'a> {
    /// An object by its name.
    pub fn named(session: &Session, resource: &'a Resource, name: &str) -> Self {
        let namespace = if resource.namespaced { session.namespace.clone() } else { String::new() };
        Self { resource, namespace, name: name.to_owned(), source: String::new(), object: None }
    }

    /// Path of the collection it is in.
    pub fn collection(&self) -> String {
        self.resource.collection(Some(&self.namespace))
    }

    /// Its path.
    pub fn path(&self) -> String {
        self.resource.object(&self.namespace, &self.name)
    }

    /// `deployment.apps/web`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.resource.qualified_singular(), self.name)
    }

    /// `deployments.apps "web"`.
    pub fn quoted(&self) -> String {
        format!("{} \"{}\"", self.resource.qualified(), self.name)
    }

    /// The object as the server has it.
    ///
    /// # Errors
    /// When the server does not give it.
    pub async fn get(&self, session: &Session) -> Result<Value> {
        session.requests.get(&self.path(), Accept::Object).await
    }

    /// Waits until there is another version of the object than `seen`; `None` when it is gone. No version waits for it to be there.
    ///
    /// # Errors
    /// When the server does not give it.
    pub async fn changed(&self, session: &Session, seen: &str) -> Result<Option<Value>> {
        let selector = format!("metadata.name={}", self.name);
        let watch = [("watch", "true"), ("fieldSelector", selector.as_str()), ("resourceVersion", seen)];
        let lines = session.requests.stream(&with_query(&self.collection(), &watch), Accept::Object).await?;
        let mut lines = std::pin::pin!(lines.lines());
        while let Some(line) = lines.next().await {
            let mut event: Value = serde_json::from_str(&line?)?;
            match text(&event, "/type") {
                "DELETED" => return Ok(None),
                "ADDED" | "MODIFIED" => return Ok(event.get_mut("object").map(Value::take)),
                "BOOKMARK" => {}
                // Too old a version, or a server that is going away: what is there now decides.
                _ => break,
            }
        }
        match self.get(session).await {
            Err(failed) if error::is_not_found(&failed) => Ok(None),
            current => current.map(Some),
        }
    }

    /// The file's object as it is sent: in the namespace it goes to.
    pub fn to_send(&self) -> Value {
        let mut object = self.object.clone().unwrap_or_default();
        if !self.namespace.is_empty() && object.get("metadata").is_none_or(Value::is_object) {
            meta::set_namespace(&mut object, &self.namespace);
        }
        object
    }
}

/// Finds out where an object from a file lives.
///
/// # Errors
/// For a kind the server does not know, or a namespace other than the one asked for.
pub fn locate<'a>(session: &Session, resources: &'a Resources, loaded: &Loaded) -> Result<Item<'a>> {
    let (api_version, kind) = (meta::api_version(&loaded.object), meta::kind(&loaded.object));
    let (name, named) = (meta::name(&loaded.object), meta::namespace(&loaded.object));
    let Some(resource) = resources.of_kind(api_version, kind) else {
        bail!(
            "resource mapping not found for name: \"{name}\" namespace: \"{named}\" from \"{}\": no matches for kind \"{kind}\" in version \"{api_version}\"\nensure CRDs are installed first",
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
    let namespace = if resource.namespaced { namespace.to_owned() } else { String::new() };
    let (name, source) = (name.to_owned(), loaded.source.clone());
    Ok(Item { resource, namespace, name, source, object: Some(loaded.object.clone()) })
}

impl Selection {
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.files.given()
    }

    /// Finds the objects. Those that are named may not be there.
    ///
    /// # Errors
    /// Kubectl's, for flags and words that do not fit together; the server's for a list.
    pub async fn find<'a>(
        &self,
        session: &Session,
        resources: &'a Resources,
        unnamed: Unnamed,
    ) -> Result<Vec<Item<'a>>> {
        if self.files.given() {
            if !self.words.is_empty() {
                bail!(
                    "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
                );
            }
            let (loaded, errors) = self.files.load()?;
            errors.into_result()?;
            return loaded.iter().map(|loaded| locate(session, resources, loaded)).collect();
        }
        let mut found = Vec::new();
        let selects = self.all || !self.selector.is_empty() || !self.field_selector.is_empty();
        for target in target::parse(&self.words, resources)? {
            if target.names.is_empty() {
                if unnamed == Unnamed::Mistake && !selects {
                    bail!("resource(s) were provided, but no name was specified");
                }
                found.extend(self.list(session, target.resource).await?);
            } else if self.all_namespaces {
                bail!("a resource cannot be retrieved by name across all namespaces");
            } else if selects {
                bail!("name cannot be provided when a selector is specified");
            }
            found.extend(target.names.iter().map(|name| Item::named(session, target.resource, name)));
        }
        Ok(found)
    }

    /// All objects of a resource that the selectors select.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn list<'a>(&self, session: &Session, resource: &'a Resource) -> Result<Vec<Item<'a>>> {
        let namespace = (!self.all_namespaces).then_some(session.namespace.as_str());
        let selectors = [("labelSelector", self.selector.as_str()), ("fieldSelector", self.field_selector.as_str())];
        let objects = session.requests.list(&with_query(&resource.collection(namespace), &selectors)).await?;
        let item = |mut object: Value| {
            meta::set_gvk(&mut object, &resource.api_version(), &resource.kind);
            let namespace = text(&object, "/metadata/namespace").to_owned();
            let name = text(&object, "/metadata/name").to_owned();
            Item { resource, namespace, name, source: String::new(), object: Some(object) }
        };
        Ok(objects.into_iter().map(item).collect())
    }
}

/// Complains when nothing was named.
///
/// # Errors
/// Then.
pub fn something_named(selection: &Selection) -> Result<()> {
    if selection.is_empty() {
        bail!(
            "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'"
        );
    }
    Ok(())
}
