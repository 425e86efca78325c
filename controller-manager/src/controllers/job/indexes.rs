//! Sets of completion indexes as a status writes them: `1,3-5,7`. Pure.

use std::collections::BTreeSet;

/// Reads indexes below `completions`; anything else in the text is skipped.
pub fn parse(text: &str, completions: i32) -> BTreeSet<i32> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) {
            indexes.extend(first.max(0)..last.saturating_add(1).min(completions));
        }
    }
    indexes
}

/// Writes indexes, runs of three and more as ranges.
pub fn format(indexes: &BTreeSet<i32>) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for index in indexes {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*index) => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let text = |(first, last): (i32, i32)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    runs.into_iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_forms() {
        assert_eq!(format(&[0, 2, 3, 5, 6, 7].into()), "0,2,3,5-7");
        assert_eq!(parse("0,2-3,9,x,-1", 5), [0, 2, 3].into());
        assert_eq!(parse("", 5), BTreeSet::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_is_written_is_read_back(indexes in prop::collection::btree_set(0..60_i32, 0..40)) {
            prop_assert_eq!(parse(&format(&indexes), 60), indexes);
        }

        #[test]
        fn any_text_is_answered(text in "[-,0-9x]{0,20}") {
            prop_assert!(parse(&text, 7).into_iter().all(|index| (0..7).contains(&index)));
        }
    }
}
