//! Counts what the server does, under upstream's names where a metric means the same: `/metrics`.

mod labels;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use steersman_core::{Error, Result};

use crate::http::Body;
pub(crate) use labels::{Coded, Request};

/// The media type of what is told: OpenMetrics, which everything that reads Prometheus' format reads too.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the classes that durations are counted in, in seconds: upstream's, thinned out.
const CLASSES: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0, 10.0, 30.0, 60.0];

/// The counts of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Coded, Counter>,
    durations: Family<Request, Histogram>,
    running: Family<Request, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let running = Family::default();
        // The library adds `_total` to the name of a counter.
        let about = "Requests, by verb, resource and response code";
        registry.register("apiserver_request", about, Family::clone(&requests));
        let about = "How long requests took that do not last as long as the client likes, in seconds";
        registry.register("apiserver_request_duration_seconds", about, Family::clone(&durations));
        let about = "Requests under way that last as long as the client likes, such as watches";
        registry.register("apiserver_longrunning_requests", about, Family::clone(&running));
        Metrics { registry, requests, durations, running }
    }

    /// Everything that was counted, as text.
    ///
    /// # Errors
    /// Never, as memory takes what is written.
    pub(crate) fn text(&self) -> Result<Bytes> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(Error::internal)?;
        Ok(text.into())
    }

    /// Counts a request that was answered.
    pub(crate) fn answered(&self, request: Request, code: u16, took: Duration) {
        if request.verb != "WATCH" {
            self.durations.get_or_create(&request).observe(took.as_secs_f64());
        }
        self.requests.get_or_create(&Coded { request, code }).inc();
    }

    /// The same body, counted as under way until it ends.
    pub(crate) fn follow(&self, request: &Request, body: Body) -> Body {
        let running = || Running::start(self.running.get_or_create_owned(request));
        match body {
            Body::Chunks(chunks) => {
                let running = running();
                let chunks = chunks.map(move |chunk| {
                    let _held = &running;
                    chunk
                });
                Body::Chunks(chunks.boxed())
            }
            #[cfg(feature = "http")]
            Body::Upgrade(upgrade) => Body::Upgrade(upgrade.holding(running())),
            whole @ Body::Full(_) => whole,
        }
    }
}

fn histogram() -> Histogram {
    Histogram::new(CLASSES.iter().copied())
}

/// Counts as one until it is dropped.
struct Running(Gauge);

impl Running {
    fn start(gauge: Gauge) -> Self {
        gauge.inc();
        Running(gauge)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
