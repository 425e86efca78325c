//! One row per kind that has behaviour. A kind without a row is [`Plain`].

use super::strategy::{Plain, Strategy};
use super::{apps, autoscaling, batch, core, policy};

/// Ties a kind to its behaviour.
#[derive(Clone, Copy)]
pub struct Row {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind, e.g. `Pod`.
    pub kind: &'static str,
    /// What the pipeline asks.
    pub strategy: &'static dyn Strategy,
}

const fn row(group: &'static str, kind: &'static str, strategy: &'static dyn Strategy) -> Row {
    Row { group, kind, strategy }
}

/// Every kind with behaviour, by group and kind.
pub static ROWS: &[Row] = &[
    row("", "Binding", &core::binding::Binding),
    row("", "Pod", &core::pod::Pod),
    row("", "PodTemplate", &core::pod_template::PodTemplate),
    row("", "ReplicationController", &core::replication_controller::ReplicationController),
    row("apps", "ControllerRevision", &apps::controller_revision::ControllerRevision),
    row("apps", "DaemonSet", &apps::daemon_set::DaemonSet),
    row("apps", "Deployment", &apps::deployment::Deployment),
    row("apps", "ReplicaSet", &apps::replica_set::ReplicaSet),
    row("apps", "StatefulSet", &apps::stateful_set::StatefulSet),
    row("autoscaling", "HorizontalPodAutoscaler", &autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler),
    row("autoscaling", "Scale", &autoscaling::scale::Scale),
    row("batch", "CronJob", &batch::cron_job::CronJob),
    row("batch", "Job", &batch::job::Job),
    row("policy", "Eviction", &policy::eviction::Eviction),
    row("policy", "PodDisruptionBudget", &policy::pod_disruption_budget::PodDisruptionBudget),
];

/// Finds the behaviour of a kind; [`Plain::SPEC_STATUS`] for one that has none of its own.
pub fn find(group: &str, kind: &str) -> &'static dyn Strategy {
    ROWS.iter()
        .find(|row| row.group == group && row.kind == kind)
        .map_or(&Plain::SPEC_STATUS as &'static dyn Strategy, |row| row.strategy)
}
