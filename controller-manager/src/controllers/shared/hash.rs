//! Names from content: a stable hash of a pod template in upstream's safe alphabet.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::Serialize;

/// Letters and digits that form no words.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// Returns the hash of a template; `collisions` changes it when two templates collide.
pub fn template_hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    hash_of(template, collisions)
}

/// Returns the hash of any content.
pub fn hash_of<T: Serialize>(content: &T, collisions: Option<i32>) -> String {
    let content = serde_json::to_vec(content).expect("what comes from the API always encodes");
    let mut hash = fnv(FNV_OFFSET, &content);
    if let Some(collisions) = collisions {
        hash = fnv(hash, &collisions.to_le_bytes());
    }
    encode(&hash.to_string())
}

/// Maps each character of `text` onto the safe alphabet, as upstream's `rand.SafeEncodeString`.
pub fn encode(text: &str) -> String {
    let letters = text.bytes().filter_map(|byte| ALPHABET.get(usize::from(byte) % ALPHABET.len()));
    letters.map(|letter| char::from(*letter)).collect()
}

fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::shared::testing::template;

    #[test]
    fn known_values() {
        assert_eq!(fnv(FNV_OFFSET, b"a"), 0xe40c_292c);
        assert_eq!(encode("0123456789"), "456789bcdf");
    }

    #[test]
    fn depends_on_content_and_collisions_alone() {
        let (one, other) = (template("a", "img:1"), template("a", "img:2"));
        assert_eq!(template_hash(&one, None), template_hash(&one.clone(), None));
        assert_ne!(template_hash(&one, None), template_hash(&other, None));
        assert_ne!(template_hash(&one, None), template_hash(&one, Some(0)));
        assert_ne!(template_hash(&one, Some(0)), template_hash(&one, Some(1)));
    }
}
