//! Taints and tolerations.

use k8s_openapi::api::core::v1 as core;

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// New pods are kept away.
    NoSchedule,
    /// New pods are put elsewhere if possible.
    PreferNoSchedule,
    /// New pods are kept away and running ones evicted.
    NoExecute,
}

impl Effect {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "NoSchedule" => Some(Self::NoSchedule),
            "PreferNoSchedule" => Some(Self::PreferNoSchedule),
            "NoExecute" => Some(Self::NoExecute),
            _ => None,
        }
    }

    /// Whether the taint keeps a pod off the node.
    pub fn repels(self) -> bool {
        self != Self::PreferNoSchedule
    }
}

/// A taint of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// Label-like key.
    pub key: String,
    /// Value, empty when unset.
    pub value: String,
    /// Effect.
    pub effect: Effect,
}

impl Taint {
    /// Takes a taint from the API object; `None` for an unknown effect.
    pub fn from_api(taint: &core::Taint) -> Option<Self> {
        Some(Self {
            key: taint.key.clone(),
            value: taint.value.clone().unwrap_or_default(),
            effect: Effect::parse(&taint.effect)?,
        })
    }
}

/// A toleration of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    key: String,
    value: Option<String>,
    effect: Option<Effect>,
}

impl Toleration {
    /// Takes a toleration from the API object.
    pub fn from_api(toleration: &core::Toleration) -> Self {
        let exists = toleration.operator.as_deref() == Some("Exists");
        Self {
            key: toleration.key.clone().unwrap_or_default(),
            value: (!exists).then(|| toleration.value.clone().unwrap_or_default()),
            effect: toleration.effect.as_deref().and_then(Effect::parse),
        }
    }

    /// Whether it tolerates `taint` (`api/core/v1/toleration.go: ToleratesTaint`).
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
    }

    /// Whether it may be asked about `PreferNoSchedule` taints.
    pub fn covers_preferences(&self) -> bool {
        self.effect.is_none_or(|effect| effect == Effect::PreferNoSchedule)
    }
}
