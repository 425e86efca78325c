//! configMap and secret: files from the keys of an object.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath, Secret, Volume};

use super::atomic::{self, File, Payload};
use super::empty_dir::{self, Medium};
use super::ownership::{Access, give_to_group};
use super::{Context, Error, blocking};

/// Mode of files that have none.
pub(super) const DEFAULT_MODE: u32 = 0o644;

/// Whether an object or a key may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

impl Need {
    pub(super) fn of(optional: Option<bool>) -> Self {
        if optional.unwrap_or(false) { Self::Optional } else { Self::Required }
    }
}

pub(super) fn mode(mode: Option<i32>, default: u32) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(default) & 0o777
}

pub(super) fn set_up_config_map<'a>(
    context: Context<'a>,
    volume: &'a Volume,
    dir: PathBuf,
) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let Some(source) = &volume.config_map else { return Err(Error::Invalid("no configMap".to_owned())) };
        let need = Need::of(source.optional);
        let mode = mode(source.default_mode, DEFAULT_MODE);
        let items = source.items.as_deref().unwrap_or_default();
        let payload = config_map(context, &source.name, items, mode, need).await?;
        put(context, dir, Medium::Disk, payload).await
    }
    .boxed()
}

pub(super) fn set_up_secret<'a>(
    context: Context<'a>,
    volume: &'a Volume,
    dir: PathBuf,
) -> BoxFuture<'a, Result<PathBuf, Error>> {
    async move {
        let Some(source) = &volume.secret else { return Err(Error::Invalid("no secret".to_owned())) };
        let need = Need::of(source.optional);
        let mode = mode(source.default_mode, DEFAULT_MODE);
        let items = source.items.as_deref().unwrap_or_default();
        let name = source.secret_name.as_deref().unwrap_or_default();
        let payload = secret(context, name, items, mode, need).await?;
        put(context, dir, Medium::Memory(None), payload).await
    }
    .boxed()
}

/// Files of a config map.
pub(super) async fn config_map(
    context: Context<'_>,
    name: &str,
    items: &[KeyToPath],
    mode: u32,
    need: Need,
) -> Result<Payload, Error> {
    match context.objects.config_map(context.namespace(), name).await? {
        Some(found) => select(&config_map_data(&found), items, mode, need, "config"),
        None if need == Need::Optional => Ok(Payload::new()),
        None => Err(Error::Missing(format!("configmap {name:?} not found"))),
    }
}

/// Files of a secret.
pub(super) async fn secret(
    context: Context<'_>,
    name: &str,
    items: &[KeyToPath],
    mode: u32,
    need: Need,
) -> Result<Payload, Error> {
    match context.objects.secret(context.namespace(), name).await? {
        Some(found) => select(&secret_data(&found), items, mode, need, "secret"),
        None if need == Need::Optional => Ok(Payload::new()),
        None => Err(Error::Missing(format!("secret {name:?} not found"))),
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
