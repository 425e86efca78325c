//! Node selectors and node affinity, compiled.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;

type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
    /// An operator or operand that validation should have refused: matches nothing.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

impl Requirement {
    fn from_api(requirement: &core::NodeSelectorRequirement) -> Self {
        let values = requirement.values.clone().unwrap_or_default();
        let number = values.first().and_then(|v| v.parse::<i64>().ok());
        let operator = match (requirement.operator.as_str(), number) {
            ("In", _) => Operator::In(values),
            ("NotIn", _) => Operator::NotIn(values),
            ("Exists", _) => Operator::Exists,
            ("DoesNotExist", _) => Operator::DoesNotExist,
            ("Gt", Some(bound)) => Operator::GreaterThan(bound),
            ("Lt", Some(bound)) => Operator::LessThan(bound),
            _ => Operator::Never,
        };
        Self { key: requirement.key.clone(), operator }
    }

    fn matches(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.operator {
            Operator::In(values) => value.is_some_and(|v| values.iter().any(|x| x == v)),
            Operator::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| x != v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan(bound) => number().is_some_and(|n| n > *bound),
            Operator::LessThan(bound) => number().is_some_and(|n| n < *bound),
            Operator::Never => false,
        }
    }
}

/// One term: all its requirements hold. A term without any matches no node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

impl Term {
    fn from_api(term: &core::NodeSelectorTerm) -> Self {
        let compile = |list: &Option<Vec<core::NodeSelectorRequirement>>| {
            list.iter().flatten().map(Requirement::from_api).collect()
        };
        Self { labels: compile(&term.match_expressions), fields: compile(&term.match_fields) }
    }

    fn matches(&self, name: &str, labels: &Labels) -> bool {
        if self.labels.is_empty() && self.fields.is_empty() {
            return false;
        }
        self.labels.iter().all(|r| r.matches(labels.get(&r.key).map(String::as_str)))
            && self.fields.iter().all(|r| r.key == "metadata.name" && r.matches(Some(name)))
    }
}

/// Terms of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTerms(Vec<Term>);

impl NodeTerms {
    /// Compiles a node selector.
    pub fn from_api(selector: &core::NodeSelector) -> Self {
        Self(selector.node_selector_terms.iter().map(Term::from_api).collect())
    }

    /// Whether a node with this name and these labels matches.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.0.iter().any(|term| term.matches(name, labels))
    }
}

/// A preferred term and its weight, 1 to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferred {
    /// Added to the score of a node that matches.
    pub weight: i64,
    term: Term,
}

impl Preferred {
    /// Whether a node with this name and these labels matches.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.term.matches(name, labels)
    }
}

/// Everything a pod says about labels of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeMatcher {
    selector: Vec<(String, String)>,
    required: Option<NodeTerms>,
    /// Preferences, for scoring.
    pub preferred: Vec<Preferred>,
}

impl NodeMatcher {
    /// Compiles `spec.nodeSelector` and `spec.affinity.nodeAffinity`.
    pub fn from_spec(spec: &core::PodSpec) -> Self {
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let preferred = affinity.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
        Self {
            selector: spec.node_selector.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            required: required.map(NodeTerms::from_api),
            preferred: preferred
                .into_iter()
                .flatten()
                .map(|p| Preferred { weight: i64::from(p.weight), term: Term::from_api(&p.preference) })
                .collect(),
        }
    }

    /// Whether anything is required.
    pub fn is_trivial(&self) -> bool {
        self.selector.is_empty() && self.required.is_none()
    }

    /// Whether the node fulfils what is required.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.selector.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.required.as_ref().is_none_or(|terms| terms.matches(name, labels))
    }
}
