//! Garbage collection of images: those that no container uses go, least recently used first, when the disk fills up.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use corvette_proto::cri::{Container, ContainerFilter, Image};
use tokio::time::Instant;

use super::pressure::share;
use crate::cri::{Error, Runtime};
use crate::node::machine::Disk;

/// Share of the disk in use from which images go, and down to which (`imageGCHighThresholdPercent`, `…Low…`).
const HIGH: i64 = 85;
const LOW: i64 = 80;
/// Bytes of disk that are enough whatever share of it they are.
const ENOUGH: i64 = 4 << 30;
/// Age that an image must have (`imageMinimumGCAge`).
const MIN_AGE: Duration = Duration::from_secs(120);

/// How many bytes images should give back; 0 while the disk is not full enough.
pub fn wanted(disk: Disk) -> i64 {
    if disk.available >= ENOUGH || 100 - share(disk.available, disk.total) < HIGH {
        return 0;
    }
    (disk.total / 100 * (100 - LOW)).saturating_sub(disk.available).max(0)
}

/// An image that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// CRI id.
    pub id: String,
    /// Bytes.
    pub size: i64,
    /// When it was last seen in use, or first seen.
    pub since: Instant,
}

/// Chooses images to remove: least recently used first, until enough bytes come back.
pub fn choose(mut unused: Vec<Unused>, wanted: i64) -> Vec<Unused> {
    unused.sort_by_key(|image| image.since);
    let mut freed = 0_i64;
    unused.retain(|image| {
        let needed = freed < wanted;
        if needed {
            freed = freed.saturating_add(image.size);
        }
        needed
    });
    unused
}

/// What happened to images when the disk was last looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Bytes that were asked for.
    pub wanted: i64,
    /// Bytes that came back.
    pub freed: i64,
}

/// Remembers when images were last used, and removes them.
#[derive(Debug)]
pub struct ImageGc {
    runtime: Runtime,
    seen: HashMap<String, Instant>,
}

impl ImageGc {
    /// Makes it, knowing nothing.
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime, seen: HashMap::new() }
    }

    /// Takes note of what is in use, and removes unused images until `wanted` bytes are free.
    ///
    /// # Errors
    /// When the runtime cannot be asked; an image that cannot be removed is left out.
    pub async fn collect(&mut self, wanted: i64) -> Result<Collected, Error> {
        let images = self.runtime.list_images().await?;
        let containers = self.runtime.list_containers(ContainerFilter::default()).await?;
        let mut used = names(&containers);
        used.extend(self.runtime.sandbox_image().await?);
        let now = Instant::now();
        self.seen.retain(|id, _| images.iter().any(|image| image.id == *id));
        let mut unused = Vec::new();
        for image in images {
            if image.pinned || is_used(&image, &used) {
                self.seen.insert(image.id, now);
                continue;
            }
            let since = *self.seen.entry(image.id.clone()).or_insert(now);
            if since.elapsed() >= MIN_AGE {
                unused.push(Unused { id: image.id, size: i64::try_from(image.size).unwrap_or(i64::MAX), since });
            }
        }
        let mut freed = 0_i64;
        for image in choose(unused, wanted) {
            match self.runtime.remove_image(&image.id).await {
                Ok(()) => {
                    tracing::info!(image = image.id, bytes = image.size, "unused image removed");
                    freed = freed.saturating_add(image.size);
                }
                Err(error) => tracing::warn!(image = image.id, %error, "unused image not removed"),
            }
        }
        Ok(Collected { wanted, freed })
    }
}

fn names(containers: &[Container]) -> HashSet<String> {
    let of = |container: &Container| {
        [container.image.as_ref().map(|image| image.image.clone()), Some(container.image_ref.clone())]
    };
    containers.iter().flat_map(of).flatten().filter(|name| !name.is_empty()).collect()
}

fn is_used(image: &Image, used: &HashSet<String>) -> bool {
    let mut names = std::iter::once(&image.id).chain(&image.repo_tags).chain(&image.repo_digests);
    names.any(|name| used.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_go_when_the_disk_is_nearly_full() {
        let disk = |total: i64, available: i64| Disk { total, available, inodes: 0, inodes_free: 0 };
        assert_eq!(wanted(disk(20 << 30, 3 << 30)), (20 << 30) / 100 * 20 - (3 << 30));
        assert_eq!(wanted(disk(20 << 30, (3 << 30) + (1 << 29))), 0, "84 % in use");
        assert_eq!(wanted(disk(1000 << 30, 10 << 30)), 0, "enough is left of a large disk");
    }

    #[test]
    fn the_least_recently_used_go_first_and_no_more_than_needed() {
        let now = Instant::now();
        let image = |id: &str, size, age| Unused { id: id.into(), size, since: now - Duration::from_secs(age) };
        let all = vec![image("new", 10, 1), image("old", 10, 3), image("middle", 10, 2)];
        let chosen: Vec<String> = choose(all.clone(), 15).into_iter().map(|image| image.id).collect();
        assert_eq!(chosen, ["old", "middle"]);
        assert!(choose(all, 0).is_empty());
    }
}
