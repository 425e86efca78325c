//! Checks of names: labels, subdomains, qualified names, keys, ports.
//!
//! Each check returns everything that is wrong, in upstream's words (`apimachinery/pkg/util/validation @ v1.36`).

/// The outcome of a check: nothing, or what is wrong (one text per complaint).
pub type Verdict = Result<(), Vec<String>>;

/// Longest DNS label, in bytes.
pub const DNS1123_LABEL_MAX: usize = 63;
/// Longest DNS subdomain, in bytes.
pub const DNS1123_SUBDOMAIN_MAX: usize = 253;
/// Longest label value, in bytes.
pub const LABEL_VALUE_MAX: usize = 63;

const DNS1123_LABEL_RE: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS1123_SUBDOMAIN_RE: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED_NAME_RE: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE_RE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const QUALIFIED_NAME_TEXT: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// Words for a text that is too long: `must be no more than 63 bytes`.
pub fn max_len_error(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// Words for a number out of range: `must be between 1 and 65535, inclusive`.
pub fn inclusive_range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// Words for an empty text.
pub const EMPTY_ERROR: &str = "must be non-empty";

/// Words for a text that does not match a pattern, with examples.
pub fn regex_error(message: &str, pattern: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{pattern}')");
    }
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

/// Checks a DNS label (RFC 1123): lower case letters, digits and `-`, at most 63 bytes.
///
/// # Errors
/// What is wrong.
pub fn is_dns1123_label(value: &str) -> Verdict {
    let mut errs = too_long(value, DNS1123_LABEL_MAX);
    if !dns_label(value) {
        errs.push(if dns_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            regex_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                DNS1123_LABEL_RE,
                &["my-name", "123-abc"],
            )
        });
    }
    verdict(errs)
}

/// Checks a DNS subdomain (RFC 1123): labels joined by dots, at most 253 bytes.
///
/// # Errors
/// What is wrong.
pub fn is_dns1123_subdomain(value: &str) -> Verdict {
    let mut errs = too_long(value, DNS1123_SUBDOMAIN_MAX);
    if !dns_subdomain(value) {
        errs.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            DNS1123_SUBDOMAIN_RE,
            &["example.com"],
        ));
    }
    verdict(errs)
}

/// Checks a DNS label (RFC 1035): as [`is_dns1123_label`], but it starts with a letter.
///
/// # Errors
/// What is wrong.
pub fn is_dns1035_label(value: &str) -> Verdict {
    let mut errs = too_long(value, DNS1123_LABEL_MAX);
    if !(dns_label(value) && value.starts_with(|c: char| c.is_ascii_lowercase())) {
        errs.push(regex_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    verdict(errs)
}

/// Checks a wildcard subdomain: `*.example.com`.
///
/// # Errors
/// What is wrong.
pub fn is_wildcard_dns1123_subdomain(value: &str) -> Verdict {
    let mut errs = too_long(value, DNS1123_SUBDOMAIN_MAX);
    if !value.strip_prefix("*.").is_some_and(dns_subdomain) {
        errs.push(regex_error(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!(r"\*\.{DNS1123_SUBDOMAIN_RE}"),
            &["*.example.com"],
        ));
    }
    verdict(errs)
}

/// Checks a qualified name, the form of label and annotation keys: an optional subdomain, `/`, and a name of at most 63 bytes.
///
/// # Errors
/// What is wrong.
pub fn is_qualified_name(value: &str) -> Verdict {
    let mut errs = Vec::new();
    let wrong = || regex_error(QUALIFIED_NAME_TEXT, QUALIFIED_NAME_RE, &["MyName", "my.name", "123-abc"]);
    let name = match value.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                errs.push(format!("prefix part {EMPTY_ERROR}"));
            } else if let Err(prefix_errs) = is_dns1123_subdomain(prefix) {
                errs.extend(prefix_errs.into_iter().map(|e| format!("prefix part {e}")));
            }
            *name
        }
        _ => {
            errs.push(format!(
                "a qualified name {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                wrong()
            ));
            return Err(errs);
        }
    };
    if name.is_empty() {
        errs.push(format!("name part {EMPTY_ERROR}"));
    } else if name.len() > 63 {
        errs.push(format!("name part {}", max_len_error(63)));
    }
    if !qualified(name) {
        errs.push(format!("name part {}", wrong()));
    }
    verdict(errs)
}

/// Checks a label's value: empty, or at most 63 bytes of the characters of a qualified name.
///
/// # Errors
/// What is wrong.
pub fn is_label_value(value: &str) -> Verdict {
    let mut errs = too_long(value, LABEL_VALUE_MAX);
    if !value.is_empty() && !qualified(value) {
        errs.push(regex_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            LABEL_VALUE_RE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    verdict(errs)
}

/// Checks the name of an environment variable: printable ASCII without `=`.
///
/// # Errors
/// What is wrong.
pub fn is_env_var_name(value: &str) -> Verdict {
    let mut errs = Vec::new();
    if value.is_empty() {
        errs.push(format!("environment variable name {EMPTY_ERROR}"));
    }
    if !value.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'=') {
        errs.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    verdict(errs)
}

/// Checks the name of an environment variable by the strict rule: letters, digits, `_`, `-`, `.`, not starting with a digit.
///
/// # Errors
/// What is wrong.
pub fn is_strict_env_var_name(value: &str) -> Verdict {
    let mut errs = Vec::new();
    let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '.' | '_');
    if !(value.starts_with(first) && value.chars().all(|c| first(c) || c.is_ascii_digit())) {
        errs.push(regex_error(
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
            "[-._a-zA-Z][-._a-zA-Z0-9]*",
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    errs.extend(directory_prefix(value));
    verdict(errs)
}

/// Checks a C identifier.
///
/// # Errors
/// What is wrong.
pub fn is_c_identifier(value: &str) -> Verdict {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if value.starts_with(first) && value.chars().all(|c| first(c) || c.is_ascii_digit()) {
        return Ok(());
    }
    Err(vec![regex_error(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )])
}

/// Checks a key of a ConfigMap or Secret: letters, digits, `-`, `_`, `.`, at most 253 bytes, not a way out of a directory.
///
/// # Errors
/// What is wrong.
pub fn is_config_map_key(value: &str) -> Verdict {
    let mut errs = too_long(value, DNS1123_SUBDOMAIN_MAX);
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        errs.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    errs.extend(directory_prefix(value));
    verdict(errs)
}

/// Checks a port's name: lower case letters, digits and `-`, at least one letter, at most 15 bytes.
///
/// # Errors
/// What is wrong.
pub fn is_port_name(value: &str) -> Verdict {
    let mut errs = too_long(value, 15);
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        errs.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        errs.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        errs.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        errs.push("must not begin or end with a hyphen".to_owned());
    }
    verdict(errs)
}

/// Checks a port number: 1 to 65535.
///
/// # Errors
/// What is wrong.
pub fn is_port_number(port: i64) -> Verdict {
    is_in_range(port, 1, 65535)
}

/// Checks that a number lies in an inclusive range.
///
/// # Errors
/// What is wrong.
pub fn is_in_range(value: i64, low: i64, high: i64) -> Verdict {
    if (low..=high).contains(&value) { Ok(()) } else { Err(vec![inclusive_range_error(low, high)]) }
}

/// Checks a percentage: `25%`.
///
/// # Errors
/// What is wrong.
pub fn is_percent(value: &str) -> Verdict {
    match value.strip_suffix('%') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        _ => Err(vec![regex_error(
            "a valid percent string must be a numeric string followed by an ending '%'",
            "[0-9]+%",
            &["1%", "93%"],
        )]),
    }
}

/// Checks the name of an HTTP header.
///
/// # Errors
/// What is wrong.
pub fn is_http_header_name(value: &str) -> Verdict {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(());
    }
    Err(vec![regex_error(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )])
}

/// Checks a segment of a URL path, the least that every object name must fulfil: not `.` or `..`, no `/` or `%`.
///
/// # Errors
/// What is wrong.
pub fn is_path_segment_name(value: &str) -> Verdict {
    if value == "." || value == ".." {
        return Err(vec![format!("may not be '{value}'")]);
    }
    let errs = ["/", "%"].iter().filter(|c| value.contains(**c)).map(|c| format!("may not contain '{c}'")).collect();
    verdict(errs)
}

/// Runs a name check on a `generateName` prefix: a trailing `-` is allowed there.
///
/// # Errors
/// What is wrong.
pub fn as_prefix(check: impl Fn(&str) -> Verdict, value: &str) -> Verdict {
    match value.strip_suffix('-') {
        Some(stem) if !stem.is_empty() => check(&format!("{stem}a")),
        _ => check(value),
    }
}

fn verdict(errs: Vec<String>) -> Verdict {
    if errs.is_empty() { Ok(()) } else { Err(errs) }
}

fn too_long(value: &str, max: usize) -> Vec<String> {
    if value.len() > max { vec![max_len_error(max)] } else { Vec::new() }
}

fn dns_label(value: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !value.is_empty() && value.bytes().all(inner) && !value.starts_with('-') && !value.ends_with('-')
}

fn dns_subdomain(value: &str) -> bool {
    value.split('.').all(dns_label)
}

fn qualified(value: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    edge(value.bytes().next())
        && edge(value.bytes().next_back())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn directory_prefix(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if value.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn complaints_are_upstreams() {
        assert_eq!(
            is_dns1123_subdomain("A_").unwrap_err(),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an \
              alphanumeric character (e.g. 'example.com', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert_eq!(is_dns1123_label("a.b").unwrap_err(), ["must not contain dots"]);
        assert_eq!(is_dns1123_label(&"a".repeat(64)).unwrap_err(), ["must be no more than 63 bytes"]);
        assert!(
            is_label_value("-x").unwrap_err()[0].contains("(e.g. 'MyValue',  or 'my_value',  or '12345', regex used")
        );
        assert_eq!(is_qualified_name("/a").unwrap_err(), ["prefix part must be non-empty"]);
        assert!(is_qualified_name("a/b/c").unwrap_err()[0].starts_with("a qualified name must consist of"));
        assert_eq!(is_port_number(0).unwrap_err(), ["must be between 1 and 65535, inclusive"]);
        assert_eq!(is_port_name("--").unwrap_err().len(), 3);
        assert_eq!(is_config_map_key("..a").unwrap_err(), ["must not start with '..'"]);
        assert_eq!(is_path_segment_name("a/b%").unwrap_err(), ["may not contain '/'", "may not contain '%'"]);
        assert!(as_prefix(is_dns1123_label, "abc-").is_ok() && as_prefix(is_dns1123_label, "-").is_err());
    }

    fn matches(pattern: &str, value: &str) -> bool {
        regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(value)
    }

    proptest! {
        #[test]
        fn checks_agree_with_the_patterns_they_name(value in "[a-cA-C0-2._/=% -]{0,8}") {
            prop_assert_eq!(is_dns1123_label(&value).is_ok(), matches(DNS1123_LABEL_RE, &value));
            prop_assert_eq!(is_dns1123_subdomain(&value).is_ok(), matches(DNS1123_SUBDOMAIN_RE, &value));
            prop_assert_eq!(is_dns1035_label(&value).is_ok(), matches("[a-z]([-a-z0-9]*[a-z0-9])?", &value));
            prop_assert_eq!(is_label_value(&value).is_ok(), matches(LABEL_VALUE_RE, &value));
            prop_assert_eq!(is_percent(&value).is_ok(), matches("[0-9]+%", &value));
        }
    }
}
