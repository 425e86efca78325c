//! `cvctl auth`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use crate::output::{Format, Heading, Style, Table, Widths, go};
use crate::session::Session;
use crate::value::{entries, flag, list, text};

/// The verbs that rules speak of.
const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
];

/// What can be asked about oneself.
#[derive(Subcommand)]
pub enum Command {
    /// Check whether an action is allowed
    CanI(CanI),
    /// Experimental: Check self subject attributes
    Whoami(Whoami),
}

#[derive(Args)]
pub struct CanI {
    /// VERB and TYPE, TYPE/NAME, or a path such as /healthz.
    words: Vec<String>,
    /// If true, check the specified action in all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// If true, suppress output and just return the exit code.
    #[arg(short, long)]
    quiet: bool,
    /// SubResource such as pod/log or deployment/scale.
    #[arg(long, default_value = "", hide_default_value = true)]
    subresource: String,
}

#[derive(Args)]
pub struct Whoami {
    /// Output format.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    output: String,
}

pub async fn run(session: &Session, command: Command) -> Result<ExitCode> {
    match command {
        Command::CanI(flags) => can_i(session, &flags).await,
        Command::Whoami(flags) => whoami(session, &flags).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn can_i(session: &Session, flags: &CanI) -> Result<ExitCode> {
    let [verb, what] = flags.words.as_slice() else {
        bail!(
            "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'cvctl auth can-i -h' for help and examples."
        );
    };
    let spec = if what.starts_with('/') {
        json!({ "nonResourceAttributes": { "verb": verb, "path": what } })
    } else {
        let (kind, name) = what.split_once('/').unwrap_or((what, ""));
        let resources = session.resources().await?;
        let resource = resources.find(kind).ok();
        if resource.is_none() && kind != "*" {
            eprintln!("Warning: the server doesn't have a resource type '{kind}'\n");
        }
        if !VERBS.contains(&verb.as_str()) {
            eprintln!("Warning: verb '{verb}' is not a known verb\n");
        }
        let namespaced = resource.is_none_or(|resource| resource.namespaced);
        if !namespaced && !flags.all_namespaces {
            let group = resource.map(|r| r.group.as_str()).filter(|group| !group.is_empty());
            let scope = group.map(|group| format!(" group '{group}'")).unwrap_or_default();
            eprintln!(
                "Warning: resource '{}' is not namespace scoped{scope}\n",
                resource.map_or(kind, |r| r.plural.as_str())
            );
        }
        let namespace = if flags.all_namespaces || !namespaced { "" } else { session.namespace.as_str() };
        json!({ "resourceAttributes": {
            "verb": verb, "group": resource.map_or("", |r| r.group.as_str()), "resource": resource.map_or(kind, |r| r.plural.as_str()),
            "name": name, "namespace": namespace, "subresource": flags.subresource,
        } })
    };
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let answer = session.requests.write(Method::POST, path, &review).await?;
    let allowed = flag(&answer, "/status/allowed");
    if !flags.quiet {
        let reason = text(&answer, "/status/reason");
        let why = if allowed || reason.is_empty() { String::new() } else { format!(" - {reason}") };
        println!("{}{why}", if allowed { "yes" } else { "no" });
    }
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn whoami(session: &Session, flags: &Whoami) -> Result<()> {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = session.requests.write(Method::POST, path, &review).await?;
    if !flags.output.is_empty() {
        print!("{}", Format::parse(&flags.output)?.print(&[answer], false)?);
        return Ok(());
    }
    let user = answer.pointer("/status/userInfo").unwrap_or(&Value::Null);
    let mut table = Table::new(["ATTRIBUTE", "VALUE"]);
    for (label, field) in [("Username", "/username"), ("UID", "/uid")] {
        if !text(user, field).is_empty() {
            table.row([label, text(user, field)]);
        }
    }
    if !list(user, "/groups").is_empty() {
        table.row(["Groups".to_owned(), user.get("groups").map(go::text).unwrap_or_default()]);
    }
    for (key, values) in entries(user, "/extra") {
        table.row([format!("Extra: {key}"), go::text(values)]);
    }
    print!("{}", table.print(Heading::Shown, Style::Plain, &mut Widths::default()));
    Ok(())
}
