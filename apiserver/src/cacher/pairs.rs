use corvette_api::labels;

/// Ends each text.
const END: char = '\0';

/// Names with values, in one allocation: what an entry is selected by. Values end before a NUL, which no valid one has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Box<str>);

impl Pairs {
    /// Iterates in the order the pairs came in.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut texts = self.0.split_terminator(END);
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(have, _)| *have == name).map(|(_, value)| value)
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut texts = String::new();
        for (name, value) in pairs {
            for text in [name.as_ref(), value.as_ref()] {
                texts.extend(text.split(END).next());
                texts.push(END);
            }
        }
        Self(texts.into())
    }
}

impl labels::Labels for Pairs {
    fn lookup(&self, key: &str) -> Option<&str> {
        self.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_by_name() {
        let pairs: Pairs = [("b", "2"), ("a", ""), ("c\0d", "3\0a\x004")].into_iter().collect();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("b", "2"), ("a", ""), ("c", "3")]);
        assert_eq!((pairs.get("b"), pairs.get("a"), pairs.get("2")), (Some("2"), Some(""), None));
        assert_eq!(Pairs::default().get(""), None);
    }
}
