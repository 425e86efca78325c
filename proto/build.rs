//! Compiles the `.proto` files with `protox`, so that no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(
        ["proto/cri.proto", "proto/containerd_events.proto", "proto/containerd_tasks.proto"],
        ["proto"],
    )?;
    tonic_prost_build::configure()
        // Credentials must not reach a log: `lib.rs` writes this `Debug` by hand.
        .skip_debug(["runtime.v1.AuthConfig"])
        .compile_fds(descriptors)?;
    Ok(())
}
