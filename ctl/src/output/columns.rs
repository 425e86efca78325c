//! `-o custom-columns=NAME:.metadata.name,…`.

use anyhow::{Result, bail};
use serde_json::Value;

use super::Template;
use super::table::{Heading, Style, Table, Widths};

/// Columns and the path of each.
#[derive(Debug, Clone)]
pub struct CustomColumns(Vec<(String, String)>);

impl CustomColumns {
    /// Parses the flag's argument.
    ///
    /// # Errors
    /// For a column without a path.
    pub fn parse(spec: &str) -> Result<Self> {
        if spec.is_empty() {
            bail!("custom-columns format specified but no custom columns given");
        }
        let columns: Option<Vec<_>> =
            spec.split(',').map(|c| c.split_once(':').map(|(name, path)| (name.to_owned(), path.to_owned()))).collect();
        match columns {
            Some(columns) => Ok(Self(columns)),
            None => bail!("unexpected custom-columns spec: {spec}, expected <header>:<json-path-expr>"),
        }
    }

    pub(super) fn print(&self, objects: &[Value], heading: Heading) -> Result<String> {
        let mut table = Table::new(self.0.iter().map(|(name, _)| name.clone()));
        for object in objects {
            let cells: Result<Vec<String>> = self.0.iter().map(|(_, path)| cell(path, object)).collect();
            table.row(cells?);
        }
        Ok(table.print(heading, Style::Plain, &mut Widths::default()))
    }
}

fn cell(path: &str, object: &Value) -> Result<String> {
    let found = Template::find(path.trim_start_matches('{').trim_end_matches('}'), object)?;
    if found.is_empty() {
        return Ok("<none>".to_owned());
    }
    let texts: Vec<String> =
        found.into_iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
    Ok(texts.join(","))
}
