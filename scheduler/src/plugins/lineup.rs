//! The plugins that have something to say about one pod, ready to be asked about nodes.

use super::plugin::{Overview, Plugin, Rejection};
use super::table::PLUGINS;
use crate::model::PodInfo;
use crate::snapshot::{NodeView, Snapshot};

/// Plugins with what they have found out about all nodes together.
pub struct Lineup<'a> {
    pod: &'a PodInfo,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    plugin: &'static dyn Plugin,
    overview: Option<Box<dyn Overview + 'a>>,
}

/// Why no node at all can take a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hopeless {
    /// The plugin that says so.
    pub plugin: &'static str,
    /// The reason in upstream's words.
    pub message: String,
}

impl<'a> Lineup<'a> {
    /// Has the plugins look at the cluster as a whole.
    ///
    /// # Errors
    /// When one of them rules out every node.
    pub fn new(snapshot: &'a Snapshot, pod: &'a PodInfo) -> Result<Self, Hopeless> {
        let mut rows = Vec::new();
        for plugin in PLUGINS.iter().copied().filter(|plugin| plugin.concerns(pod)) {
            let overview =
                plugin.survey(pod, snapshot).map_err(|message| Hopeless { plugin: plugin.name(), message })?;
            rows.push(Row { plugin, overview });
        }
        Ok(Self { pod, rows })
    }

    /// Says whether a plugin depends on the pods of other nodes than the one it is asked about.
    pub fn looks_around(&self) -> bool {
        self.rows.iter().any(|row| row.overview.is_some())
    }

    /// The first plugin that keeps the pod off the node.
    pub fn rejection(&self, node: &NodeView<'_>) -> Option<(&'static str, Rejection)> {
        self.rows.iter().find_map(|Row { plugin, overview }| {
            let by_node = plugin.filter(self.pod, node);
            let rejection = by_node.or_else(|| overview.as_ref()?.filter(node))?;
            Some((plugin.name(), rejection))
        })
    }

    /// The weighted sum of the scores of each node.
    pub fn totals(&self, nodes: &[NodeView<'_>]) -> Vec<i64> {
        let mut totals = vec![0_i64; nodes.len()];
        for Row { plugin, overview } in self.rows.iter().filter(|row| row.plugin.weight() > 0) {
            let score = |node: &NodeView<'_>| match overview {
                Some(overview) => overview.score(node),
                None => plugin.score(self.pod, node),
            };
            let mut scores: Vec<i64> = nodes.iter().map(score).collect();
            plugin.normalize(&mut scores);
            for (total, score) in totals.iter_mut().zip(scores) {
                *total += score * plugin.weight();
            }
        }
        totals
    }
}
