//! `-o custom-columns=NAME:.metadata.name,…`.

use anyhow::{Result, bail};
use serde_json::Value;

use super::table::{Heading, Style, Table, Widths};
use super::{Expression, go};

/// Headings, and what stands below each.
#[derive(Debug, Clone)]
pub struct CustomColumns(Vec<(String, Expression)>);

impl CustomColumns {
    /// Parses the flag's argument.
    ///
    /// # Errors
    /// For a column without a path.
    pub fn parse(spec: &str) -> Result<Self> {
        if spec.is_empty() {
            bail!("custom-columns format specified but no custom columns given");
        }
        let mut columns = Vec::new();
        for column in spec.split(',') {
            let Some((name, path)) = column.split_once(':') else {
                bail!("unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>");
            };
            columns.push((name.to_owned(), Expression::parse(path)?));
        }
        Ok(Self(columns))
    }

    /// Reads the text of a file: headings in its first line, the path of each below it.
    ///
    /// # Errors
    /// When the lines do not fit together.
    pub fn parse_file(text: &str) -> Result<Self> {
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let (Some(names), Some(paths)) = (lines.next(), lines.next()) else {
            bail!("invalid template format, 2 lines are required: a header and the columns");
        };
        if names.len() != paths.len() {
            bail!("number of headers ({}) and field specifications ({}) don't match", names.len(), paths.len());
        }
        let columns = names.iter().zip(paths).map(|(name, path)| Ok(((*name).to_owned(), Expression::parse(path)?)));
        Ok(Self(columns.collect::<Result<_>>()?))
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

fn cell(path: &Expression, object: &Value) -> Result<String> {
    let texts: Vec<String> = path.find(object)?.iter().map(|value| go::text(value)).collect();
    Ok(if texts.is_empty() { "<none>".to_owned() } else { texts.join(",") })
}
