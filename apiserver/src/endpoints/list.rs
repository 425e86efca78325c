//! GET on a collection.

use base64::{DecodeError, Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use corvette_api::{
    decode,
    field::{Errors, Path},
    gvk::GroupKind,
    protobuf,
    quote::quote,
    status::{self, Reason, Status},
};
use corvette_store::Revision;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    call::Call,
    codec,
    negotiate::{Media, View},
    pieces::{Pieces, Shown},
    reply::{self, Reply},
    selection::Selection,
};
use crate::{
    filters::query::Query,
    reader::{At, Item, parse_revision},
    tables::{self, Headers, Options},
};

/// After so many objects put into protobuf other tasks get their turn: a few milliseconds.
const BREATH: usize = 32;
/// Version tag of continue tokens (upstream's).
const TOKEN_VERSION: &str = "meta.k8s.io/v1";

const EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
const TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.";

/// Where a paged list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

/// Options of a list.
#[derive(Clone, Debug)]
pub struct Paging {
    at: At,
    limit: usize,
    token: Option<Token>,
}

impl Paging {
    /// Reads paging and consistency options.
    ///
    /// # Errors
    /// 400 and 422 as upstream.
    pub fn parse(query: &Query) -> Result<Self, Status> {
        let number = |name| query.number(name).map_err(status::bad_request);
        let limit = number("limit")?.unwrap_or(0);
        number("timeoutSeconds")?;
        check(query)?;
        let limit = usize::try_from(limit).unwrap_or(0);
        let version = query.text("resourceVersion");
        let token = query.text("continue");
        if !token.is_empty() {
            let token = Token::decode(token).map_err(|detail| {
                status::bad_request(format!("invalid continue token: continue key is not valid: {detail}"))
            })?;
            if !matches!(version, "" | "0") {
                return Err(status::bad_request("specifying resource version is not allowed when using continue"));
            }
            let at =
                u64::try_from(token.rv).ok().filter(|rv| *rv > 0).map_or(At::Latest, |rv| At::Exactly(Revision(rv)));
            return Ok(Self { at, limit, token: Some(token) });
        }
        let at = match (version, query.text("resourceVersionMatch")) {
            ("", _) => At::Latest,
            ("0", _) => At::Any,
            (text, "Exact") => At::Exactly(exact_revision(text)?),
            (text, "") if limit > 0 => At::Exactly(exact_revision(text)?),
            (text, _) => At::NotOlderThan(parse_revision(text)?),
        };
        Ok(Self { at, limit, token: None })
    }
}

/// Parses a resourceVersion that is read from the store: which one it is not is then the client's fault.
fn exact_revision(text: &str) -> Result<Revision, Status> {
    parse_revision(text).map_err(|failed| status::bad_request(format!("invalid resource version: {}", failed.message)))
}

fn check(query: &Query) -> Result<(), Status> {
    let mut errors = Errors::default();
    let path = Path::new("resourceVersionMatch");
    let (version, continued) = (query.text("resourceVersion"), query.text("continue"));
    match query.text("resourceVersionMatch") {
        "" => {}
        _ if version.is_empty() => {
            errors.forbidden(&path, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        _ if !continued.is_empty() => {
            errors.forbidden(&path, "resourceVersionMatch is forbidden when continue is provided");
        }
        "Exact" if version == "0" => {
            errors.forbidden(&path, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
        "Exact" | "NotOlderThan" => {}
        other => errors.not_supported_value(&path, other, &["Exact", "NotOlderThan", ""]),
    }
    if query.get("sendInitialEvents").is_some() {
        errors.forbidden(&Path::new("sendInitialEvents"), "sendInitialEvents is forbidden for list");
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &errors))
}

impl Token {
    fn new(revision: i64, start: &str) -> Self {
        Self { v: TOKEN_VERSION.to_owned(), rv: revision, start: format!("{start}\0") }
    }

    fn encode(&self) -> String {
        serde_json::to_vec(self).map(|json| URL_SAFE_NO_PAD.encode(json)).unwrap_or_default()
    }

    /// Reads a token; the error says what is wrong with it, as Go does.
    fn decode(text: &str) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
            let at = match error {
                DecodeError::InvalidByte(at, _) => at,
                _ => text.len().saturating_sub(1),
            };
            format!("illegal base64 data at input byte {at}")
        })?;
        let value = decode::json(&bytes).map_err(|error| error.detail())?.value;
        let token = Self::deserialize(&value).map_err(|error| error.to_string())?;
        if token.v != TOKEN_VERSION {
            return Err(format!("server does not recognize this encoded version {}", quote(&token.v)));
        }
        if token.rv == 0 {
            return Err(format!("incorrect encoded start resourceVersion (version {TOKEN_VERSION})"));
        }
        if token.start.is_empty() {
            return Err(format!("encoded start key empty (version {TOKEN_VERSION})"));
        }
        if token.start.split('/').any(|part| part == "..") {
            return Err(token.start);
        }
        Ok(token)
    }
}

/// A page of a collection.
pub struct Page {
    /// Objects, in key order.
    pub items: Vec<Item>,
    /// List metadata: resourceVersion, continue, remainingItemCount.
    pub metadata: Value,
}

/// Serves a list.
///
/// # Errors
/// The status the client sees.
pub async fn list(call: &Call) -> Result<Reply, Status> {
    let paging = Paging::parse(&call.info.query)?;
    let selection = Selection::parse(&call.info.query, &call.row)?;
    match select(call, &paging, &selection).await {
        Ok(page) => render(call, page).await,
        Err(failed) if failed.reason == Reason::Expired && paging.token.is_some() => expired(call, &paging).await,
        Err(failed) => Err(failed),
    }
}

/// Finds one page of the selected objects.
///
/// # Errors
/// The status the client sees.
pub async fn select(call: &Call, paging: &Paging, selection: &Selection) -> Result<Page, Status> {
    let storage = call.storage()?;
    let prefix = match call.namespace() {
        Some(namespace) => storage.namespace_prefix(namespace),
        None => storage.prefix().to_owned(),
    };
    let after = paging.token.as_ref().map(|token| format!("{prefix}{}", token.start.trim_end_matches('\0')));
    let reader = &call.app.reader;
    let listing = reader.list(storage, &prefix, after.as_deref(), paging.at).await?;
    let revision = listing.revision;
    let everything = selection.is_everything();
    let (items, remaining) = listing
        .take(paging.limit, |candidate| if everything { Ok(true) } else { selection.matches(&call.row, candidate) })?;
    if remaining > 0 {
        reader.keep(storage, listing);
    }
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
    if let (Some(last), true) = (items.last(), remaining > 0) {
        let start = last.key.strip_prefix(prefix.as_str()).unwrap_or_default();
        let revision = i64::try_from(revision.0).unwrap_or(i64::MAX);
        metadata.insert("continue".to_owned(), Token::new(revision, start).encode().into());
        if selection.is_everything() {
            metadata.insert("remainingItemCount".to_owned(), remaining.into());
        }
    }
    Ok(Page { items, metadata: Value::Object(metadata) })
}

/// Answers a continue token whose revision is gone: 410 with a token that goes on inconsistently.
async fn expired(call: &Call, paging: &Paging) -> Result<Reply, Status> {
    let mut answer = status::expired(EXPIRED).to_value();
    if let Some(token) = &paging.token
        && let Some(metadata) = answer.get_mut("metadata").and_then(Value::as_object_mut)
    {
        let inconsistent = Token { rv: -1, ..token.clone() };
        metadata.insert("continue".to_owned(), inconsistent.encode().into());
    } else {
        return Err(status::expired(TOO_OLD));
    }
    Ok(Reply::Finished(reply::write_value(&call.headers, call.accept.media, false, StatusCode::GONE, answer).await))
}

/// Answers with a page as the client wants to see it.
///
/// # Errors
/// The status the client sees.
pub async fn render(call: &Call, page: Page) -> Result<Reply, Status> {
    let pretty = codec::wants_pretty(&call.info.query, &call.headers);
    if let (Some((api_version, kind, shown)), Media::Json, false) = (as_stored(call), call.accept.media, pretty) {
        let pieces = Pieces::new(api_version, kind, &page.metadata.to_string(), page.items, shown);
        return Ok(Reply::Finished(pieces.into_response(codec::accepts_gzip(&call.headers))));
    }
    if call.accept.media == Media::Protobuf
        && let Some(bytes) = messages(call, &page).await?
    {
        let response = reply::write_bytes(&call.headers, Media::Protobuf, StatusCode::OK, bytes).await;
        return Ok(Reply::Finished(response));
    }
    let objects = page.items.iter().map(|item| codec::parse_stored(&item.json)).collect::<Result<_, _>>()?;
    let answer = viewed(call, page.metadata, objects)?;
    Ok(Reply::Finished(reply::write_value(&call.headers, call.accept.media, pretty, StatusCode::OK, answer).await))
}

/// Stored objects as the request wants to see them.
///
/// # Errors
/// For a query that does not say what a table's rows are to hold.
pub fn viewed(call: &Call, metadata: Value, mut objects: Vec<Value>) -> Result<Value, Status> {
    Ok(match call.accept.view {
        View::Table(version) => {
            let include = codec::include_object(&call.info.query)?;
            let options = Options { version, include, now: call.app.clock.now() };
            let table = tables::table(&*call.row.strategy, &objects, metadata, Headers::Shown, options);
            reply::serve_rows(&call.row, table)
        }
        View::Metadata(version) => tables::partial_list(&objects, metadata, version),
        View::Object => {
            for object in &mut objects {
                call.row.from_storage(object);
                remove_type(object);
            }
            json!({
                "kind": call.row.list_kind,
                "apiVersion": call.row.api_version,
                "metadata": metadata,
                "items": objects,
            })
        }
    })
}

/// Says as what a list is written out of the items' bytes; `None` when they must be parsed.
fn as_stored(call: &Call) -> Option<(&str, &str, Shown)> {
    let row = &call.row;
    match call.accept.view {
        View::Object if row.is_storage_version() => Some((&row.api_version, &row.list_kind, Shown::Whole)),
        View::Metadata(version) => Some((version.api_version(), "PartialObjectMetadataList", Shown::Metadata(version))),
        _ => None,
    }
}

/// Encodes a list in protobuf, holding one object at a time and letting others work in between. `None` for a list that must be
/// encoded as a whole.
async fn messages(call: &Call, page: &Page) -> Result<Option<Bytes>, Status> {
    let row = &call.row;
    let (api_version, kind) = match call.accept.view {
        View::Object => (&*row.api_version, &*row.list_kind),
        View::Metadata(version) => (version.api_version(), "PartialObjectMetadataList"),
        View::Table(_) => return Ok(None),
    };
    let Ok(mut list) = protobuf::List::new(api_version, kind) else { return Ok(None) };
    let failed = |error: protobuf::Error| status::internal(format!("an object does not encode: {error}"));
    for (at, item) in page.items.iter().enumerate() {
        let mut object = codec::parse_stored(&item.json)?;
        if call.accept.view == View::Object {
            row.from_storage(&mut object);
        }
        list.push(&object).map_err(failed)?;
        if at % BREATH == BREATH - 1 {
            tokio::task::yield_now().await;
        }
    }
    list.finish(&page.metadata).map(Bytes::from).map(Some).map_err(failed)
}

/// Takes from an item what its list says of all.
fn remove_type(object: &mut Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_round_trip() {
        let token = Token::new(42, "default/web");
        assert_eq!(Token::decode(&token.encode()).unwrap(), token);
        let token = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for (text, says) in [
            ("x".to_owned(), "illegal base64 data at input byte 0"),
            ("ab!d".to_owned(), "illegal base64 data at input byte 2"),
            (token("{"), "unexpected end of JSON input"),
            (token("i"), "invalid character 'i' looking for beginning of value"),
            (token(r#"{"v":"meta","rv":1,"start":"a"}"#), "server does not recognize this encoded version \"meta\""),
            (
                token(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#),
                "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":""}"#), "encoded start key empty (version meta.k8s.io/v1)"),
            (token(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../a"}"#), "../a"),
        ] {
            assert_eq!(Token::decode(&text).unwrap_err(), says, "{text}");
        }
    }

    #[test]
    fn consistency_follows_version_match_and_limit() {
        let at = |query: &str| Paging::parse(&Query::parse(Some(query))).map(|paging| paging.at);
        assert_eq!(at("").unwrap(), At::Latest);
        assert_eq!(at("resourceVersion=0").unwrap(), At::Any);
        assert_eq!(at("resourceVersion=5").unwrap(), At::NotOlderThan(Revision(5)));
        assert_eq!(at("resourceVersion=5&limit=3").unwrap(), At::Exactly(Revision(5)));
        assert_eq!(at("resourceVersion=5&resourceVersionMatch=Exact").unwrap(), At::Exactly(Revision(5)));
        assert_eq!(at("resourceVersionMatch=Exact").unwrap_err().code, 422);
        assert_eq!(at("resourceVersion=0&resourceVersionMatch=Exact").unwrap_err().code, 422);
        assert_eq!(at("resourceVersion=x").unwrap_err().code, 500);
        assert_eq!(at("resourceVersion=x&limit=1").unwrap_err().code, 400);
        assert_eq!(at("timeoutSeconds=x").unwrap_err().code, 400);
        let token = Token::new(9, "a").encode();
        assert_eq!(at(&format!("continue={token}")).unwrap(), At::Exactly(Revision(9)));
        assert_eq!(at(&format!("continue={token}&resourceVersion=3")).unwrap_err().code, 400);
    }
}
