//! `cvctl run`: a pod with one container.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use corvette_api::meta::as_map;
use http::Method;
use serde_json::{Map, Value, json};

use super::common::{DryRun, Validation, Writing};
use super::create::create;
use super::select::Item;
use super::streams::Streams;
use super::{attach, delete, pod};
use crate::session::Session;
use crate::value::{int, list, text};

/// Where help is.
const HELP: &str = "\nSee 'cvctl run -h' for help and examples";

#[derive(Args)]
pub struct Flags {
    /// Name of the pod.
    name: Option<String>,
    /// The image for the container to run.
    #[arg(long)]
    image: String,
    /// The image pull policy for the container.
    #[arg(long)]
    image_pull_policy: Option<String>,
    /// Environment variables to set in the container.
    #[arg(long)]
    env: Vec<String>,
    /// Comma separated labels to apply to the pod.
    #[arg(short, long, value_delimiter = ',')]
    labels: Vec<String>,
    /// Annotations to apply to the pod.
    #[arg(long)]
    annotations: Vec<String>,
    /// The port that this container exposes.
    #[arg(long)]
    port: Option<u16>,
    /// The restart policy for this Pod. Legal values [Always, OnFailure, Never].
    #[arg(long, default_value = "Always")]
    restart: String,
    /// If true and extra arguments are present, use them as the 'command' field in the container.
    #[arg(long)]
    command: bool,
    /// If true, wait for the Pod to start running, and then attach to the Pod.
    #[arg(long)]
    attach: bool,
    /// If true, delete the pod after it exits.
    #[arg(long)]
    rm: bool,
    /// If the pod is started in interactive mode or with stdin, leave stdin open after the first attach completes.
    #[arg(long)]
    leave_stdin_open: bool,
    /// If true, run the container in privileged mode.
    #[arg(long)]
    privileged: bool,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    writing: Writing,
    /// The command's words, after --.
    #[arg(last = true)]
    words: Vec<String>,
}

/// Makes the pod, and attaches to it when that is wanted.
///
/// # Errors
/// For flags that do not fit together, and what the server refuses.
pub async fn run(session: &Session, flags: Flags) -> Result<ExitCode> {
    let attached = flags.attach || flags.streams.stdin || flags.streams.tty;
    let name = flags.name.as_deref().with_context(|| format!("NAME is required for run{HELP}"))?;
    if flags.streams.tty && !flags.streams.stdin {
        bail!("-i/--stdin is required for containers with -t/--tty=true{HELP}");
    }
    if flags.rm && !attached {
        bail!("--rm should only be used for attached containers{HELP}");
    }
    if attached && flags.writing.dry_run != DryRun::None {
        bail!("--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)");
    }
    let object = object(&flags, name)?;
    let resources = session.resources().await?;
    let item = Item::named(session, resources.find("pods")?, name);
    let created = create(session, &item, &flags.writing, &Validation::default(), object).await?;
    if !attached || !flags.writing.output.is_empty() {
        flags.writing.printer()?.print(&created, "created")?;
    }
    if !attached {
        return Ok(ExitCode::SUCCESS);
    }
    let code = follow(session, &flags, &item, created).await;
    if flags.rm {
        let uid = session.requests.write(Method::DELETE, &item.path(), &json!({})).await?;
        delete::until_gone(session, &item, delete::uid_of(&uid).as_deref()).await?;
        if !flags.streams.quiet {
            println!("pod \"{name}\" deleted");
        }
    }
    code
}

fn pairs(words: &[String], what: &str) -> Result<Map<String, Value>> {
    let pair = |word: &String| {
        let (key, value) = word.split_once('=').with_context(|| format!("unexpected {what} spec: {word}"))?;
        Ok((key.to_owned(), value.into()))
    };
    words.iter().map(pair).collect()
}

fn object(flags: &Flags, name: &str) -> Result<Value> {
    if !matches!(flags.restart.as_str(), "Always" | "OnFailure" | "Never") {
        bail!("invalid restart policy: {}{HELP}", flags.restart);
    }
    let mut labels = pairs(&flags.labels, "label")?;
    if labels.is_empty() {
        labels.insert("run".to_owned(), name.into());
    }
    let mut container = json!({ "name": name, "image": flags.image, "resources": {} });
    let fields = as_map(&mut container);
    let mut put = |field: &str, value: Value, wanted: bool| {
        if wanted {
            fields.insert(field.to_owned(), value);
        }
    };
    put("imagePullPolicy", json!(flags.image_pull_policy), flags.image_pull_policy.is_some());
    let variables: Vec<Value> =
        pairs(&flags.env, "env")?.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    put("env", json!(variables), !variables.is_empty());
    put("ports", json!([{ "containerPort": flags.port }]), flags.port.is_some());
    put(if flags.command { "command" } else { "args" }, json!(flags.words), !flags.words.is_empty());
    put("stdin", json!(true), flags.streams.stdin);
    put("stdinOnce", json!(true), flags.streams.stdin && !flags.leave_stdin_open);
    put("tty", json!(true), flags.streams.tty);
    put("securityContext", json!({ "privileged": true }), flags.privileged);
    let mut metadata = json!({ "name": name, "labels": labels });
    let annotations = pairs(&flags.annotations, "annotation")?;
    if !annotations.is_empty() {
        as_map(&mut metadata).insert("annotations".to_owned(), annotations.into());
    }
    let spec = json!({ "containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": flags.restart });
    Ok(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {} }))
}

/// Waits for the pod to run, attaches, then waits for it to end; the exit code is that of its container.
async fn follow(session: &Session, flags: &Flags, item: &Item<'_>, created: Value) -> Result<ExitCode> {
    let running = reach(session, item, created, &["Running", "Succeeded", "Failed"]).await?;
    if text(&running, "/status/phase") == "Running" {
        let found = pod::find(session, &item.name, pod::Say::Nothing).await?;
        attach::attach(session, &found, item.name.clone(), flags.streams).await?;
    } else {
        let log = session.requests.raw(&format!("{}/log", item.path())).await?;
        std::io::Write::write_all(&mut std::io::stdout(), &log)?;
    }
    if flags.restart == "Always" {
        println!(
            "Session ended, resume using 'cvctl attach {} -c {} -i -t' command when the pod is running",
            item.name, item.name
        );
        return Ok(ExitCode::SUCCESS);
    }
    let ended = reach(session, item, item.get(session).await?, &["Succeeded", "Failed"]).await?;
    let status = list(&ended, "/status/containerStatuses").first();
    let code = status.map_or(0, |status| int(status, "/state/terminated/exitCode"));
    if code != 0 {
        let reason = status.map_or("", |status| text(status, "/state/terminated/reason"));
        eprintln!("pod {}/{} terminated ({reason})", item.namespace, item.name);
    }
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Waits for one of the phases.
async fn reach(session: &Session, item: &Item<'_>, mut pod: Value, phases: &[&str]) -> Result<Value> {
    while !phases.contains(&text(&pod, "/status/phase")) {
        let seen = text(&pod, "/metadata/resourceVersion");
        pod = item.changed(session, seen).await?.with_context(|| format!("pod {} was deleted", item.name))?;
    }
    Ok(pod)
}
