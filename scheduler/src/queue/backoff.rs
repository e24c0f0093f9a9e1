//! How long a rejected pod waits before it is tried again.

use std::time::Duration;

/// The times of back-off. It doubles with every rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first; upstream's `podInitialBackoffSeconds`.
    pub first: Duration,
    /// The longest; upstream's `podMaxBackoffSeconds`.
    pub longest: Duration,
}

impl Backoff {
    /// How long to wait after so many rejections.
    pub(super) fn after(self, rejections: u32) -> Duration {
        match rejections {
            0 => Duration::ZERO,
            _ => self.first.saturating_mul(2u32.saturating_pow(rejections - 1)).min(self.longest),
        }
    }
}

impl Default for Backoff {
    /// From one second to ten.
    fn default() -> Self {
        Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) }
    }
}
