//! Ages as kubectl prints them: `5s`, `3m20s`, `4h`, `2d3h`, `1y20d`.
//!
//! Follows `apimachinery/pkg/util/duration: HumanDuration @ v1.36`.

use std::fmt;

use jiff::SignedDuration;

/// Displays a duration with the precision people need: at most two units, fewer the longer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HumanDuration(pub SignedDuration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        // Clocks of two machines differ a little: slightly negative ages are shown as none.
        if seconds < -1 {
            return f.write_str("<invalid>");
        }
        if seconds < 0 {
            return f.write_str("0s");
        }
        if seconds < 60 * 2 {
            return write!(f, "{seconds}s");
        }
        let minutes = seconds / 60;
        if minutes < 10 {
            return two(f, minutes, "m", seconds % 60, "s");
        }
        if minutes < 60 * 3 {
            return write!(f, "{minutes}m");
        }
        let hours = minutes / 60;
        if hours < 8 {
            return two(f, hours, "h", minutes % 60, "m");
        }
        if hours < 48 {
            return write!(f, "{hours}h");
        }
        let days = hours / 24;
        if hours < 24 * 8 {
            return two(f, days, "d", hours % 24, "h");
        }
        if hours < 24 * 365 * 2 {
            return write!(f, "{days}d");
        }
        let years = days / 365;
        if hours < 24 * 365 * 8 {
            return two(f, years, "y", days % 365, "d");
        }
        write!(f, "{years}y")
    }
}

fn two(f: &mut fmt::Formatter<'_>, big: i64, big_unit: &str, small: i64, small_unit: &str) -> fmt::Result {
    if small == 0 { write!(f, "{big}{big_unit}") } else { write!(f, "{big}{big_unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_ages_like_kubectl() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * 3600 - 1, "179m"),
            (3 * 3600, "3h"),
            (5 * 3600 + 60, "5h1m"),
            (8 * 3600, "8h"),
            (47 * 3600, "47h"),
            (48 * 3600, "2d"),
            (51 * 3600, "2d3h"),
            (8 * 86400, "8d"),
            (2 * 365 * 86400, "2y"),
            (3 * 365 * 86400 + 86400, "3y1d"),
            (9 * 365 * 86400, "9y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(HumanDuration(SignedDuration::from_secs(seconds)).to_string(), text, "{seconds}");
        }
    }
}
