//! `cvctl api-resources`.

use anyhow::{Result, bail};
use clap::Args;

use crate::output::{Heading, Style, Table, Widths};
use crate::session::Session;

#[derive(Args)]
pub struct Flags {
    /// Limit to resources in the specified API group.
    #[arg(long)]
    api_group: Option<String>,
    /// If false, non-namespaced resources will be returned, otherwise namespaced ones.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    namespaced: Option<bool>,
    /// Limit to resources that support the specified verbs.
    #[arg(long, value_delimiter = ',')]
    verbs: Vec<String>,
    /// Limit to resources that belong to the specified categories.
    #[arg(long, value_delimiter = ',')]
    categories: Vec<String>,
    /// If non-empty, sort list of resources using specified field. The field can be either 'name' or 'kind'.
    #[arg(long, default_value = "", hide_default_value = true)]
    sort_by: String,
    /// Use the cached list of resources if available; there is no cache.
    #[arg(long)]
    cached: bool,
    /// Output format: wide or name.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
    /// Don't print headers.
    #[arg(long)]
    no_headers: bool,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let wide = match flags.output.as_str() {
        "" | "name" => false,
        "wide" => true,
        other => bail!("--output {other} is not available"),
    };
    let resources = session.resources().await?;
    let mut heading = vec!["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
    if wide {
        heading.extend(["VERBS", "CATEGORIES"]);
    }
    let mut table = Table::new(heading);
    let mut seen = Vec::new();
    let mut all: Vec<_> = resources.all().iter().collect();
    // Stable: of a resource in several versions the preferred one comes first.
    all.sort_by_key(|resource| (&resource.group, &resource.plural));
    match flags.sort_by.as_str() {
        "" => {}
        "name" => all.sort_by_key(|resource| &resource.plural),
        "kind" => all.sort_by_key(|resource| &resource.kind),
        _ => bail!("--sort-by accepts only name or kind"),
    }
    for resource in all {
        let key = (resource.group.as_str(), resource.plural.as_str());
        let wanted = flags.api_group.as_ref().is_none_or(|g| *g == resource.group)
            && flags.namespaced.is_none_or(|n| n == resource.namespaced)
            && flags.verbs.iter().all(|verb| resource.can(verb))
            && flags.categories.iter().all(|category| resource.categories.contains(category));
        if !wanted || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        if flags.output == "name" {
            println!("{}", resource.qualified());
            continue;
        }
        let mut cells = vec![
            resource.plural.clone(),
            resource.short.join(","),
            resource.api_version(),
            resource.namespaced.to_string(),
            resource.kind.clone(),
        ];
        if wide {
            cells.extend([resource.verbs.join(","), resource.categories.join(",")]);
        }
        table.row(cells);
    }
    if flags.output != "name" {
        let heading = if flags.no_headers { Heading::Hidden } else { Heading::Shown };
        print!("{}", table.print(heading, Style::Plain, &mut Widths::default()));
    }
    Ok(())
}
