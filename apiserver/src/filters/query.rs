//! Query options of a request.

use std::time::Duration;

/// Decoded query of a URI, in order of appearance.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the query part of a URI (without `?`).
    pub fn parse(query: Option<&str>) -> Self {
        Self(query.map(|q| form_urlencoded::parse(q.as_bytes()).into_owned().collect()).unwrap_or_default())
    }

    /// Returns the first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the first value of `name`, or `""`.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Returns all values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether `name` is set to a true value. As upstream converts query booleans: absent, `false` and `0` are
    /// false, anything else is true.
    pub fn flag(&self, name: &str) -> bool {
        self.maybe_flag(name).unwrap_or(false)
    }

    /// As [`Query::flag`], with `None` when the option is absent.
    pub fn maybe_flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    /// Returns the number in `name`.
    ///
    /// # Errors
    /// The text upstream reports when the value is not a number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => {
                text.parse().map(Some).map_err(|_| format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            }
        }
    }

    /// Returns the duration in `name`, written as Go writes durations (`1m30s`) or as a number of seconds.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.get(name).and_then(parse_duration)
    }
}

/// Parses the part of Go's duration syntax clients send: a sequence of numbers with units `h`, `m`, `s`, `ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = 0.0_f64;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        total += number
            * match unit {
                "h" => 3600.0,
                "m" => 60.0,
                "s" | "" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = tail;
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(parse_duration("34s"), Some(Duration::from_secs(34)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("x"), None);
        assert_eq!(parse_duration(""), None);
    }

    #[test]
    fn flags_follow_upstream_conversion() {
        let query = Query::parse(Some("watch&a=false&b=0&c=1&d=True"));
        assert!(query.flag("watch") && query.flag("c") && query.flag("d"));
        assert!(!query.flag("a") && !query.flag("b") && !query.flag("none"));
    }
}
