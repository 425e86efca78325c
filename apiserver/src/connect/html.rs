//! Rewrites redirects and the links of HTML pages so that they stay below the proxy's path
//! (`staging/src/k8s.io/apimachinery/pkg/util/proxy/transport.go @ v1.36`).

use std::io::Read as _;

use bytes::Bytes;
use corvette_api::status::{self, Status};
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt as _, Limited};

use crate::body::{self, Body};

/// Largest page that is rewritten, in bytes.
const PAGE_MAX: usize = 16 * 1024 * 1024;

/// Attributes that hold a URL, by element.
const ATTRIBUTES: [(&str, &[&str]); 25] = [
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["src", "usemap", "formaction"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("video", &["poster", "src"]),
];

/// What links are compared with and turned into.
#[derive(Debug, Clone)]
pub(super) struct Links {
    /// Path of the proxy, without a slash at its end.
    pub(super) prefix: String,
    /// Host and port of the target.
    pub(super) target: String,
    /// Host under which the client reached this server.
    pub(super) own_host: String,
}

impl Links {
    /// Rewrites one URL; `None` leaves it as it is.
    fn rewrite(&self, url: &str) -> Option<String> {
        let (host, path) = split(url)?;
        let foreign = host.is_some_and(|host| host != self.target && host != self.own_host);
        if foreign || !path.starts_with('/') || path.starts_with(&self.prefix) {
            return None;
        }
        Some(format!("{}{path}", self.prefix))
    }
}

/// Splits a URL into host and the rest; `None` for schemes without host such as `mailto:`.
fn split(url: &str) -> Option<(Option<&str>, &str)> {
    let rest = match url.split_once("://") {
        Some(("http" | "https", rest)) => rest,
        _ => match url.strip_prefix("//") {
            Some(rest) => rest,
            None => return url.starts_with('/').then_some((None, url)),
        },
    };
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    Some((Some(host), if path.is_empty() { "/" } else { path }))
}

/// Rewrites the `Location` header and, of an HTML answer, the links.
///
/// # Errors
/// 503 when the target breaks off in the middle of a page.
pub(super) async fn rewrite_response(response: Response<Body>, links: &Links) -> Result<Response<Body>, Status> {
    let (mut parts, page) = response.into_parts();
    let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    if let Some(location) = location.and_then(|location| links.rewrite(location))
        && let Ok(value) = HeaderValue::from_str(&location)
    {
        parts.headers.insert(header::LOCATION, value);
    }
    let text = |name| {
        parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let encoding = text(header::CONTENT_ENCODING);
    let length = text(header::CONTENT_LENGTH).parse::<usize>().unwrap_or_default();
    let is_page = text(header::CONTENT_TYPE).to_ascii_lowercase().starts_with("text/html");
    if !is_page || length > PAGE_MAX || !matches!(encoding.as_str(), "" | "identity" | "gzip") {
        return Ok(Response::from_parts(parts, page));
    }
    let broken =
        |error: &dyn std::fmt::Display| status::service_unavailable(format!("error trying to reach service: {error}"));
    let page = Limited::new(page, PAGE_MAX).collect().await.map_err(|error| broken(&error))?.to_bytes();
    let page = if encoding == "gzip" { unzip(&page).map_err(|error| broken(&error))? } else { page };
    let page = rewrite_page(&page, links);
    parts.headers.remove(header::CONTENT_ENCODING);
    // The answer to HEAD has the length of a page that is not there.
    if parts.headers.contains_key(header::CONTENT_LENGTH) && !page.is_empty() {
        parts.headers.insert(header::CONTENT_LENGTH, page.len().into());
    }
    Ok(Response::from_parts(parts, body::full(page)))
}

fn unzip(page: &[u8]) -> std::io::Result<Bytes> {
    let mut plain = Vec::new();
    let limit = u64::try_from(PAGE_MAX).unwrap_or(u64::MAX);
    flate2::read::GzDecoder::new(page).take(limit).read_to_end(&mut plain)?;
    Ok(plain.into())
}

/// Rewrites the links of a page. Everything but the values of URL attributes is copied as it is.
fn rewrite_page(page: &[u8], links: &Links) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        let (before, tag) = rest.split_at(at);
        out.extend_from_slice(before);
        let end = if tag.starts_with(b"<!--") { find(tag, b"-->").map(|at| at + 3) } else { tag_end(tag) };
        let Some((tag, after)) = end.and_then(|end| tag.split_at_checked(end)) else {
            rest = tag;
            break;
        };
        rewrite_tag(tag, links, &mut out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Length of a tag with its `>`, which may also stand in quotes.
fn tag_end(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(index + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Copies one tag with its URLs rewritten.
fn rewrite_tag(tag: &[u8], links: &Links, out: &mut Vec<u8>) {
    let name: Vec<u8> =
        tag.iter().skip(1).take_while(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let attributes = ATTRIBUTES.iter().find(|(element, _)| element.as_bytes() == name).map(|(_, list)| *list);
    let (Some(attributes), Ok(text)) = (attributes, std::str::from_utf8(tag)) else {
        out.extend_from_slice(tag);
        return;
    };
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        out.extend_from_slice(before.as_bytes());
        let key = before.trim_end_matches(['=', ' ']).rsplit([' ', '\t', '\n', '\r', '/', '"', '\'']).next();
        let spaces = after.len() - after.trim_start().len();
        let (space, value) = after.split_at(spaces);
        out.extend_from_slice(space.as_bytes());
        let (open, body) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => (Some(quote), value.get(1..).unwrap_or_default()),
            _ => (None, value),
        };
        let end = match open {
            Some(quote) => body.find(quote),
            None => body.find([' ', '\t', '\n', '\r', '>']),
        };
        let (url, tail) = body.split_at(end.unwrap_or(body.len()));
        let wanted = key.is_some_and(|key| attributes.iter().any(|attribute| attribute.eq_ignore_ascii_case(key)));
        let rewritten = if wanted { links.rewrite(url) } else { None };
        if let Some(quote) = open {
            out.push(u8::try_from(quote).unwrap_or(b'"'));
        }
        out.extend_from_slice(rewritten.as_deref().unwrap_or(url).as_bytes());
        // The closing quote goes with the value: it must not be taken for the start of the next attribute.
        let (close, next) = tail.split_at(usize::from(open.is_some() && !tail.is_empty()));
        out.extend_from_slice(close.as_bytes());
        rest = next;
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links() -> Links {
        Links { prefix: "/px".to_owned(), target: "10.0.0.1:80".to_owned(), own_host: "api:6443".to_owned() }
    }

    #[test]
    fn only_links_to_the_targets_root_change() {
        for (url, expected) in [
            ("/a", Some("/px/a")),
            ("/", Some("/px/")),
            ("a/b", None),
            ("#x", None),
            ("mailto:a@b", None),
            ("/px/a", None),
            ("http://10.0.0.1:80/a?b=c", Some("/px/a?b=c")),
            ("http://10.0.0.1:80", Some("/px/")),
            ("//api:6443/a", Some("/px/a")),
            ("https://example.com/a", None),
        ] {
            assert_eq!(links().rewrite(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn pages_keep_everything_else() {
        let page = r#"<html><!-- <a href="/c"> --><a class="x" href="/a">t</a><IMG src='/i' alt="/n"><form action=/f><p href="/p">1<2 <a href="x""#;
        let expected = r#"<html><!-- <a href="/c"> --><a class="x" href="/px/a">t</a><IMG src='/px/i' alt="/n"><form action=/px/f><p href="/p">1<2 <a href="x""#;
        assert_eq!(String::from_utf8(rewrite_page(page.as_bytes(), &links())).unwrap(), expected);
        let page = r#"<a href="/rewriteme">test</a>"#;
        assert_eq!(rewrite_page(page.as_bytes(), &links()), br#"<a href="/px/rewriteme">test</a>"#);
    }

    proptest! {
        #[test]
        fn pages_without_rooted_links_do_not_change(page in "([a-z<>=\"' \\n-]|<a href=|<img src=\"|<!--){0,80}") {
            let out = rewrite_page(page.as_bytes(), &links());
            prop_assert_eq!(String::from_utf8(out).unwrap(), page);
        }

        #[test]
        fn no_page_panics(page in prop::collection::vec(any::<u8>(), 0..200)) {
            rewrite_page(&page, &links());
        }
    }
}
