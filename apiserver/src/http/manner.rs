//! How a request is to be treated before anybody looks at what it wants: how long it may take, which limit it counts
//! against.

use std::time::Duration;

use http::Method;
use steersman_core::{Error, Result};

use super::info::Info;
use super::path::Place;

/// The longest that an ordinary request may take; upstream's `--request-timeout`.
const DEADLINE: Duration = Duration::from_secs(60);

/// Subresources whose requests last as long as the client likes.
const LONG_RUNNING: &[&str] = &["attach", "exec", "log", "portforward", "proxy"];

/// How a request is treated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// Whether it lasts as long as the client likes: it then has no deadline and counts against no limit.
    long_running: bool,
    /// Whether it may change anything.
    pub(super) mutating: bool,
    deadline: Duration,
}

impl Manner {
    /// The manner of a request.
    ///
    /// # Errors
    /// 400 if the parameter `timeout` is no duration.
    pub(super) fn of(method: &Method, info: &Info) -> Result<Self> {
        let query = &info.query;
        let long_running = match &info.place {
            Place::Resource { watch: true, .. } => true,
            Place::Resource { target, .. } => {
                let subresource = target.subresource.split('/').next().unwrap_or_default();
                LONG_RUNNING.contains(&subresource)
                    || (method == Method::GET && target.name.is_empty() && query.flag("watch"))
            }
            _ => false,
        };
        let deadline = match query.text("timeout") {
            "" => DEADLINE,
            text => duration(text).ok_or_else(|| {
                Error::bad_request(format!("invalid timeout specified in the request URL - {text:?}"))
            })?,
        };
        let deadline = if deadline.is_zero() { DEADLINE } else { deadline.min(DEADLINE) };
        let mutating = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        Ok(Manner { long_running, mutating, deadline })
    }

    /// How long it may take; `None` for as long as the client likes.
    pub(super) fn deadline(&self) -> Option<Duration> {
        (!self.long_running).then_some(self.deadline)
    }

    /// Whether it counts against the limit of requests in flight.
    pub(super) fn is_counted(&self) -> bool {
        !self.long_running
    }

    /// Whether its answer may be compressed: reads are, events are not, as they must not wait for each other.
    pub(super) fn may_be_compressed(&self) -> bool {
        !self.long_running && !self.mutating
    }
}

/// A duration as Go prints it: `1m30s`, `1.5h`, `300ms`.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, uri: &str) -> Manner {
        Manner::of(&method, &Info::of(&method, &uri.parse().unwrap())).unwrap()
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [("34s", 34_000), ("1m30s", 90_000), ("1.5s", 1_500), ("300ms", 300), ("0", 0)];
        for (text, millis) in cases {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "x", "5", "5 s", "-1s", "1e400h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn only_ordinary_requests_have_a_deadline() {
        let minute = Some(Duration::from_secs(60));
        let cases = [
            ("/api/v1/pods", minute),
            ("/api/v1/pods?timeout=5s", Some(Duration::from_secs(5))),
            ("/api/v1/pods?timeout=5m", minute),
            ("/api/v1/pods?watch=true", None),
            ("/api/v1/pods?watch=0", minute),
            ("/api/v1/watch/pods", None),
            ("/api/v1/namespaces/a/pods/p/log", None),
            ("/api/v1/namespaces/a/services/s/proxy/path", None),
            ("/version", minute),
        ];
        for (uri, expected) in cases {
            assert_eq!(of(Method::GET, uri).deadline(), expected, "{uri}");
        }
        assert_eq!(of(Method::POST, "/api/v1/pods?watch=true").deadline(), minute);
        let soon = Info::of(&Method::GET, &"/version?timeout=soon".parse().unwrap());
        assert!(Manner::of(&Method::GET, &soon).is_err());
    }
}
