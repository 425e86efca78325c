/// A range of keys, the start inclusive and the end exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub start: String,
    /// `None` is without end.
    pub end: Option<String>,
}

impl KeyRange {
    /// Returns the range of all keys that start with `prefix`.
    pub(crate) fn of_prefix(prefix: &str) -> Self {
        Self { start: prefix.to_owned(), end: successor(prefix) }
    }

    /// Drops the keys up to and including `key`.
    pub(crate) fn after(mut self, key: &str) -> Self {
        // No key sorts between a key and the same with a zero byte appended.
        let next = format!("{key}\0");
        if next > self.start {
            self.start = next;
        }
        self
    }

    /// Tells whether the range has the key.
    pub(crate) fn contains(&self, key: &str) -> bool {
        key >= self.start.as_str() && self.end.as_ref().is_none_or(|end| key < end.as_str())
    }
}

/// Returns the least string greater than all that start with `prefix`; UTF-8 sorts as its code points do.
fn successor(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_is_just_after_the_prefix() {
        assert_eq!(KeyRange::of_prefix("/a/").end.as_deref(), Some("/a0"));
        assert_eq!(KeyRange::of_prefix("").end, None);
        assert_eq!(KeyRange::of_prefix("a\u{10FFFF}").end.as_deref(), Some("b"));
        assert_eq!(KeyRange::of_prefix("\u{D7FF}").end.as_deref(), Some("\u{E000}"));
    }

    proptest! {
        #[test]
        fn contains_exactly_what_starts_with_the_prefix(prefix in ".{0,3}", key in ".{0,6}", tail in ".{0,3}") {
            let range = KeyRange::of_prefix(&prefix);
            prop_assert_eq!(range.contains(&key), key.starts_with(&prefix));
            let joined = format!("{prefix}{tail}");
            prop_assert!(range.contains(&joined));
            prop_assert!(!range.clone().after(&joined).contains(&joined));
            let longer = format!("{joined}x");
            prop_assert!(range.after(&joined).contains(&longer));
        }
    }
}
