//! Limits how many requests are answered at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use http::header::{HeaderValue, RETRY_AFTER};

use super::manner::Manner;
use super::{Answer, Body};

/// How many requests may be in flight. Those that last as long as the client likes, such as watches, do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests that only read; upstream's `--max-requests-inflight`.
    pub reading: usize,
    /// Requests that may write; upstream's `--max-mutating-requests-inflight`.
    pub writing: usize,
}

impl Default for Limits {
    /// Upstream's defaults: 400 that read and 200 that write.
    fn default() -> Self {
        Limits { reading: 400, writing: 200 }
    }
}

impl Limits {
    /// No limits, for clients that limit themselves.
    pub const NONE: Limits = Limits { reading: usize::MAX, writing: usize::MAX };
}

/// The requests in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    limits: Limits,
    reading: AtomicUsize,
    writing: AtomicUsize,
}

/// A request's place among those in flight; dropping it gives it back.
pub(super) struct Place<'a>(Option<&'a AtomicUsize>);

impl InFlight {
    pub(super) fn new(limits: Limits) -> Self {
        InFlight { limits, reading: AtomicUsize::new(0), writing: AtomicUsize::new(0) }
    }

    /// Takes a place; `None` if there is none left.
    pub(super) fn enter(&self, manner: &Manner) -> Option<Place<'_>> {
        if !manner.is_counted() {
            return Some(Place(None));
        }
        let (count, limit) = if manner.mutating {
            (&self.writing, self.limits.writing)
        } else {
            (&self.reading, self.limits.reading)
        };
        let before = count.fetch_add(1, Ordering::Relaxed);
        let place = Place(Some(count));
        (before < limit).then_some(place)
    }

    /// 429, in the words of upstream's `tooManyRequests`.
    pub(super) fn refusal() -> Response<Body> {
        Answer::text(429, "Too many requests, please try again later.\n")
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
            .into_response()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::info::Info;
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let all = InFlight::new(Limits { reading: 1, writing: 1 });
        let manner =
            |method, uri: &str| Manner::of(&method, &Info::of(&method, &uri.parse().unwrap())).unwrap();
        let (read, write) = (manner(Method::GET, "/api/v1/pods"), manner(Method::POST, "/api/v1/pods"));
        let first = all.enter(&read);
        assert!(first.is_some() && all.enter(&read).is_none());
        assert!(all.enter(&write).is_some(), "writers have a limit of their own");
        assert!(all.enter(&manner(Method::GET, "/api/v1/pods?watch=1")).is_some(), "watches do not count");
        drop(first);
        assert!(all.enter(&read).is_some());
    }
}
