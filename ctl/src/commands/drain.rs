//! `cvctl drain`: cordons a node, then evicts its pods.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use corvette_api::meta;
use http::Method;
use serde_json::{Value, json};

use super::common::DryRun;
use super::cordon::{self, Schedulable};
use super::delete;
use super::select::{Item, Unnamed};
use crate::error;
use crate::request::with_query;
use crate::resources::Resource;
use crate::session::{Session, duration};
use crate::value::{at, list, text};

/// Time between tries to evict a pod that a budget protects.
const RETRY: Duration = Duration::from_secs(5);
/// Marks the pods that a kubelet made from files; it alone can remove them.
const MIRROR: &str = "kubernetes.io/config.mirror";

#[derive(Args)]
pub struct Flags {
    #[command(flatten)]
    nodes: cordon::Flags,
    /// Ignore DaemonSet-managed pods.
    #[arg(long)]
    ignore_daemonsets: bool,
    /// Continue even if there are pods using emptyDir (local data that will be deleted when the node is drained).
    #[arg(long)]
    delete_emptydir_data: bool,
    /// Continue even if there are pods that do not declare a controller.
    #[arg(long)]
    force: bool,
    /// Period of time in seconds given to each pod to terminate gracefully; negative is the pod's own.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    grace_period: i64,
    /// The length of time to wait before giving up, zero means infinite.
    #[arg(long, default_value = "0s", value_parser = duration)]
    timeout: Duration,
    /// Label selector to filter pods on the node.
    #[arg(long, default_value = "", hide_default_value = true)]
    pod_selector: String,
}

/// What becomes of a pod.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is evicted.
    Goes,
    /// It stays, and nobody needs to know.
    Stays,
    /// It goes or stays; what is said of it.
    Warned(&'static str, bool),
    /// The node cannot be drained.
    Refused(&'static str),
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let selection = flags.nodes.selection("drain NODE")?;
    cordon::run(session, &flags.nodes, Schedulable::No).await?;
    let resources = session.resources().await?;
    let pods = resources.find("pods")?;
    for node in selection.find(session, &resources, Unnamed::Mistake).await? {
        let drained = drain(session, &flags, pods, &node.name);
        let result = if flags.timeout.is_zero() {
            drained.await
        } else {
            match tokio::time::timeout(flags.timeout, drained).await {
                Ok(done) => done,
                Err(_) => Err(anyhow::anyhow!("global timeout reached: {:?}", flags.timeout)),
            }
        };
        if let Err(failed) = result {
            let said = error::message(&failed);
            bail!(
                "unable to drain node \"{}\" due to error: {said}, continuing command...\nThere are pending nodes to be drained:\n {}\n{said}",
                node.name,
                node.name
            );
        }
        println!("{} drained{}", node.label(), flags.nodes.writing.dry_run.suffix());
    }
    Ok(())
}

async fn drain(session: &Session, flags: &Flags, pods: &Resource, node: &str) -> Result<()> {
    let on_node = format!("spec.nodeName={node}");
    let query = [("fieldSelector", on_node.as_str()), ("labelSelector", &flags.pod_selector)];
    let found = session.requests.list(&with_query(&pods.collection(None), &query)).await?;
    let (mut going, mut refused, mut warned) = (Vec::new(), Vec::new(), Vec::new());
    for pod in found {
        let name = format!("{}/{}", meta::namespace(&pod), meta::name(&pod));
        match fate(&pod, flags) {
            Fate::Stays => {}
            Fate::Goes => going.push(pod),
            Fate::Refused(why) => add(&mut refused, why, name),
            Fate::Warned(why, goes) => {
                add(&mut warned, why, name);
                going.extend(goes.then_some(pod));
            }
        }
    }
    if !refused.is_empty() {
        let lines: Vec<String> =
            refused.iter().map(|(why, names)| format!("cannot delete {why}: {}", names.join(", "))).collect();
        bail!(if lines.len() == 1 { lines.join("") } else { format!("[{}]", lines.join(", ")) });
    }
    let lines: Vec<String> = warned.iter().map(|(why, names)| format!("{why}: {}", names.join(", "))).collect();
    if !lines.is_empty() {
        eprintln!("Warning: {}", lines.join("; "));
    }
    if flags.nodes.writing.dry_run != DryRun::None {
        let suffix = flags.nodes.writing.dry_run.suffix();
        going.iter().for_each(|pod| println!("evicting pod {}/{}{suffix}", meta::namespace(pod), meta::name(pod)));
        return Ok(());
    }
    let evictions = going.iter().map(|pod| evict(session, flags, pods, pod));
    futures::future::try_join_all(evictions).await.map(drop)
}

fn add(reasons: &mut Vec<(&'static str, Vec<String>)>, why: &'static str, name: String) {
    match reasons.iter_mut().find(|(known, _)| *known == why) {
        Some((_, names)) => names.push(name),
        None => reasons.push((why, vec![name])),
    }
}

fn fate(pod: &Value, flags: &Flags) -> Fate {
    if meta::annotation(pod, MIRROR).is_some() {
        return Fate::Stays;
    }
    let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    let controller = meta::controller_of(pod).map(|owner| text(owner, "/kind"));
    if controller == Some("DaemonSet") && !ended {
        return match flags.ignore_daemonsets {
            true => Fate::Warned("ignoring DaemonSet-managed Pods", false),
            false => Fate::Refused("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"),
        };
    }
    let local = list(pod, "/spec/volumes").iter().any(|volume| at(volume, "/emptyDir").is_some());
    if local && !ended && !flags.delete_emptydir_data {
        return Fate::Refused("Pods with local storage (use --delete-emptydir-data to override)");
    }
    if controller.is_none() && !ended {
        return match flags.force {
            true => Fate::Warned("deleting Pods that declare no controller", true),
            false => Fate::Refused("cannot delete Pods that declare no controller (use --force to override)"),
        };
    }
    Fate::Goes
}

async fn evict(session: &Session, flags: &Flags, pods: &Resource, pod: &Value) -> Result<()> {
    let (namespace, name) = (meta::namespace(pod), meta::name(pod));
    let item = Item {
        resource: pods,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        source: String::new(),
        object: None,
    };
    let mut options = json!({});
    if flags.grace_period >= 0 {
        options = json!({ "gracePeriodSeconds": flags.grace_period });
    }
    let metadata = json!({ "name": name, "namespace": namespace });
    let eviction =
        json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options });
    loop {
        println!("evicting pod {namespace}/{name}");
        match session.requests.write(Method::POST, &format!("{}/eviction", item.path()), &eviction).await {
            Ok(_) => break,
            Err(failed) if error::is_not_found(&failed) => return Ok(()),
            Err(failed) if error::status_of(&failed).is_some_and(|status| status.code == 429) => {
                eprintln!(
                    "error when evicting pods/\"{name}\" -n \"{namespace}\" (will retry after {RETRY:?}): {}",
                    error::message(&failed)
                );
                tokio::time::sleep(RETRY).await;
            }
            Err(failed) => {
                return Err(failed.context(format!("error when evicting pods/\"{name}\" -n \"{namespace}\"")));
            }
        }
    }
    delete::until_gone(session, &item, Some(meta::uid(pod))).await?;
    println!("pod/{name} evicted");
    Ok(())
}
