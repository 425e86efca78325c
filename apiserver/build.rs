//! Collects upstream's descriptions of kinds and fields from the source of the dependency `k8s-openapi`, which keeps them for
//! its feature `schemars`. Reading them takes a moment; building the crate once more with that feature takes half a minute.
//!
//! `src/openapi/descriptions.rs` reads the result.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The part of `k8s-openapi` that is served.
const VERSION: &str = "v1_36";
const MANIFEST: &str = r#"
[package]
name = "descriptions"
edition = "2024"
[workspace]
[dependencies]
k8s-openapi = { version = "*", default-features = false, features = ["v1_36"] }
"#;

/// Texts of a definition by field; its own has no field.
type Definition = BTreeMap<String, String>;
type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let source = source(&out)?.join("src").join(VERSION);
    let mut definitions = BTreeMap::new();
    read(&source, &mut definitions).map_err(|e| format!("{}: {e}", source.display()))?;
    if !definitions.values().any(|texts: &Definition| texts.len() > 1) {
        return Err(format!("{} holds no descriptions where they are looked for", source.display()).into());
    }
    let mut packed = GzEncoder::new(fs::File::create(out.join("descriptions.gz"))?, Compression::best());
    for (name, texts) in &definitions {
        write!(packed, "={name}\0")?;
        for (field, text) in texts {
            write!(packed, "{field}\t{text}\0")?;
        }
    }
    packed.finish()?;
    Ok(())
}

/// Returns the directory of the dependency. Only `cargo` knows where it is: a registry, a vendored directory, a patch. It is
/// asked about a package that depends on nothing else, because it refuses to answer where a package of the workspace was
/// never downloaded, such as one for another system.
fn source(out: &Path) -> Result<PathBuf, Failure> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
    let probe = out.join("probe");
    fs::create_dir_all(probe.join("src"))?;
    fs::write(probe.join("src/lib.rs"), "")?;
    fs::write(probe.join("Cargo.toml"), MANIFEST)?;
    fs::copy(own.join("../Cargo.lock"), probe.join("Cargo.lock"))?;
    let ask = |extra: &[&str]| {
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["metadata", "--format-version=1", "--filter-platform", &env::var("TARGET").unwrap_or_default()])
            .arg("--manifest-path")
            .arg(probe.join("Cargo.toml"))
            .args(extra)
            .current_dir(&own)
            .output()
    };
    let mut answer = ask(&["--offline"])?;
    if !answer.status.success() {
        answer = ask(&[])?;
    }
    let text = String::from_utf8(answer.stdout)?;
    let manifest = text
        .split_once(r#"{"name":"k8s-openapi","version":"#)
        .and_then(|(_, package)| package.split_once(r#""manifest_path":""#))
        .and_then(|(_, path)| path.split_once('"'))
        .ok_or_else(|| format!("cargo metadata: {}", String::from_utf8_lossy(&answer.stderr)))?;
    Ok(Path::new(manifest.0).parent().ok_or("the manifest has no directory")?.to_owned())
}

fn read(directory: &Path, definitions: &mut BTreeMap<String, Definition>) -> Result<(), Failure> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, definitions)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            file(&fs::read_to_string(&path)?, definitions).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// Reads the schema at the end of a generated file: the name, then the definition's description and properties, told apart
/// by how far they are indented.
fn file(text: &str, definitions: &mut BTreeMap<String, Definition>) -> Result<(), Failure> {
    let (mut name, mut field) = (None, "");
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(found) = line.strip_prefix("        \"io.k8s.").and_then(|rest| rest.strip_suffix("\".into()")) {
            (name, field) = (Some(format!("io.k8s.{found}")), "");
        }
        let property = line.strip_prefix("                \"").and_then(|rest| rest.split_once("\": "));
        if let Some((property, _)) = property {
            field = property;
        }
        if let (Some(name), Some(literal)) = (&name, description(line.trim_start())) {
            let texts = definitions.entry(name.clone()).or_default();
            texts.insert(field.to_owned(), unescape(literal)?);
        }
    }
    Ok(())
}

/// Returns the literal of a line that sets a description, without its quotes.
fn description(line: &str) -> Option<&str> {
    let plain = line.strip_prefix(r#""description": ""#).and_then(|rest| rest.strip_suffix("\","));
    plain.or_else(|| {
        line.strip_prefix(r#"schema_obj.ensure_object().insert("description".into(), ""#)?.strip_suffix("\".into());")
    })
}

fn unescape(literal: &str) -> Result<String, Failure> {
    let mut out = String::with_capacity(literal.len());
    let mut chars = literal.chars();
    while let Some(char) = chars.next() {
        out.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(same @ ('"' | '\\' | '\'')) => same,
                other => return Err(format!("unknown escape {other:?} in {literal}").into()),
            },
            other => other,
        });
    }
    Ok(out)
}
