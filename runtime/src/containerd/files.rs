//! The contents of `config.toml` and of the CNI network list: pure functions of the configuration.

use serde_json::json;

use super::{Config, Programs, SANDBOX_IMAGE};

/// Plugins that cost start time or touch shared directories of the machine and that we do not use. Names that a
/// version of containerd does not know are ignored by it.
const DISABLED_PLUGINS: [&str; 9] = [
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.native",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.nri.v1.nri",
];

/// Renders `config.toml` in version 2, which containerd 1.6 to 2.x read.
pub(super) fn config_toml(config: &Config, programs: &Programs) -> String {
    let cri = r#"plugins."io.containerd.grpc.v1.cri""#;
    let disabled = DISABLED_PLUGINS.map(|name| format!("{name:?}")).join(", ");
    format!(
        r#"# Written by corvette at every start; changes are overwritten.
version = 2
root = {root:?}
state = {state:?}
oom_score = 0
disabled_plugins = [{disabled}]

[grpc]
  address = {socket:?}
  max_recv_message_size = 16777216
  max_send_message_size = 16777216

[debug]
  level = "info"

[{cri}]
  sandbox_image = {SANDBOX_IMAGE:?}
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  max_container_log_line_size = {max_log_line}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true

  [{cri}.cni]
    bin_dir = {cni_bin:?}
    conf_dir = {cni_conf:?}
    max_conf_num = 1

  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [{cri}.containerd.runtimes.runc.options]
        BinaryName = {runc:?}
        Root = {runc_root:?}
        SystemdCgroup = false

  [{cri}.registry]
    config_path = "/etc/containerd/certs.d"
"#,
        root = config.root(),
        state = config.state(),
        socket = config.socket,
        max_log_line = config.max_log_line,
        cni_bin = programs.cni,
        cni_conf = config.cni_dir(),
        runc = programs.runc,
        runc_root = config.runc_root(),
    )
}

/// Renders the CNI network list: a bridge with host-local addresses, and host ports. containerd adds the loopback itself.
pub(super) fn network_list(config: &Config) -> String {
    let list = json!({
        "cniVersion": "0.4.0",
        "name": config.network,
        "plugins": [
            {
                "type": "bridge",
                "bridge": config.bridge,
                "isGateway": true,
                "isDefaultGateway": true,
                "hairpinMode": true,
                "ipMasq": config.masquerade,
                "ipam": {
                    "type": "host-local",
                    "dataDir": config.ipam_dir(),
                    "ranges": [[{ "subnet": config.pod_cidr }]],
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    });
    format!("{list:#}\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config() -> Config {
        Config::new(Path::new("/data"), "10.244.3.0/24").unwrap()
    }

    #[test]
    fn the_configuration_stays_inside_the_data_directory() {
        let programs = Programs {
            containerd: "/usr/bin/containerd".into(),
            ctr: "/usr/bin/ctr".into(),
            runc: "/usr/sbin/runc".into(),
            cni: "/usr/lib/cni".into(),
            path: String::new(),
        };
        let text = config_toml(&config(), &programs);
        for line in [
            r#"root = "/data/containerd/root""#,
            r#"state = "/data/containerd/state""#,
            r#"address = "/data/containerd/containerd.sock""#,
            r#"conf_dir = "/data/containerd/cni/net.d""#,
            r#"Root = "/data/containerd/state/runc""#,
            "restrict_oom_score_adj = true",
        ] {
            assert!(text.lines().any(|l| l.trim() == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_network_list_gives_out_the_pod_range() {
        let list: serde_json::Value = serde_json::from_str(&network_list(&config())).unwrap();
        assert_eq!(list["plugins"][0]["ipam"]["ranges"][0][0]["subnet"], "10.244.3.0/24");
        assert_eq!(list["plugins"][0]["ipam"]["dataDir"], "/data/containerd/cni/networks");
        assert_eq!(list["plugins"][0]["ipMasq"], false);
        assert_eq!(list["plugins"][1]["type"], "portmap");
    }
}
