//! The environment of a container: values, references, services, and `$(NAME)` expansion.
//!
//! Pure: the config maps and secrets that are referred to are fetched before ([`References`]).

mod expand;
mod fields;
mod services;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret, Service};

pub use expand::{expand, expand_strictly};
pub use fields::{Place, render as field};
pub use services::Links;

use crate::pods::spec;
use crate::resources::{self, Amounts};

/// Why the environment cannot be made; the text is the message of CreateContainerConfigError.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A config map or secret that is not optional does not exist.
    #[error("{kind} {name:?} not found")]
    NotFound {
        /// `configmap` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// It exists and lacks the key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    NoKey {
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// The key.
        key: String,
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
    /// A `fieldRef` or `resourceFieldRef` names something that cannot be had.
    #[error("unsupported fieldPath: {0}")]
    Field(String),
}

/// Objects of the pod's namespace that variables refer to; `None` for one that does not exist.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// Config maps by name.
    pub config_maps: HashMap<String, Option<Arc<ConfigMap>>>,
    /// Secrets by name.
    pub secrets: HashMap<String, Option<Arc<Secret>>>,
}

/// Names of the config maps that a container's variables refer to.
pub fn config_maps(container: &Container) -> BTreeSet<&str> {
    let from = container.env_from.iter().flatten().filter_map(|from| from.config_map_ref.as_ref());
    let keys = sources(container).filter_map(|source| source.config_map_key_ref.as_ref());
    from.map(|r| r.name.as_str()).chain(keys.map(|r| r.name.as_str())).collect()
}

/// Names of the secrets that a container's variables refer to.
pub fn secrets(container: &Container) -> BTreeSet<&str> {
    let from = container.env_from.iter().flatten().filter_map(|from| from.secret_ref.as_ref());
    let keys = sources(container).filter_map(|source| source.secret_key_ref.as_ref());
    from.map(|r| r.name.as_str()).chain(keys.map(|r| r.name.as_str())).collect()
}

fn sources(container: &Container) -> impl Iterator<Item = &EnvVarSource> {
    container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref())
}

/// What variables are made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a Container,
    /// Fetched objects.
    pub references: &'a References,
    /// All services known.
    pub services: &'a [Arc<Service>],
    /// Addresses.
    pub place: Place<'a>,
    /// What the node can allocate.
    pub node: Amounts,
}

/// The environment of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables, each name once.
    pub variables: BTreeMap<String, String>,
    /// Keys of `envFrom` sources that cannot be names of variables, as (kind, namespace/name, keys).
    pub skipped: Vec<(&'static str, String, Vec<String>)>,
}

/// Makes the environment of a container, as upstream's `pkg/kubelet: makeEnvironmentVariables @ v1.36`: `envFrom`
/// first, then `env` in order, then services for names not taken yet.
///
/// # Errors
/// [`Error`], when something that is not optional is missing.
pub fn environment(inputs: Inputs<'_>) -> Result<Environment, Error> {
    let namespace = spec::namespace(inputs.pod);
    let links = inputs.pod.spec.as_ref().and_then(|spec| spec.enable_service_links).unwrap_or(true);
    let links = if links { Links::Enabled } else { Links::Disabled };
    let visible = services::visible(inputs.services.iter().map(AsRef::as_ref), namespace, links);
    let of_services: HashMap<String, String> = services::variables(visible).into_iter().collect();

    let mut out = Environment::default();
    for from in inputs.container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let (kind, name, data) = if let Some(reference) = &from.config_map_ref {
            let optional = reference.optional.unwrap_or(false);
            ("configMap", &reference.name, config_map_data(&inputs, &reference.name, optional)?)
        } else if let Some(reference) = &from.secret_ref {
            let optional = reference.optional.unwrap_or(false);
            ("secret", &reference.name, secret_data(&inputs, &reference.name, optional)?)
        } else {
            continue;
        };
        let mut invalid = Vec::new();
        for (key, value) in data {
            let name = format!("{prefix}{key}");
            if is_variable_name(&name) {
                out.variables.insert(name, value);
            } else {
                invalid.push(name);
            }
        }
        if !invalid.is_empty() {
            out.skipped.push((kind, format!("{namespace}/{name}"), invalid));
        }
    }
    for variable in inputs.container.env.iter().flatten() {
        if let Some(value) = value(&inputs, variable, &out.variables, &of_services)? {
            out.variables.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in of_services {
        out.variables.entry(name).or_insert(value);
    }
    Ok(out)
}

fn value(
    inputs: &Inputs<'_>,
    variable: &EnvVar,
    known: &BTreeMap<String, String>,
    of_services: &HashMap<String, String>,
) -> Result<Option<String>, Error> {
    if let Some(text) = variable.value.as_deref().filter(|text| !text.is_empty()) {
        let lookup = |name: &str| known.get(name).or_else(|| of_services.get(name)).map(String::as_str);
        return Ok(Some(expand(text, lookup)));
    }
    match &variable.value_from {
        None => Ok(Some(String::new())),
        Some(source) => from_source(inputs, source),
    }
}

fn from_source(inputs: &Inputs<'_>, source: &EnvVarSource) -> Result<Option<String>, Error> {
    if let Some(reference) = &source.field_ref {
        return field(inputs.pod, &reference.field_path, inputs.place)
            .map(Some)
            .ok_or_else(|| Error::Field(reference.field_path.clone()));
    }
    if let Some(reference) = &source.resource_field_ref {
        let container = reference.container_name.as_deref().filter(|name| !name.is_empty());
        let container = container.map_or(Some(inputs.container), |name| spec::container(inputs.pod, name));
        return container
            .and_then(|c| resources::field(c, &reference.resource, reference.divisor.as_ref(), inputs.node))
            .map(Some)
            .ok_or_else(|| Error::Field(reference.resource.clone()));
    }
    if let Some(reference) = &source.config_map_key_ref {
        let optional = reference.optional.unwrap_or(false);
        let mut data = config_map_data(inputs, &reference.name, optional)?;
        return pick("ConfigMap", inputs, &reference.name, &reference.key, optional, data.remove(&reference.key));
    }
    if let Some(reference) = &source.secret_key_ref {
        let optional = reference.optional.unwrap_or(false);
        let mut data = secret_data(inputs, &reference.name, optional)?;
        return pick("Secret", inputs, &reference.name, &reference.key, optional, data.remove(&reference.key));
    }
    Ok(Some(String::new()))
}

fn pick(
    kind: &'static str,
    inputs: &Inputs<'_>,
    name: &str,
    key: &str,
    optional: bool,
    found: Option<String>,
) -> Result<Option<String>, Error> {
    if found.is_some() || optional {
        return Ok(found);
    }
    let namespace = spec::namespace(inputs.pod).to_owned();
    Err(Error::NoKey { kind, key: key.to_owned(), namespace, name: name.to_owned() })
}

fn config_map_data(inputs: &Inputs<'_>, name: &str, optional: bool) -> Result<BTreeMap<String, String>, Error> {
    match inputs.references.config_maps.get(name) {
        Some(Some(found)) => Ok(found.data.clone().unwrap_or_default()),
        _ if optional => Ok(BTreeMap::new()),
        _ => Err(Error::NotFound { kind: "configmap", name: name.to_owned() }),
    }
}

fn secret_data(inputs: &Inputs<'_>, name: &str, optional: bool) -> Result<BTreeMap<String, String>, Error> {
    match inputs.references.secrets.get(name) {
        Some(Some(found)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok(found.data.iter().flatten().map(|(key, value)| (key.clone(), text(&value.0))).collect())
        }
        _ if optional => Ok(BTreeMap::new()),
        _ => Err(Error::NotFound { kind: "secret", name: name.to_owned() }),
    }
}

/// Whether a key may become a variable: printable ASCII without `=`, as upstream since 1.30.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'=')
}

#[cfg(test)]
mod tests;
