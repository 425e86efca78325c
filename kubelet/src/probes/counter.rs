//! Thresholds of a probe. Pure.

use super::attempt::Outcome;

/// Counts outcomes in a row and says when a result is settled.
#[derive(Debug, Clone)]
pub struct Counter {
    success_threshold: u32,
    failure_threshold: u32,
    last: Option<bool>,
    run: u32,
}

impl Counter {
    /// Thresholds below 1 count as their defaults, 1 and 3.
    pub fn new(success_threshold: Option<i32>, failure_threshold: Option<i32>) -> Self {
        let positive = |value: Option<i32>, default| {
            value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default)
        };
        Self {
            success_threshold: positive(success_threshold, 1),
            failure_threshold: positive(failure_threshold, 3),
            last: None,
            run: 0,
        }
    }

    /// Takes an outcome; returns the result when as many as needed came in a row. An attempt that could not be made
    /// changes nothing.
    pub fn take(&mut self, outcome: &Outcome) -> Option<bool> {
        let success = match outcome {
            Outcome::Success => true,
            Outcome::Failure(_) => false,
            Outcome::Error(_) => return None,
        };
        self.run = if self.last == Some(success) { self.run.saturating_add(1) } else { 1 };
        self.last = Some(success);
        let needed = if success { self.success_threshold } else { self.failure_threshold };
        (self.run >= needed).then_some(success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_settle_after_enough_outcomes_in_a_row() {
        let mut counter = Counter::new(Some(2), None);
        let fail = Outcome::Failure(String::new());
        let error = Outcome::Error(String::new());
        for (outcome, expected) in [
            (&Outcome::Success, None),
            (&error, None),
            (&Outcome::Success, Some(true)),
            (&fail, None),
            (&fail, None),
            (&Outcome::Success, None),
            (&fail, None),
            (&fail, None),
            (&fail, Some(false)),
            (&fail, Some(false)),
        ] {
            assert_eq!(counter.take(outcome), expected);
        }
    }
}
