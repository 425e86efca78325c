//! Roles and cluster roles.

use serde_json::Value;

use super::super::related::Related;
use super::super::text::{Text, brackets, line};
use crate::value::{list, text, texts};

/// A rule for one resource, or one URL.
#[derive(Debug, Clone, Default)]
struct Rule {
    group: Option<String>,
    resource: Option<String>,
    name: Option<String>,
    url: Option<String>,
    verbs: Vec<String>,
}

impl Rule {
    fn same_object(&self, other: &Self) -> bool {
        self.url.is_none()
            && other.url.is_none()
            && (&self.group, &self.resource, &self.name) == (&other.group, &other.resource, &other.name)
    }

    /// The order of kubectl: by the text Go makes of a rule, verbs first.
    fn order(&self) -> impl Ord + use<> {
        let list = |one: &Option<String>| format!("[{}]", one.as_deref().unwrap_or_default());
        format!(
            "[{}],APIGroups:{},Resources:{},ResourceNames:{},NonResourceURLs:{}",
            self.verbs.join(" "),
            list(&self.group),
            list(&self.resource),
            list(&self.name),
            list(&self.url)
        )
    }

    fn target(&self) -> String {
        let Some(resource) = &self.resource else { return String::new() };
        let group = self.group.as_ref().filter(|group| !group.is_empty());
        let group = group.map(|group| format!(".{group}")).unwrap_or_default();
        match resource.split_once('/') {
            Some((resource, sub)) => format!("{resource}{group}/{sub}"),
            None => format!("{resource}{group}"),
        }
    }
}

/// Writes a role: who may do what, a line for each resource.
pub fn describe(out: &mut Text, role: &Value, _: &Related) {
    out.name(role);
    out.labels_and_annotations(role);
    line!(out, 0, "PolicyRule:");
    line!(out, 1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    line!(out, 1, "---------\t-----------------\t--------------\t-----");
    let mut rules = compact(list(role, "/rules").iter().flat_map(broken_down));
    rules.sort_by_key(Rule::order);
    for rule in rules {
        let list = |one: &Option<String>| brackets(&one.iter().map(|s| Value::from(s.as_str())).collect::<Vec<_>>());
        let (urls, names) = (list(&rule.url), list(&rule.name));
        line!(out, 1, "{}\t{urls}\t{names}\t[{}]", rule.target(), rule.verbs.join(" "));
    }
}

/// One rule for each combination.
fn broken_down(rule: &Value) -> Vec<Rule> {
    let owned = |text: &str| Some(text.to_owned());
    let verbs = texts(rule, "/verbs");
    let names = texts(rule, "/resourceNames");
    let names: Vec<Option<String>> = if names.is_empty() { vec![None] } else { names.into_iter().map(owned).collect() };
    let mut rules = Vec::new();
    for group in texts(rule, "/apiGroups") {
        for resource in texts(rule, "/resources") {
            for verb in &verbs {
                rules.extend(names.iter().map(|name| Rule {
                    group: owned(group),
                    resource: owned(resource),
                    name: name.clone(),
                    url: None,
                    verbs: vec![(*verb).to_owned()],
                }));
            }
        }
    }
    for url in texts(rule, "/nonResourceURLs") {
        rules.extend(verbs.iter().map(|verb| Rule {
            url: owned(url),
            verbs: vec![(*verb).to_owned()],
            ..Rule::default()
        }));
    }
    rules
}

/// Joins the verbs of rules about the same resource.
fn compact(rules: impl Iterator<Item = Rule>) -> Vec<Rule> {
    let mut compacted: Vec<Rule> = Vec::new();
    for rule in rules {
        match compacted.iter_mut().find(|known| known.same_object(&rule)) {
            Some(known) => known.verbs.extend(rule.verbs),
            None => compacted.push(rule),
        }
    }
    compacted
}

/// Names a role for those who bind it.
pub fn reference(binding: &Value) -> (&str, &str) {
    (text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"))
}
