//! Upstream's descriptions of definitions and fields, collected by `build.rs`.
//!
//! They stay compressed in the program; [`Descriptions`] lives as long as one document is made.

use std::collections::HashMap;

use super::cache::gunzip;

/// Records that end in a zero byte: `=definition`, then `field⇥text` for each field, the definition's own without a field.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptions.gz"));
/// A definition that has the fields of a list; the dependency describes none of the lists themselves.
const LIKE_A_LIST: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// Returns bytes that change with the descriptions: gzip's own checksum and length of the text.
pub(super) fn fingerprint() -> &'static [u8] {
    PACKED.last_chunk::<8>().map_or(PACKED, |end| end)
}

/// Expands the text that [`Descriptions`] looks into.
pub(super) fn expand() -> String {
    String::from_utf8_lossy(&gunzip(PACKED)).into_owned()
}

/// Finds descriptions.
pub(super) struct Descriptions<'a>(HashMap<(&'a str, &'a str), &'a str>);

impl<'a> Descriptions<'a> {
    /// Indexes the text that [`expand`] returned.
    pub(super) fn of(text: &'a str) -> Self {
        let (mut definition, mut index) = ("", HashMap::with_capacity(4096));
        for record in text.split_terminator('\0') {
            if let Some((field, text)) = record.split_once('\t') {
                index.insert((definition, field), text);
            } else {
                definition = record.trim_start_matches('=');
            }
        }
        Self(index)
    }

    /// Returns the description of a definition, or of its field unless that is empty; `None` where upstream has none.
    pub(super) fn get(&self, definition: &str, field: &str) -> Option<String> {
        if let Some(text) = self.0.get(&(definition, field)) {
            return Some((*text).to_owned());
        }
        let item = definition.rsplit('.').next()?.strip_suffix("List")?;
        match field {
            "" => Some(format!("{item}List is a list of {item} objects.")),
            "items" => Some(format!("items is the list of {item} objects.")),
            _ => self.0.get(&(LIKE_A_LIST, field)).map(|text| (*text).to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use corvette_api::schema;

    use super::*;

    /// Of these upstream says nothing, in its own documents neither.
    const SILENT: &[&str] = &[
        "io.k8s.api.admissionregistration.v1alpha1.MatchCondition",
        "io.k8s.api.certificates.v1.CertificateSigningRequest.metadata",
        "io.k8s.api.networking.v1.IngressRule.http",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ExternalDocumentation.",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps.",
        "io.k8s.apimachinery.pkg.apis.meta.v1.GroupResource.",
        "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent.",
        "io.k8s.apimachinery.pkg.version.Info.",
    ];

    #[test]
    fn every_definition_and_field_is_described() {
        let text = expand();
        let descriptions = Descriptions::of(&text);
        let mut found = 0;
        for definition in schema::definitions() {
            for field in std::iter::once("").chain(definition.fields().iter().map(schema::Field::name)) {
                let described = descriptions.get(definition.name(), field);
                let name = format!("{}.{field}", definition.name());
                found += usize::from(described.is_some());
                let silent = SILENT.iter().any(|s| name.starts_with(s));
                assert!(described.is_some_and(|text| !text.trim().is_empty()) || silent, "{name} has no description");
            }
        }
        assert!(found > 3700, "{found}");
    }

    #[test]
    fn texts_are_upstream_s_letter_by_letter() {
        let text = expand();
        let descriptions = Descriptions::of(&text);
        let of = |definition: &str, field: &str| descriptions.get(definition, field).expect("described");
        assert_eq!(
            of("io.k8s.api.apps.v1.DeploymentStrategy", "type"),
            "Type of deployment. Can be \"Recreate\" or \"RollingUpdate\". Default is RollingUpdate."
        );
        assert!(of("io.k8s.apimachinery.pkg.api.resource.Quantity", "").contains("\n\n``` <quantity>        ::= "));
        assert_eq!(of("io.k8s.api.core.v1.PodList", ""), "PodList is a list of Pod objects.");
        assert!(of("io.k8s.api.core.v1.PodList", "metadata").starts_with("Standard list metadata"));
        assert_eq!(descriptions.get("io.k8s.api.core.v1.Pod", "nothing"), None);
    }
}
