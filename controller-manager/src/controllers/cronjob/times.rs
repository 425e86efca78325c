//! The times of a schedule. Pure.
//!
//! Follows `robfig/cron/v3: spec.go` for fields: both days given means either; a local time that does not exist is
//! skipped over, one that exists twice counts the first time.

use corvette_api::kinds::batch::schedule::{Fields, Schedule};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// How many days ahead a time is looked for: five years.
const DAYS: usize = 5 * 366;

/// A schedule in a time zone.
#[derive(Debug, Clone)]
pub struct Timetable {
    schedule: Schedule,
    zone: TimeZone,
}

impl Timetable {
    /// Makes it from a schedule, which may begin with `TZ=` or `CRON_TZ=`, and the name of a time zone, or UTC.
    ///
    /// # Errors
    /// Says what cannot be read.
    pub fn new(schedule: &str, zone: Option<&str>) -> Result<Self, String> {
        let prefix = schedule.strip_prefix("CRON_TZ=").or_else(|| schedule.strip_prefix("TZ="));
        let (named, fields) = match prefix.and_then(|rest| rest.split_once(' ')) {
            Some((zone, fields)) => (Some(zone), fields.trim()),
            None => (None, schedule),
        };
        let zone = match zone.or(named) {
            Some(name) => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
            None => TimeZone::UTC,
        };
        let schedule = Schedule::parse(fields).map_err(|error| error.to_string())?;
        Ok(Self { schedule, zone })
    }

    /// Returns the first time after `after`; `None` when there is none within five years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.schedule {
            Schedule::Every(seconds) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(SignedDuration::from_secs(i64::try_from(*seconds).ok()?)).ok()
            }
            Schedule::Fields(fields) => self.next_of(fields, after),
        }
    }

    fn next_of(&self, fields: &Fields, after: Timestamp) -> Option<Timestamp> {
        let start = after.to_zoned(self.zone.clone()).datetime();
        let mut date = start.date();
        for _ in 0..DAYS {
            if has_day(fields, date) {
                // Local times ascend with time: of a repeated hour only the first instance counts.
                let ahead = minutes_of(fields, date).filter(|local| *local > start);
                if let Some(found) = ahead.filter_map(|local| self.instant(local)).find(|time| *time > after) {
                    return Some(found);
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// Returns when the clocks of the zone show `local`; `None` when they never do.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let zoned = self.zone.to_ambiguous_zoned(local).compatible().ok()?;
        (zoned.datetime() == local).then(|| zoned.timestamp())
    }
}

fn bit(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set.checked_shr(value).is_some_and(|rest| rest & 1 == 1))
}

fn has_day(fields: &Fields, date: Date) -> bool {
    let month_day = bit(fields.days_of_month, date.day());
    let week_day = bit(fields.days_of_week, date.weekday().to_sunday_zero_offset());
    let day =
        if fields.any_day_of_month || fields.any_day_of_week { month_day && week_day } else { month_day || week_day };
    bit(fields.months, date.month()) && day
}

fn minutes_of(fields: &Fields, date: Date) -> impl Iterator<Item = DateTime> {
    let hours = (0..24_i8).filter(|hour| bit(fields.hours, *hour));
    hours.flat_map(move |hour| {
        let minutes = (0..60_i8).filter(|minute| bit(fields.minutes, *minute));
        minutes.map(move |minute| date.at(hour, minute, 0, 0))
    })
}

/// The times between two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The newest.
    pub newest: Timestamp,
    /// How many there are, as far as counting goes.
    pub count: usize,
}

/// Returns the newest time after `since` and up to `now`, and about how many there are.
pub fn missed(table: &Timetable, since: Timestamp, now: Timestamp) -> Option<Missed> {
    let first = table.next(since).filter(|first| *first <= now)?;
    // Far behind, the newest is found near now; counting all would take long and say little.
    let Some(second) = table.next(first).filter(|second| *second <= now) else {
        return Some(Missed { newest: first, count: 1 });
    };
    let step = second.duration_since(first).as_secs().max(1);
    let span = now.duration_since(first).as_secs();
    let mut count = usize::try_from(span / step).unwrap_or(usize::MAX);
    let mut at = second;
    if count > 200 {
        let every = matches!(table.schedule, Schedule::Every(_));
        at = if every {
            first.checked_add(SignedDuration::from_secs((span / step) * step)).ok()?
        } else {
            near(table, second, now, step)
        };
    } else {
        count = 2;
    }
    while let Some(next) = table.next(at).filter(|next| *next <= now) {
        at = next;
        count = count.saturating_add(1);
    }
    Some(Missed { newest: at, count })
}

/// Returns a time of the schedule not long before `now`.
fn near(table: &Timetable, earliest: Timestamp, now: Timestamp, step: i64) -> Timestamp {
    let mut back = step;
    loop {
        let from = now.checked_sub(SignedDuration::from_secs(back)).unwrap_or(earliest);
        if from <= earliest {
            return earliest;
        }
        match table.next(from).filter(|found| *found <= now) {
            Some(found) => return found,
            None => back = back.saturating_mul(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn known_times() {
        for (schedule, zone, after, expected) in [
            ("*/15 * * * *", None, "2024-02-29T23:50:10Z", "2024-03-01T00:00:00Z"),
            ("0 0 29 2 *", None, "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 9 1 * MON", None, "2024-05-02T00:00:00Z", "2024-05-06T09:00:00Z"),
            ("30 2 * * *", Some("Europe/Berlin"), "2024-03-30T12:00:00Z", "2024-04-01T00:30:00Z"),
            ("30 2 * * *", Some("Europe/Berlin"), "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"),
            ("0 9 * * *", Some("America/New_York"), "2024-07-01T00:00:00Z", "2024-07-01T13:00:00Z"),
            ("TZ=Asia/Tokyo 0 9 * * *", None, "2024-07-01T00:00:00Z", "2024-07-02T00:00:00Z"),
            ("@every 90s", None, "2024-07-01T00:00:00.5Z", "2024-07-01T00:01:30Z"),
        ] {
            let found = Timetable::new(schedule, zone).unwrap().next(time(after));
            assert_eq!(found, Some(time(expected)), "{schedule}");
        }
        assert!(Timetable::new("0 0 30 2 *", None).unwrap().next(time("2024-01-01T00:00:00Z")).is_none());
        assert_eq!(Timetable::new("* * * * *", Some("Moon/Base")).unwrap_err(), "unknown time zone Moon/Base");
    }

    #[test]
    fn years_of_missed_times_are_found_quickly() {
        let now = time("2024-07-01T12:30:30Z");
        for schedule in ["* * * * *", "@every 60s", "5 * * * *", "0 0 1 * *", "* 3 * * *"] {
            let table = Timetable::new(schedule, None).unwrap();
            let found = missed(&table, time("2004-07-01T12:00:00Z"), now).unwrap();
            assert!(found.newest <= now && table.next(found.newest).unwrap() > now, "{schedule} {found:?}");
            assert!(found.count > 100, "{schedule} {found:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn the_newest_missed_time_is_that_of_a_walk(
            minute in 0..60_u8, hours in 1..24_u8, since in 0..4_000_000_i64, length in 0..400_000_i64,
        ) {
            let table = Timetable::new(&format!("{minute} */{hours} * * *"), None).unwrap();
            let since = Timestamp::from_second(since).unwrap();
            let now = since + SignedDuration::from_secs(length);
            let mut walked = Vec::new();
            let mut at = since;
            while let Some(next) = table.next(at).filter(|next| *next <= now) {
                walked.push(next);
                at = next;
            }
            let found = missed(&table, since, now);
            prop_assert_eq!(found.map(|missed| missed.newest), walked.last().copied());
        }
    }
}
