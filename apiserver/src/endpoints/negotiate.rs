//! Content negotiation: which media type and which view of an object a client accepts.
//!
//! Follows `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go @ v1.36`, protobuf for
//! kinds that have a message.

use corvette_api::status::{self, Status};
use http::{HeaderMap, header};

use crate::tables::MetaVersion;

/// Media types of request bodies, of discovery, and of answers about kinds with protobuf message.
pub const BODY_TYPES: [&str; 3] = ["application/json", "application/yaml", PROTOBUF];
/// Media types of answers about kinds without protobuf message, in order of preference.
pub const MEDIA_TYPES: [&str; 2] = ["application/json", "application/yaml"];
/// Media types of event streams.
const EVENT_TYPES: [&str; 2] = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
/// Media type of Kubernetes' protobuf.
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// [`PROTOBUF`].
    Protobuf,
}

impl Media {
    /// Returns the media type's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => PROTOBUF,
        }
    }
}

/// View of objects the client asks for by `as=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The object itself.
    Object,
    /// `meta.k8s.io` Table of the given version.
    Table(MetaVersion),
    /// `meta.k8s.io` PartialObjectMetadata, or its list, of the given version.
    Metadata(MetaVersion),
}

/// Outcome of negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Encoding of the response.
    pub media: Media,
    /// View of objects.
    pub view: View,
}

/// One clause of an Accept header.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause<'a> {
    /// Media type or range, lower case as sent.
    pub media: &'a str,
    /// Parameters but `q`.
    pub parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Clause<'_> {
    /// Returns the parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// Splits Accept headers into clauses, best first; equal ones keep their order.
pub fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(clause)
        .collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    clauses
}

fn clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let mut clause = Clause { media, parameters: Vec::new(), quality: 1.0 };
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        if key == "q" {
            clause.quality = value.parse().unwrap_or(1.0);
        } else {
            clause.parameters.push((key, value));
        }
    }
    Some(clause)
}

/// Whether a request's answer can be shown as tables and metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// Objects only (creates of reviews, scale, non-resource paths).
    ObjectOnly,
    /// One object.
    Single,
    /// Events about single objects, which are not written in YAML.
    Events,
    /// A list.
    List,
}

/// Picks the first acceptable clause; no Accept header at all accepts JSON.
///
/// # Errors
/// 406 listing the media types served.
pub fn negotiate(headers: &HeaderMap, views: Views) -> Result<Negotiated, Status> {
    negotiate_with(headers, views, Messages::None)
}

/// Whether the kind of an answer has a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// It has none.
    None,
    /// It has one.
    Known,
}

/// Picks as [`negotiate`] does, protobuf among the media types where the kind has a message. Metadata alone have one
/// whatever the kind, tables have none.
///
/// # Errors
/// 406 listing the media types served.
pub fn negotiate_with(headers: &HeaderMap, views: Views, messages: Messages) -> Result<Negotiated, Status> {
    let clauses = clauses(headers);
    if clauses.is_empty() {
        return Ok(Negotiated { media: Media::Json, view: View::Object });
    }
    let fits = |clause: &Clause<'_>| {
        let picked = Negotiated { media: media(clause.media)?, view: view(clause, views)? };
        let encodes = match picked.view {
            View::Object => messages == Messages::Known,
            View::Metadata(_) => true,
            View::Table(_) => false,
        };
        let written = match picked.media {
            Media::Json => true,
            Media::Yaml => views != Views::Events,
            Media::Protobuf => encodes,
        };
        written.then_some(picked)
    };
    let served: &[&str] = match (views, messages) {
        (Views::Events, Messages::Known) => &EVENT_TYPES,
        (Views::Events, Messages::None) => &EVENT_TYPES[..1],
        (_, Messages::Known) => &BODY_TYPES,
        (_, Messages::None) => &MEDIA_TYPES,
    };
    clauses.iter().find_map(fits).ok_or_else(|| status::not_acceptable(served))
}

/// Returns the encoding a media range stands for.
pub fn media(range: &str) -> Option<Media> {
    match range {
        "application/json" | "*/*" | "application/*" => Some(Media::Json),
        "application/yaml" => Some(Media::Yaml),
        PROTOBUF => Some(Media::Protobuf),
        _ => None,
    }
}

fn view(clause: &Clause<'_>, views: Views) -> Option<View> {
    let Some(kind) = clause.parameter("as").filter(|kind| !kind.is_empty()) else { return Some(View::Object) };
    if clause.parameter("g") != Some("meta.k8s.io") {
        return None;
    }
    let version = clause.parameter("v").and_then(MetaVersion::parse)?;
    match (kind, views) {
        ("Table", Views::Single | Views::Events | Views::List) => Some(View::Table(version)),
        ("PartialObjectMetadata", Views::Single | Views::Events) | ("PartialObjectMetadataList", Views::List) => {
            Some(View::Metadata(version))
        }
        _ => None,
    }
}

/// Reads the media type of a request body; no Content-Type means JSON.
///
/// # Errors
/// 415 listing the media types read.
pub fn body_media(headers: &HeaderMap) -> Result<Media, Status> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = content_type.split(';').next().map(str::trim).unwrap_or_default();
    [
        ("", Media::Json),
        ("application/json", Media::Json),
        ("application/yaml", Media::Yaml),
        (PROTOBUF, Media::Protobuf),
    ]
    .into_iter()
    .find_map(|(name, media)| name.eq_ignore_ascii_case(given).then_some(media))
    .ok_or_else(|| status::unsupported_media_type(&BODY_TYPES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, views: Views, expected: Option<Negotiated>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(negotiate(&headers, views).ok(), expected, "{accept}");
    }

    #[test]
    fn the_first_acceptable_clause_wins() {
        let json = Negotiated { media: Media::Json, view: View::Object };
        let table = Negotiated { media: Media::Json, view: View::Table(MetaVersion::V1) };
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        check(kubectl, Views::List, Some(table));
        check(kubectl, Views::ObjectOnly, Some(json));
        check("application/vnd.kubernetes.protobuf,application/json", Views::Single, Some(json));
        check("application/vnd.kubernetes.protobuf", Views::Single, None);
        check("application/json;as=Nonsense;g=meta.k8s.io;v=v1", Views::Single, None);
        check("application/json;as=Table;g=meta.k8s.io;v=v2", Views::List, None);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, PROTOBUF.parse().unwrap());
        let protobuf = Negotiated { media: Media::Protobuf, view: View::Object };
        assert_eq!(negotiate_with(&headers, Views::Single, Messages::Known).ok(), Some(protobuf));
        check("*/*", Views::Single, Some(json));
        check("application/yaml, */*", Views::Events, Some(json));
        headers.insert(header::ACCEPT, "application/yaml".parse().unwrap());
        let refused = negotiate_with(&headers, Views::Events, Messages::Known).unwrap_err();
        assert_eq!(
            refused.message,
            "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
        );
        check(
            "application/json;q=0.5, application/yaml",
            Views::Single,
            Some(Negotiated { media: Media::Yaml, view: View::Object }),
        );
        let metadata = Negotiated { media: Media::Json, view: View::Metadata(MetaVersion::V1) };
        check("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Views::List, Some(metadata));
    }

    #[test]
    fn bodies_are_json_yaml_or_protobuf() {
        let mut headers = HeaderMap::new();
        assert_eq!(body_media(&headers).ok(), Some(Media::Json));
        headers.insert(header::CONTENT_TYPE, "application/yaml; charset=utf-8".parse().unwrap());
        assert_eq!(body_media(&headers).ok(), Some(Media::Yaml));
        headers.insert(header::CONTENT_TYPE, PROTOBUF.parse().unwrap());
        assert_eq!(body_media(&headers).ok(), Some(Media::Protobuf));
        headers.insert(header::CONTENT_TYPE, "application/cbor".parse().unwrap());
        assert_eq!(body_media(&headers).unwrap_err().code, 415);
    }
}
