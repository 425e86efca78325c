//! `cvctl describe`: one file and one row ([`table`]) for each kind, the object's tree for all others; then its events.
//!
//! The layout is that of kubectl (`kubectl/pkg/describe/describe.go @ v1.36`). Descriptions are functions of values: what they need
//! beside the object ([`related`]) is fetched before.

mod containers;
mod env;
mod events;
mod generic;
mod kinds;
mod related;
mod run;
mod table;
mod tabs;
mod template;
mod text;
mod volumes;

pub use run::{Flags, run};
pub use tabs::align;

/// The lines about a template for pods, with tabs, as `rollout history --revision` shows them.
pub fn template_lines(template: &serde_json::Value) -> String {
    let mut out = text::Text::default();
    template::template(&mut out, template);
    out.raw()
}
