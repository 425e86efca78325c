//! `[scheme:]name[:port]`, the name of a proxied object. Pure.

use corvette_api::status::{self, Status};

/// How a proxied request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Plain; also when nothing was said.
    Http,
    /// TLS, without verification.
    Https,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Absent when nothing was said.
    pub(super) scheme: Option<Scheme>,
    /// Name of the object.
    pub(super) name: String,
    /// Number or name; empty when nothing was said.
    pub(super) port: String,
}

/// Takes a name apart (`staging/src/k8s.io/apimachinery/pkg/util/net: SplitSchemeNamePort @ v1.36`).
///
/// # Errors
/// 400 in upstream's words.
pub(super) fn parse(text: &str, kind: &str) -> Result<Target, Status> {
    let invalid = || status::bad_request(format!("invalid {kind} request {text:?}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (scheme, name, port) = match parts.as_slice() {
        [name] => ("", *name, ""),
        [name, port] => ("", *name, *port),
        [scheme, name, port] => (*scheme, *name, *port),
        _ => return Err(invalid()),
    };
    let scheme = match scheme {
        "" => None,
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => return Err(invalid()),
    };
    if name.is_empty() {
        return Err(invalid());
    }
    Ok(Target { scheme, name: name.to_owned(), port: port.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_three_parts() {
        let of = |scheme, name: &str, port: &str| Target { scheme, name: name.to_owned(), port: port.to_owned() };
        assert_eq!(parse("a", "pod").unwrap(), of(None, "a", ""));
        assert_eq!(parse("a:80", "pod").unwrap(), of(None, "a", "80"));
        assert_eq!(parse("https:a:web", "pod").unwrap(), of(Some(Scheme::Https), "a", "web"));
        assert_eq!(parse("https:a:", "pod").unwrap(), of(Some(Scheme::Https), "a", ""));
        for bad in ["", ":80", "ftp:a:1", "a:b:c:d"] {
            assert_eq!(parse(bad, "pod").expect_err(bad).message, format!("invalid pod request {bad:?}"));
        }
    }
}
