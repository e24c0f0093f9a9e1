//! The seam to other servers: one HTTP request, one answer.

#[cfg(feature = "http")]
mod direct;
#[cfg(feature = "tls")]
mod tls;
mod webhook;

use async_trait::async_trait;
use bytes::Bytes;
use steersman_core::Result;

#[cfg(feature = "http")]
pub use direct::HttpFetch;
#[cfg(feature = "tls")]
pub use tls::ClientTls;
pub(crate) use webhook::Webhook;

/// Sends HTTP requests: to whom one asks about tokens and rights, and where keys are published.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The answer to a request with an absolute URI, read to its end. Waits as long as it sees fit, and bounds what it
    /// reads.
    ///
    /// # Errors
    /// There is no answer.
    async fn fetch(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}
