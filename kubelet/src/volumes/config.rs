//! configMap and secret: files from the keys of an object.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::FutureExt;
use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath, Secret, Volume};

use super::atomic::{self, File, Payload};
use super::empty_dir::{self, Medium};
use super::ownership::{Access, give_to_group};
use super::{Context, Error, Files, blocking};
use crate::objects::Kind;

/// Mode of files that have none.
pub(super) const DEFAULT_MODE: u32 = 0o644;

/// Whether an object or a key may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

impl Need {
    fn of(optional: Option<bool>) -> Self {
        if optional.unwrap_or(false) { Self::Optional } else { Self::Required }
    }
}

pub(super) fn mode(mode: Option<i32>, default: u32) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(default) & 0o777
}

/// Which keys of which object become files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) items: Option<&'a Vec<KeyToPath>>,
    pub(super) mode: u32,
    pub(super) optional: Option<bool>,
}

pub(super) fn of_config_map<'a>(context: Context<'a>, volume: &'a Volume) -> Files<'a> {
    async move {
        let Some(own) = &volume.config_map else { return Err(Error::Invalid("no configMap".to_owned())) };
        let (items, mode) = (own.items.as_ref(), mode(own.default_mode, DEFAULT_MODE));
        let source = Source { kind: Kind::ConfigMap, name: &own.name, items, mode, optional: own.optional };
        files(context, source).await
    }
    .boxed()
}

pub(super) fn of_secret<'a>(context: Context<'a>, volume: &'a Volume) -> Files<'a> {
    async move {
        let Some(own) = &volume.secret else { return Err(Error::Invalid("no secret".to_owned())) };
        let (items, mode) = (own.items.as_ref(), mode(own.default_mode, DEFAULT_MODE));
        let name = own.secret_name.as_deref().unwrap_or_default();
        files(context, Source { kind: Kind::Secret, name, items, mode, optional: own.optional }).await
    }
    .boxed()
}

/// Files of a config map or a secret.
pub(super) async fn files(context: Context<'_>, source: Source<'_>) -> Result<Payload, Error> {
    let Source { kind, name, items, mode, optional } = source;
    let need = Need::of(optional);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    let (objects, namespace) = (context.objects, context.namespace());
    let (found, noun) = match kind {
        Kind::ConfigMap => {
            let found = objects.config_map(namespace, name).await?;
            (found.map(|found| select(&config_map_data(&found), items, mode, need, "config")), "configmap")
        }
        Kind::Secret => {
            let found = objects.secret(namespace, name).await?;
            (found.map(|found| select(&secret_data(&found), items, mode, need, "secret")), "secret")
        }
    };
    match found {
        Some(files) => files,
        None if need == Need::Optional => Ok(Payload::new()),
        None => Err(Error::Missing(format!("{noun} {name:?} not found"))),
    }
}

fn config_map_data(object: &ConfigMap) -> BTreeMap<&str, &[u8]> {
    let text = object.data.iter().flatten().map(|(key, value)| (key.as_str(), value.as_bytes()));
    let binary = object.binary_data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice()));
    text.chain(binary).collect()
}

fn secret_data(object: &Secret) -> BTreeMap<&str, &[u8]> {
    object.data.iter().flatten().map(|(key, value)| (key.as_str(), value.0.as_slice())).collect()
}

/// Picks the keys that items name, or all when there are none.
fn select(
    data: &BTreeMap<&str, &[u8]>,
    items: &[KeyToPath],
    default: u32,
    need: Need,
    word: &str,
) -> Result<Payload, Error> {
    let file = |data: &[u8], mode| File { data: data.to_vec(), mode, user: None };
    if items.is_empty() {
        return Ok(data.iter().map(|(key, value)| ((*key).to_owned(), file(value, default))).collect());
    }
    let mut payload = Payload::new();
    for item in items {
        match data.get(item.key.as_str()) {
            Some(value) => {
                payload.insert(item.path.clone(), file(value, mode(item.mode, default)));
            }
            None if need == Need::Optional => {}
            None => return Err(Error::Missing(format!("references non-existent {word} key: {}", item.key))),
        }
    }
    Ok(payload)
}

/// Writes a payload into a volume's directory.
pub(super) async fn put(
    context: Context<'_>,
    dir: PathBuf,
    medium: Medium,
    payload: Payload,
) -> Result<PathBuf, Error> {
    let group = context.fs_group();
    blocking(move || {
        empty_dir::make(&dir, medium)?;
        if let Some(group) = group {
            // The directory itself; the files get theirs before they are seen.
            std::os::unix::fs::chown(&dir, None, Some(group)).map_err(Error::io(&dir))?;
        }
        atomic::write(&dir, &payload, |tree| match group {
            Some(group) => give_to_group(tree, group, Access::Read),
            None => Ok(()),
        })?;
        Ok(dir)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_choose_keys_paths_and_modes() {
        let data = BTreeMap::from([("a", b"1".as_slice()), ("b", b"2".as_slice())]);
        let item = |key: &str, path: &str, mode| KeyToPath { key: key.into(), path: path.into(), mode };
        let all = select(&data, &[], 0o644, Need::Required, "config").unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "b"]);
        let some = select(&data, &[item("a", "x/y", Some(0o400))], 0o644, Need::Required, "config").unwrap();
        assert_eq!((some["x/y"].mode, some.len()), (0o400, 1));
        let items = [item("c", "z", None)];
        let missing = select(&data, &items, 0o644, Need::Required, "secret").unwrap_err();
        assert_eq!(missing.to_string(), "references non-existent secret key: c");
        assert!(select(&data, &items, 0o644, Need::Optional, "config").unwrap().is_empty());
    }
}
