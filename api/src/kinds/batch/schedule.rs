//! Cron schedules: the five standard fields, names of months and days, `@daily` and the like, `@every 1h30m`.
//!
//! Grammar and messages follow `robfig/cron/v3: parser.go`, which upstream uses.

use std::str::FromStr;

/// A parsed schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Times that match all fields.
    Fields(Box<Fields>),
    /// A fixed interval in seconds, at least 1.
    Every(u64),
}

/// Sets of values, one bit per value, of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub minutes: u64,
    /// 0 to 23.
    pub hours: u64,
    /// 1 to 31.
    pub days_of_month: u64,
    /// 1 to 12.
    pub months: u64,
    /// 0 (Sunday) to 6.
    pub days_of_week: u64,
    /// Whether the day of the month was given as `*` or `?`; then only the day of the week counts.
    pub any_day_of_month: bool,
    /// Whether the day of the week was given as `*` or `?`.
    pub any_day_of_week: bool,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

struct Bounds {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// Parses a schedule.
    ///
    /// # Errors
    /// [`Error`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error("empty spec string".to_owned()));
        }
        if text.starts_with('@') {
            return descriptor(text);
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days_of_month, months, days_of_week] = parts.as_slice() else {
            return Err(Error(format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" "))));
        };
        let (minutes, _) = field(minutes, &MINUTES)?;
        let (hours, _) = field(hours, &HOURS)?;
        let (days_of_month, any_day_of_month) = field(days_of_month, &DAYS_OF_MONTH)?;
        let (months, _) = field(months, &MONTHS)?;
        let (days_of_week, any_day_of_week) = field(days_of_week, &DAYS_OF_WEEK)?;
        let fields = Fields { minutes, hours, days_of_month, months, days_of_week, any_day_of_month, any_day_of_week };
        Ok(Self::Fields(Box::new(fields)))
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

fn descriptor(text: &str) -> Result<Schedule, Error> {
    let plain = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(interval) = text.strip_prefix("@every ") else {
                return Err(Error(format!("unrecognized descriptor: {text}")));
            };
            let seconds = duration_seconds(interval).ok_or_else(|| {
                Error(format!(
                    "failed to parse duration {text}: time: invalid duration {}",
                    crate::quote::quote(interval)
                ))
            })?;
            return Ok(Schedule::Every(seconds.max(1)));
        }
    };
    Schedule::parse(plain)
}

/// Whole seconds of a Go duration such as `1h30m` or `1.5h`.
fn duration_seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    // Beyond a century the schedule never fires anyway.
    (total <= 1e10).then_some(total as u64)
}

/// Values of a comma-separated field, and whether it takes any value.
fn field(text: &str, bounds: &Bounds) -> Result<(u64, bool), Error> {
    let (mut bits, mut any) = (0, false);
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (more, star) = range(part, bounds)?;
        bits |= more;
        any |= star;
    }
    Ok((bits, any))
}

fn range(text: &str, bounds: &Bounds) -> Result<(u64, bool), Error> {
    let (span, step) = match text.split('/').collect::<Vec<_>>().as_slice() {
        [span] => (*span, None),
        [span, step] => (*span, Some(number(step)?)),
        _ => return Err(Error(format!("too many slashes: {text}"))),
    };
    let any = matches!(span, "*" | "?");
    let (start, mut end) = match span.split('-').collect::<Vec<_>>().as_slice() {
        _ if any => (bounds.min, bounds.max),
        [one] => (value(one, bounds)?, value(one, bounds)?),
        [first, last] => (value(first, bounds)?, value(last, bounds)?),
        _ => return Err(Error(format!("too many hyphens: {text}"))),
    };
    if step.is_some() && !any && !span.contains('-') {
        end = bounds.max;
    }
    let any = any && step.is_none_or(|step| step <= 1);
    let step = step.unwrap_or(1);
    if start < bounds.min {
        return Err(Error(format!("beginning of range ({start}) below minimum ({}): {text}", bounds.min)));
    }
    if end > bounds.max {
        return Err(Error(format!("end of range ({end}) above maximum ({}): {text}", bounds.max)));
    }
    if start > end {
        return Err(Error(format!("beginning of range ({start}) beyond end of range ({end}): {text}")));
    }
    if step == 0 {
        return Err(Error(format!("step of range should be a positive number: {text}")));
    }
    let mut bits = 0_u64;
    let mut at = start;
    while at <= end {
        bits |= 1 << at;
        at = at.saturating_add(step);
    }
    Ok((bits, any))
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, Error> {
    let lower = text.to_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(index) => Ok(bounds.min + u32::try_from(index).unwrap_or(0)),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, Error> {
    let quoted = crate::quote::quote(text);
    let parsed = text.parse::<i64>().map_err(|_| {
        Error(format!("failed to parse int from {text}: strconv.Atoi: parsing {quoted}: invalid syntax"))
    })?;
    u32::try_from(parsed).map_err(|_| Error(format!("negative number ({parsed}) not allowed: {text}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(values: impl IntoIterator<Item = u32>) -> u64 {
        values.into_iter().fold(0, |bits, v| bits | 1 << v)
    }

    #[test]
    fn fields_are_sets() {
        let Ok(Schedule::Fields(fields)) = Schedule::parse("*/15 8-10,22 1 jan-mar MON") else { panic!() };
        assert_eq!(fields.minutes, bits([0, 15, 30, 45]));
        assert_eq!(fields.hours, bits([8, 9, 10, 22]));
        assert_eq!(fields.months, bits([1, 2, 3]));
        assert_eq!(fields.days_of_week, bits([1]));
        assert!(!fields.any_day_of_month && !fields.any_day_of_week);
        assert_eq!(Schedule::parse("@every 1h30m"), Ok(Schedule::Every(5400)));
        assert_eq!(Schedule::parse("@daily"), Schedule::parse("0 0 * * *"));
        assert!(matches!(Schedule::parse("5/20 * * * *"), Ok(Schedule::Fields(f)) if f.minutes == bits([5, 25, 45])));
    }

    #[test]
    fn messages() {
        for (text, message) in [
            ("", "empty spec string"),
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("@often", "unrecognized descriptor: @often"),
        ] {
            assert_eq!(Schedule::parse(text).map_err(|e| e.to_string()), Err(message.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-@*/,0-9a-z ]{0,30}") {
            drop(Schedule::parse(&text));
        }
    }
}
