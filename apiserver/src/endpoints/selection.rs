//! Which objects of a collection a request is about: label and field selectors.

use corvette_api::{
    fields, labels, meta,
    status::{self, Status},
};
use serde_json::{Map, Value};

use super::codec;
use crate::{
    cacher::{Entry, WatchFilter},
    filters::query::Query,
    reader::Candidate,
    registry::Row,
};

/// Parsed selectors of a request.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    labels: Option<labels::Selector>,
    fields: Option<fields::Selector>,
}

impl Selection {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 for a selector that does not parse or names a field the kind cannot select by.
    pub fn parse(query: &Query, row: &Row) -> Result<Self, Status> {
        let labels = match query.text("labelSelector") {
            "" => None,
            text => Some(labels::Selector::parse(text).map_err(|e| status::bad_request(e.to_string()))?),
        };
        let fields = match query.text("fieldSelector") {
            "" => None,
            text => Some(fields::Selector::parse(text).map_err(|e| status::bad_request(e.to_string()))?),
        };
        let selection = Self { labels: labels.filter(|l| !l.is_empty()), fields: fields.filter(|f| !f.is_empty()) };
        selection.check_fields(row)?;
        Ok(selection)
    }

    fn check_fields(&self, row: &Row) -> Result<(), Status> {
        let known = row.strategy.selectable();
        for term in self.fields.iter().flat_map(|selector| selector.terms()) {
            let field = term.field.as_str();
            if matches!(field, "metadata.name" | "metadata.namespace") || known.iter().any(|one| one.name == field) {
                continue;
            }
            return Err(status::bad_request(if known.is_empty() {
                format!("\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            } else {
                format!("field label not supported: {field}")
            }));
        }
        Ok(())
    }

    /// Tells whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none()
    }

    /// Makes a filter of watches of a namespace, or of all, or of one object.
    pub fn into_filter(self, namespace: Option<&str>, name: &str) -> WatchFilter {
        WatchFilter {
            namespace: namespace.map(str::to_owned),
            name: Some(name).filter(|name| !name.is_empty()).map(str::to_owned),
            labels: self.labels,
            fields: self.fields,
        }
    }

    /// Tells whether an object is selected.
    ///
    /// # Errors
    /// 500 when a stored object cannot be read.
    pub fn matches(&self, row: &Row, candidate: &Candidate<'_>) -> Result<bool, Status> {
        match candidate {
            Candidate::Cached(entry) => Ok(self.matches_entry(entry)),
            Candidate::Stored(item) => Ok(self.matches_object(row, &codec::parse_stored(&item.json)?)),
        }
    }

    fn matches_entry(&self, entry: &Entry) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.matches(|field| Some(entry.field(field))))
            && self.labels.as_ref().is_none_or(|labels| labels.matches(&entry.labels))
    }

    fn matches_object(&self, row: &Row, object: &Value) -> bool {
        let none = Map::new();
        let have = meta::labels(object).unwrap_or(&none);
        let own: Vec<_> = row.strategy.selectable().iter().map(|field| (field.name, field.value(object))).collect();
        let field = |name: &str| match name {
            "metadata.name" => Some(meta::name(object)),
            "metadata.namespace" => Some(meta::namespace(object)),
            _ => own.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref()),
        };
        self.labels.as_ref().is_none_or(|labels| labels.matches(have))
            && self.fields.as_ref().is_none_or(|fields| fields.matches(field))
    }
}
