//! `cvctl expose`: a Service for the pods of a workload, or for what another Service selects.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_api::meta;
use serde_json::{Map, Value, json};

use super::common::{Validation, Writing};
use super::create::create;
use super::select::{Item, Selection, Unnamed, something_named};
use crate::session::Session;
use crate::value::{at, list, text};

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    writing: Writing,
    /// The name for the newly created object.
    #[arg(long)]
    name: Option<String>,
    /// The port that the service should serve on. Copied from the resource being exposed, if unspecified.
    #[arg(long)]
    port: Option<u16>,
    /// Name or number for the port on the container that the service should direct traffic to.
    #[arg(long)]
    target_port: Option<String>,
    /// The network protocol for the service to be created.
    #[arg(long)]
    protocol: Option<String>,
    /// Type for this service: ClusterIP, NodePort, LoadBalancer, or ExternalName.
    #[arg(long = "type")]
    kind: Option<String>,
    /// ClusterIP to be assigned to the service; 'None' creates a headless service.
    #[arg(long)]
    cluster_ip: Option<String>,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    something_named(&flags.selection)?;
    let printer = flags.writing.printer()?;
    let resources = session.resources().await?;
    let services = resources.find("services")?;
    for item in flags.selection.find(session, &resources, Unnamed::Mistake).await? {
        let object = item.get(session).await?;
        let service = service(&flags, &item, &object)?;
        let new = Item { object: None, ..Item::named(session, services, meta::name(&service)) };
        let created = create(session, &new, &flags.writing, &Validation::default(), service).await?;
        printer.print(&created, "exposed")?;
    }
    Ok(())
}

fn service(flags: &Flags, item: &Item<'_>, object: &Value) -> Result<Value> {
    let kind = item.resource.kind.as_str();
    let selector = match kind {
        "Pod" => at(object, "/metadata/labels").cloned().context("the pod has no labels and cannot be exposed")?,
        "Service" | "ReplicationController" => {
            at(object, "/spec/selector").cloned().context("the object has no selector")?
        }
        "Deployment" | "ReplicaSet" => {
            if !list(object, "/spec/selector/matchExpressions").is_empty() {
                bail!("couldn't convert expressions - \"{:?}\" to map-based selector format", kind);
            }
            at(object, "/spec/selector/matchLabels").cloned().context("the object has no selector")?
        }
        _ => bail!("cannot expose a {kind}"),
    };
    let ports = match flags.port {
        Some(port) => vec![(i64::from(port), flags.protocol.as_deref().unwrap_or("TCP"))],
        None => known_ports(kind, object),
    };
    if ports.is_empty() {
        bail!("couldn't find port via --port flag or introspection");
    }
    let several = ports.len() > 1;
    let port = |(i, (port, protocol)): (usize, (i64, &str))| {
        let target = match &flags.target_port {
            Some(target) => target.parse::<i64>().map_or_else(|_| json!(target), |number| json!(number)),
            None => json!(port),
        };
        let mut entry = json!({ "port": port, "protocol": protocol, "targetPort": target });
        if several {
            meta::as_map(&mut entry).insert("name".to_owned(), format!("port-{}", i + 1).into());
        }
        entry
    };
    let mut spec =
        json!({ "selector": selector, "ports": ports.into_iter().enumerate().map(port).collect::<Vec<_>>() });
    for (field, value) in [("type", &flags.kind), ("clusterIP", &flags.cluster_ip)] {
        if let Some(value) = value {
            meta::as_map(&mut spec).insert(field.to_owned(), value.as_str().into());
        }
    }
    let mut metadata =
        Map::from_iter([("name".to_owned(), flags.name.clone().unwrap_or_else(|| item.name.clone()).into())]);
    metadata.extend(at(object, "/metadata/labels").map(|labels| ("labels".to_owned(), labels.clone())));
    if !item.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), item.namespace.as_str().into());
    }
    Ok(json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec }))
}

/// The ports that the object itself names.
fn known_ports<'a>(kind: &str, object: &'a Value) -> Vec<(i64, &'a str)> {
    let (containers, field) = match kind {
        "Service" => (std::slice::from_ref(object), "/spec/ports"),
        "Pod" => (list(object, "/spec/containers"), "/ports"),
        _ => (list(object, "/spec/template/spec/containers"), "/ports"),
    };
    let number = if kind == "Service" { "/port" } else { "/containerPort" };
    let ports = containers.iter().flat_map(|container| list(container, field));
    ports.filter_map(|port| Some((at(port, number)?.as_i64()?, text(port, "/protocol")))).collect()
}
