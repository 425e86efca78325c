//! Cells that several kinds print alike, beside those in [`crate::kinds::printing`].

use serde_json::Value;

/// How many entries of a long list are printed.
const SHOWN: usize = 3;

/// Joins the first three texts by commas and counts the others: `a,b,c + 2 more...`; `empty` when there are none.
#[must_use]
pub fn shortened(all: &[String], empty: &str) -> String {
    if all.is_empty() {
        return empty.to_owned();
    }
    let head = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(",");
    match all.len().saturating_sub(SHOWN) {
        0 => head,
        more => format!("{head} + {more} more..."),
    }
}

/// Says whether an object is marked as the default of its class by an annotation with value `true`.
#[must_use]
pub fn is_marked(obj: &Value, annotation: &str) -> bool {
    crate::meta::annotation(obj, annotation) == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened() {
        let texts = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(shortened(&texts(0), "<none>"), "<none>");
        assert_eq!(shortened(&texts(3), ""), "0,1,2");
        assert_eq!(shortened(&texts(5), ""), "0,1,2 + 2 more...");
    }
}
