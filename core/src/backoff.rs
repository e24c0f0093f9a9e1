//! Decides how long to wait before the next try: longer each time, up to a limit, with jitter.

use std::time::Duration;

use crate::env::Env;

/// How delays grow from try to try; upstream's `wait.Backoff`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The delay after the first failure, before jitter.
    pub first: Duration,
    /// The longest delay, before jitter.
    pub limit: Duration,
    /// What each delay is multiplied with to give the next.
    pub factor: f64,
    /// The part of a delay that is added at random, at most: 0.1 lengthens by up to a tenth.
    pub jitter: f64,
}

impl Backoff {
    /// Doubles from `first` to `limit`, without jitter.
    pub const fn new(first: Duration, limit: Duration) -> Self {
        Backoff { first, limit, factor: 2.0, jitter: 0.0 }
    }

    /// The same with a random part added to each delay.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delay after `failures` failures in a row; 0 counts as 1.
    pub fn delay(&self, env: &Env, failures: u32) -> Duration {
        env.jitter(self.plain(failures), self.jitter)
    }

    fn plain(&self, failures: u32) -> Duration {
        // Past 64 doublings nothing finite is left under any limit that a Duration can hold.
        let exponent = i32::try_from(failures.saturating_sub(1).min(64)).unwrap_or(64);
        let seconds = self.first.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.limit).min(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    #[test]
    fn delays_double_up_to_the_limit() {
        let backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(1000));
        for (failures, millis) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (10, 2560), (19, 1_000_000), (u32::MAX, 1_000_000)]
        {
            assert_eq!(backoff.plain(failures), Duration::from_millis(millis), "after {failures}");
        }
    }

    #[test]
    fn jitter_only_lengthens() {
        let lab = Lab::new();
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8)).with_jitter(0.5);
        for failures in 1..20 {
            let (plain, delay) = (backoff.plain(failures), backoff.delay(&lab.env(), failures));
            assert!(plain <= delay && delay <= plain.mul_f64(1.5));
        }
    }
}
