//! Exponential back-off with a cap and jitter.

use std::time::Duration;

/// Yields growing delays between attempts of one operation.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    cap: Duration,
    factor: f64,
    jitter: f64,
    current: Duration,
}

impl Backoff {
    /// Doubles from `initial` up to `cap`, with 10 % jitter.
    #[must_use]
    pub fn new(initial: Duration, cap: Duration) -> Self {
        let initial = initial.min(cap);
        Self { initial, cap, factor: 2.0, jitter: 0.1, current: initial }
    }

    /// Multiplies by `factor` (at least 1) after each delay.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// Adds up to `jitter` (0 to 1) of each delay at random.
    #[must_use]
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter.clamp(0.0, 1.0);
        self
    }

    /// Returns the delay to wait now and grows the one after it. The jitter may exceed the cap.
    #[expect(clippy::should_implement_trait, reason = "an endless iterator would make every caller unwrap an Option")]
    pub fn next(&mut self) -> Duration {
        let delay = self.current;
        self.current = delay.mul_f64(self.factor).min(self.cap);
        if self.jitter > 0.0 { delay.mul_f64(1.0 + rand::random_range(0.0..self.jitter)) } else { delay }
    }

    /// Starts again from the initial delay: call it after a success.
    pub fn reset(&mut self) {
        self.current = self.initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap_and_resets() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350)).jitter(0.0);
        let delays: Vec<u128> = (0..4).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(delays, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 100);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).jitter(0.5);
        for _ in 0..1000 {
            let delay = backoff.next();
            assert!(delay >= Duration::from_secs(1) && delay < Duration::from_millis(1500), "{delay:?}");
        }
    }
}
