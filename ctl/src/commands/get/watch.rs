//! `cvctl get -w`: what is there, then every change, until the connection ends.

use std::io::Write as _;

use anyhow::{Result, bail};
use corvette_api::meta::as_map;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use serde_json::Value;

use super::fetch::{Fetched, accept, as_table, collection, fetch, joined, objects_of};
use super::{Flags, shape};
use crate::output::{Format, Heading, Style, Widths};
use crate::request::with_query;
use crate::session::Session;
use crate::target::Target;
use crate::value::{list, text};

/// What is printed one after another.
struct Output<'a> {
    target: &'a Target<'a>,
    flags: &'a Flags,
    format: &'a Format,
    heading: Heading,
    widths: Widths,
    /// Columns of the table: only the first of the watched tables tells them.
    columns: Value,
}

impl Output<'_> {
    fn print(&mut self, mut object: Value) -> Result<()> {
        let text = if self.format.is_table() {
            object = as_table(object);
            if list(&object, "/columnDefinitions").is_empty() {
                as_map(&mut object).insert("columnDefinitions".to_owned(), self.columns.clone());
            } else {
                self.columns = object.get("columnDefinitions").cloned().unwrap_or_default();
            }
            let table = shape(&object, self.target, self.flags, self.format, self.flags.show_kind);
            if table.len() == 0 {
                return Ok(());
            }
            let heading = std::mem::replace(&mut self.heading, Heading::Hidden);
            table.print(heading, Style::detect(), &mut self.widths)
        } else {
            let mut objects = objects_of(object, self.target);
            if !self.flags.show_managed_fields {
                for object in &mut objects {
                    corvette_api::meta::remove_field(object, "managedFields");
                }
            }
            let printed: Result<Vec<String>> =
                objects.iter().map(|object| self.format.print(std::slice::from_ref(object), false)).collect();
            printed?.concat()
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

pub async fn run(session: &Session, target: &Target<'_>, flags: &Flags, format: &Format) -> Result<()> {
    if target.names.len() > 1 {
        bail!("watch is only supported on individual resources and resource collections");
    }
    let heading = if flags.no_headers { Heading::Hidden } else { Heading::Shown };
    let mut output = Output { target, flags, format, heading, widths: Widths::default(), columns: Value::Null };
    let Fetched { answers, errors } = fetch(session, target, flags, format).await?;
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    let version = answers.first().map(|page| text(page, "/metadata/resourceVersion").to_owned()).unwrap_or_default();
    if !flags.watch_only {
        if format.is_table() {
            joined(answers).into_iter().try_for_each(|page| output.print(page))?;
        } else {
            answers.into_iter().try_for_each(|page| output.print(page))?;
        }
    }
    let mut path = collection(session, target, flags);
    if let [name] = target.names.as_slice() {
        path = with_query(
            &target.resource.collection(Some(target.namespace.as_deref().unwrap_or(&session.namespace))),
            &[("fieldSelector", &format!("metadata.name={name}"))],
        );
    }
    let accept = accept(flags, format);
    let path = with_query(&path, &[("watch", "true"), ("resourceVersion", &version)]);
    let mut lines = std::pin::pin!(session.requests.stream(&path, accept).await?.lines());
    while let Some(line) = lines.next().await {
        let mut event: Value = serde_json::from_str(&line?)?;
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        match text(&event, "/type") {
            "ERROR" => bail!("{}", text(&object, "/message")),
            "BOOKMARK" => {}
            _ => output.print(object)?,
        }
    }
    Ok(())
}
