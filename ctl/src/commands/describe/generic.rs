//! The description of kinds without one of their own: the object as a tree.

use serde_json::Value;

use super::related::Related;
use super::text::{Text, line};
use crate::value::plain;

/// Fields that stand above the tree, or are of no use to people.
const SKIPPED: &[&str] =
    &["/metadata/managedFields", "/metadata/name", "/metadata/namespace", "/metadata/labels", "/metadata/annotations"];
/// Words that stay in capitals.
const ACRONYMS: &[&str] = &["API", "URL", "UID", "OSB", "GUID"];

/// Writes who the object is, then everything else of it.
pub fn describe(out: &mut Text, object: &Value, _: &Related) {
    out.name_and_namespace(object);
    out.labels_and_annotations(object);
    branches(out, object, 0, "");
}

fn branches(out: &mut Text, object: &Value, level: usize, path: &str) {
    for (key, value) in object.as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        let label = title(key);
        match value {
            Value::Object(_) => {
                line!(out, level, "{label}:");
                branches(out, value, level + 1, &path);
            }
            Value::Array(items) => {
                line!(out, level, "{label}:");
                for item in items {
                    match item {
                        Value::Object(_) => branches(out, item, level + 1, &path),
                        other => line!(out, level + 1, "{}", plain(other)),
                    }
                }
            }
            Value::Null => line!(out, level, "{label}:\t<nil>"),
            other => line!(out, level, "{label}:\t{}", plain(other)),
        }
    }
}

/// `creationTimestamp` → `Creation Timestamp`; keys with other characters than letters stay.
fn title(key: &str) -> String {
    if !key.chars().all(|c| c.is_alphabetic() || c == '-') {
        return key.to_owned();
    }
    let words = words(key).into_iter().map(|word| {
        let upper = word.to_uppercase();
        if ACRONYMS.contains(&upper.as_str()) {
            return upper;
        }
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    });
    words.collect::<Vec<String>>().join(" ")
}

/// Parts a camel-case word: `podIPs` → `pod`, `IPs`; `clusterIPAddress` → `cluster`, `IP`, `Address`.
fn words(key: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Lower,
        Upper,
        Other,
    }
    let mut runs: Vec<(Class, String)> = Vec::new();
    for c in key.chars() {
        let class = match c {
            c if c.is_lowercase() => Class::Lower,
            c if c.is_uppercase() => Class::Upper,
            _ => Class::Other,
        };
        match runs.last_mut() {
            Some((last, run)) if *last == class => run.push(c),
            _ => runs.push((class, c.to_string())),
        }
    }
    // The last capital of a run belongs to the small letters that follow.
    for i in 1..runs.len() {
        let (before, after) = runs.split_at_mut(i);
        if let (Some((Class::Upper, upper)), Some((Class::Lower, lower))) = (before.last_mut(), after.first_mut())
            && let Some(capital) = upper.pop()
        {
            lower.insert(0, capital);
        }
    }
    runs.into_iter().map(|(_, run)| run).filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn titles_are_kubectls() {
        for (key, expected) in [
            ("creationTimestamp", "Creation Timestamp"),
            ("apiVersion", "API Version"),
            ("uid", "UID"),
            ("podIPs", "Pod I Ps"),
            ("clusterIP", "Cluster IP"),
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
            ("a-b", "A - B"),
            ("v1", "v1"),
        ] {
            assert_eq!(title(key), expected);
        }
    }
}
