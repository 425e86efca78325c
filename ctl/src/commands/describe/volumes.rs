//! Volumes of pods and of persistent volumes.

use serde_json::Value;

use super::kinds::persistent_volume_claim;
use super::text::{Text, brackets, line, quantity};
use crate::value::{at, entries, flag, int, list, plain, text};

/// How a field of a source is shown.
#[derive(Clone, Copy)]
enum Show {
    /// Text or number; empty when missing.
    Plain,
    /// A number; 0 when missing.
    Number,
    /// `true` or `false`.
    Flag,
    /// Text; `<none>` when missing.
    OrNone,
    /// A size; `<unset>` when missing or zero.
    Size,
    /// A list.
    List,
    /// The name of a reference, as Go prints the pointer to it.
    Reference,
}

/// A kind of volume: its field, what it is, and what of it is shown.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str, Show)]);

use Show::{Flag, List, Number, OrNone, Plain, Reference, Size};

/// The kinds of volumes that are shown field by field.
const ROWS: &[Row] = &[
    (
        "hostPath",
        "HostPath (bare host directory volume)",
        &[("Path:", "path", Plain), ("HostPathType:", "type", OrNone)],
    ),
    (
        "emptyDir",
        "EmptyDir (a temporary directory that shares a pod's lifetime)",
        &[("Medium:", "medium", Plain), ("SizeLimit:", "sizeLimit", Size)],
    ),
    (
        "secret",
        "Secret (a volume populated by a Secret)",
        &[("SecretName:", "secretName", Plain), ("Optional:", "optional", Flag)],
    ),
    (
        "configMap",
        "ConfigMap (a volume populated by a ConfigMap)",
        &[("Name:", "name", Plain), ("Optional:", "optional", Flag)],
    ),
    (
        "nfs",
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        &[("Server:", "server", Plain), ("Path:", "path", Plain), ("ReadOnly:", "readOnly", Flag)],
    ),
    (
        "iscsi",
        "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)",
        &[
            ("TargetPortal:", "targetPortal", Plain),
            ("IQN:", "iqn", Plain),
            ("Lun:", "lun", Number),
            ("ISCSIInterface", "iscsiInterface", Plain),
            ("FSType:", "fsType", Plain),
            ("ReadOnly:", "readOnly", Flag),
            ("Portals:", "portals", List),
            ("DiscoveryCHAPAuth:", "chapAuthDiscovery", Flag),
            ("SessionCHAPAuth:", "chapAuthSession", Flag),
            ("SecretRef:", "secretRef", Reference),
            ("InitiatorName:", "initiatorName", OrNone),
        ],
    ),
    (
        "persistentVolumeClaim",
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        &[("ClaimName:", "claimName", Plain), ("ReadOnly:", "readOnly", Flag)],
    ),
    ("local", "LocalVolume (a persistent volume backed by local storage on a node)", &[("Path:", "path", Plain)]),
    (
        "fc",
        "FC (a Fibre Channel disk)",
        &[
            ("TargetWWNs:", "targetWWNs", List),
            ("LUN:", "lun", OrNone),
            ("FSType:", "fsType", Plain),
            ("ReadOnly:", "readOnly", Flag),
        ],
    ),
    (
        "image",
        "Image (a container image or OCI artifact)",
        &[("Reference:", "reference", Plain), ("PullPolicy:", "pullPolicy", Plain)],
    ),
];

/// Writes the volumes of a pod or, indented by `space`, of a template.
pub fn volumes(out: &mut Text, spec: &Value, space: &str) {
    let volumes = list(spec, "/volumes");
    line!(out, 0, "{space}Volumes:{}", if volumes.is_empty() { "\t<none>" } else { "" });
    let name_indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        line!(out, 1, "{name_indent}{}:", text(volume, "/name"));
        source(out, volume);
    }
}

/// Writes what a volume is made from.
pub fn source(out: &mut Text, volume: &Value) {
    let row = ROWS.iter().find_map(|row| Some((row, at(volume, &format!("/{}", row.0))?)));
    if let Some(((_, what, fields), source)) = row {
        line!(out, 2, "Type:\t{what}");
        for (label, field, show) in *fields {
            line!(out, 2, "{label}\t{}", shown(source.get(*field), *show));
        }
    } else if let Some(projected) = at(volume, "/projected") {
        line!(out, 2, "Type:\tProjected (a volume that contains injected data from multiple sources)");
        list(projected, "/sources").iter().for_each(|source| projection(out, source));
    } else if let Some(downward) = at(volume, "/downwardAPI") {
        line!(out, 2, "Type:\tDownwardAPI (a volume populated by information about the pod)");
        line!(out, 2, "Items:");
        for item in list(downward, "/items") {
            for from in ["/fieldRef/fieldPath", "/resourceFieldRef/resource"] {
                if let Some(from) = at(item, from) {
                    line!(out, 3, "{} -> {}", plain(from), text(item, "/path"));
                }
            }
        }
    } else if let Some(csi) = at(volume, "/csi") {
        line!(out, 2, "Type:\tCSI (a Container Storage Interface (CSI) volume source)");
        line!(out, 2, "Driver:\t{}", text(csi, "/driver"));
        line!(out, 2, "FSType:\t{}", text(csi, "/fsType"));
        if let Some(handle) = at(csi, "/volumeHandle") {
            line!(out, 2, "VolumeHandle:\t{}", plain(handle));
        }
        line!(out, 2, "ReadOnly:\t{}", flag(csi, "/readOnly"));
        let attributes = entries(csi, "/volumeAttributes").map(|(k, v)| format!("{k}={}", plain(v)));
        out.column("    VolumeAttributes", attributes);
    } else if let Some(ephemeral) = at(volume, "/ephemeral") {
        line!(
            out,
            2,
            "Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
        );
        if let Some(template) = at(ephemeral, "/volumeClaimTemplate") {
            persistent_volume_claim::template(out, template);
        }
    } else {
        line!(out, 1, "<unknown>");
    }
}

fn projection(out: &mut Text, source: &Value) {
    if let Some(secret) = at(source, "/secret") {
        line!(out, 2, "SecretName:\t{}", text(secret, "/name"));
        line!(out, 2, "Optional:\t{}", flag(secret, "/optional"));
    } else if at(source, "/downwardAPI").is_some() {
        line!(out, 2, "DownwardAPI:\ttrue");
    } else if let Some(map) = at(source, "/configMap") {
        line!(out, 2, "ConfigMapName:\t{}", text(map, "/name"));
        line!(out, 2, "Optional:\t{}", flag(map, "/optional"));
    } else if let Some(token) = at(source, "/serviceAccountToken") {
        line!(out, 2, "TokenExpirationSeconds:\t{}", int(token, "/expirationSeconds"));
    }
}

fn shown(value: Option<&Value>, show: Show) -> String {
    let value = value.filter(|value| !value.is_null());
    match (show, value) {
        (Plain, None) => String::new(),
        (Number, None) => "0".to_owned(),
        (Flag, None) => "false".to_owned(),
        (OrNone, None) => "<none>".to_owned(),
        (Size, None) => "<unset>".to_owned(),
        (List, None) => "[]".to_owned(),
        (Reference, None) => "nil".to_owned(),
        (Size, Some(value)) if quantity(value) == "0" => "<unset>".to_owned(),
        (Size, Some(value)) => quantity(value),
        (List, Some(value)) => brackets(list(value, "")),
        (Reference, Some(value)) => format!("&LocalObjectReference{{Name:{},}}", text(value, "/name")),
        (_, Some(value)) => plain(value),
    }
}
