//! Builds the pod sandbox program (`pause/pause.c`) with the C compiler that the Rust toolchain links with anyway.

use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=pause/pause.c");
    println!("cargo::rerun-if-env-changed=CC");
    let output = PathBuf::from(std::env::var("OUT_DIR")?).join("pause");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(&compiler)
        .args(["-Os", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie", "-s"])
        .args(["-fno-stack-protector", "-fno-asynchronous-unwind-tables"])
        .args(["-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack"])
        .arg("-o")
        .arg(&output)
        .arg("pause/pause.c")
        .status()
        .map_err(|error| format!("cannot run {compiler}: {error}; install gcc"))?;
    if !status.success() {
        return Err(format!("{compiler} could not build pause/pause.c").into());
    }
    Ok(())
}
