//! `cvctl port-forward`: connections to ports of this machine go to ports of a pod.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::pod;
use super::streams;
use crate::request::Accept;
use crate::session::Session;
use crate::value::{at, int, list, plain, text};

#[derive(Args)]
pub struct Flags {
    /// TYPE/NAME, then [LOCAL_PORT:]REMOTE_PORT...
    words: Vec<String>,
    /// Addresses to listen on (comma separated).
    #[arg(long, default_value = "localhost", value_delimiter = ',')]
    address: Vec<String>,
}

/// A port here, 0 for any, and one of the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports {
    local: u16,
    remote: u16,
}

pub async fn run(session: &Session, flags: Flags) -> Result<()> {
    let Some((word, wanted)) = flags.words.split_first().filter(|(_, ports)| !ports.is_empty()) else {
        bail!(
            "TYPE/NAME and list of ports are required for port-forward\nSee 'cvctl port-forward -h' for help and examples"
        );
    };
    let pod = pod::find(session, word, pod::Say::Nothing).await?;
    let object = session.requests.get(&pod.path, Accept::Object).await?;
    let service = service(session, word).await?;
    let ports: Vec<Ports> = wanted.iter().map(|word| parse(word, service.as_ref(), &object)).collect::<Result<_>>()?;
    if pod.phase != "Running" {
        bail!("unable to forward port because pod is not running. Current status={}", pod.phase);
    }
    let mut listeners = JoinSet::new();
    for ports in ports {
        for address in addresses(&flags.address) {
            match TcpListener::bind((address, ports.local)).await {
                Ok(listener) => {
                    let bound = listener.local_addr()?;
                    println!("Forwarding from {bound} -> {}", ports.remote);
                    listeners.spawn(accept(session.clone(), pod.name.clone(), listener, ports.remote));
                }
                Err(error) => eprintln!(
                    "Unable to listen on port {}: Listeners failed to create with the following errors: [unable to create listener: Error listen {address}:{}: {error}]",
                    ports.local, ports.local
                ),
            }
        }
    }
    if listeners.is_empty() {
        bail!("unable to listen on any of the requested ports: [{}]", wanted.join(" "));
    }
    while let Some(ended) = listeners.join_next().await {
        ended.context("a listener ended")??;
    }
    Ok(())
}

/// The service the word names, if it names one: its ports are not those of its pods.
async fn service(session: &Session, word: &str) -> Result<Option<Value>> {
    let Some((kind, name)) = word.split_once('/') else { return Ok(None) };
    let resources = session.resources().await?;
    let resource = resources.find(kind)?;
    if resource.kind != "Service" {
        return Ok(None);
    }
    session.requests.get(&resource.object(&session.namespace, name), Accept::Object).await.map(Some)
}

fn addresses(words: &[String]) -> Vec<&str> {
    words
        .iter()
        .flat_map(|word| if word == "localhost" { vec!["127.0.0.1", "::1"] } else { vec![word.as_str()] })
        .collect()
}

/// Reads `[LOCAL:]REMOTE`. What is a port of a service leads to that of the pod; names are looked up.
fn parse(word: &str, service: Option<&Value>, pod: &Value) -> Result<Ports> {
    let (local, remote) = word.split_once(':').map_or((None, word), |(local, remote)| (Some(local), remote));
    let through = service.and_then(|service| {
        let ports = list(service, "/spec/ports").iter();
        let port =
            ports.into_iter().find(|port| text(port, "/name") == remote || int(port, "/port").to_string() == remote);
        port.map(|port| {
            at(port, "/targetPort")
                .filter(|_| text(service, "/spec/clusterIP") != "None")
                .map_or_else(|| int(port, "/port").to_string(), plain)
        })
    });
    if let (Some(service), None) = (service, &through) {
        bail!("Service {} does not have a service port {remote}", text(service, "/metadata/name"));
    }
    let wanted = through.as_deref().unwrap_or(remote);
    let number = match wanted.parse::<u16>() {
        Ok(number) if number > 0 => number,
        _ => named(pod, wanted)?,
    };
    let local = match local {
        Some("") => 0,
        Some(local) => local.parse().with_context(|| format!("error parsing local port '{local}'"))?,
        None => remote.parse().unwrap_or(number),
    };
    Ok(Ports { local, remote: number })
}

fn named(pod: &Value, name: &str) -> Result<u16> {
    let mut ports = list(pod, "/spec/containers").iter().flat_map(|container| list(container, "/ports"));
    let port = ports.find(|port| text(port, "/name") == name);
    let port =
        port.with_context(|| format!("Pod '{}' does not have a named port '{name}'", text(pod, "/metadata/name")))?;
    Ok(u16::try_from(int(port, "/containerPort"))?)
}

async fn accept(session: Session, pod: String, listener: TcpListener, port: u16) -> Result<()> {
    let local = listener.local_addr()?.port();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                println!("Handling connection for {local}");
                connections.spawn(forward(session.clone(), pod.clone(), accepted?.0, port));
            }
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended.context("a connection ended")? {
                    eprintln!("error: an error occurred forwarding {local} -> {port}: {}", crate::error::message(&error));
                }
            }
        }
    }
}

async fn forward(session: Session, pod: String, mut here: TcpStream, port: u16) -> Result<()> {
    let forwarder = streams::pods(&session).portforward(&pod, &[port]).await;
    let mut forwarder = forwarder.map_err(|error| streams::failed(&session, error))?;
    let mut there = forwarder.take_stream(port).context("the connection has a stream")?;
    let refused = forwarder.take_error(port);
    // That one side has gone is how connections end.
    if let Err(error) = copy_bidirectional(&mut here, &mut there).await
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && error.kind() != std::io::ErrorKind::ConnectionReset
    {
        return Err(error.into());
    }
    drop(there);
    let joined = forwarder.join().await;
    if let Some(said) = match refused {
        Some(refused) => refused.await,
        None => None,
    } {
        bail!(said);
    }
    Ok(joined?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Ports, parse};

    #[test]
    fn ports_lead_to_the_pod() {
        let pod = json!({ "metadata": { "name": "p" }, "spec": { "containers": [{ "ports": [{ "name": "http", "containerPort": 8080 }] }] } });
        let service = json!({ "metadata": { "name": "s" }, "spec": { "ports": [{ "name": "web", "port": 80, "targetPort": "http" }] } });
        for (word, service, local, remote) in [
            ("80", None, 80, 80),
            ("9:80", None, 9, 80),
            (":80", None, 0, 80),
            ("http", None, 8080, 8080),
            ("80", Some(&service), 80, 8080),
            ("9:web", Some(&service), 9, 8080),
        ] {
            assert_eq!(parse(word, service, &pod).unwrap(), Ports { local, remote }, "{word}");
        }
        assert_eq!(parse("x", None, &pod).unwrap_err().to_string(), "Pod 'p' does not have a named port 'x'");
        assert_eq!(
            parse("81", Some(&service), &pod).unwrap_err().to_string(),
            "Service s does not have a service port 81"
        );
        assert!(parse("x:80", None, &pod).is_err());
    }
}
