//! The shape of the house: no production file over 800 lines, nine in ten under 500, no mark of unfinished work.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Lines a production file may have.
const HARD_LIMIT: usize = 800;
/// Lines that nine in ten production files stay under.
const SOFT_LIMIT: usize = 500;
/// Folders whose files are tests or generated.
const EXEMPT: &[&str] = &["/tests/", "/benches/", "/gen/"];
/// Marks of unfinished work. Written in halves so that this file does not find itself.
const MARKS: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("to", "do!("),
    ("unimple", "mented!("),
    ("#[ign", "ore"),
    ("danger_accept", "_invalid"),
];

/// Files and lines that break the rules.
///
/// # Errors
/// When git does not list the files or one cannot be read.
pub fn offences(root: &Path) -> Result<Vec<String>> {
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    for file in sources(root)? {
        let text = std::fs::read_to_string(root.join(&file)).with_context(|| file.display().to_string())?;
        let name = file.display().to_string();
        marks(&name, &text, &mut found);
        if !EXEMPT.iter().any(|folder| format!("/{name}").contains(folder)) {
            sizes.push((production_lines(&text), name));
        }
    }
    found.extend(
        sizes.iter().filter(|(n, _)| *n > HARD_LIMIT).map(|(n, f)| format!("{f}: {n} lines, at most {HARD_LIMIT}")),
    );
    let long = sizes.iter().filter(|(n, _)| *n > SOFT_LIMIT).count();
    if long * 10 > sizes.len() {
        found.push(format!("{long} of {} files have over {SOFT_LIMIT} lines; at most one in ten may", sizes.len()));
    }
    Ok(found)
}

/// Lines before the unit tests at the end of a file.
fn production_lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn marks(name: &str, text: &str, found: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        if let Some((a, b)) = MARKS.iter().find(|(a, b)| line.contains(&format!("{a}{b}"))) {
            found.push(format!("{name}:{}: {a}{b}", number + 1));
        }
    }
}

fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs", "*.sh", "x"])
        .current_dir(root)
        .output()
        .context("git does not start")?;
    if !listed.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    }
    let names = String::from_utf8(listed.stdout).context("file names are UTF-8")?;
    Ok(names.lines().map(PathBuf::from).filter(|file| root.join(file).exists()).collect())
}
