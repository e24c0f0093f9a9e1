//! The seam to other servers: one HTTP request, one answer.

#[cfg(feature = "http")]
mod direct;
mod hook;
#[cfg(feature = "tls")]
mod known;
mod reviewing;
mod service;
#[cfg(feature = "tls")]
mod tls;
mod webhook;

use std::future::Future;

use async_trait::async_trait;
use bytes::Bytes;
use steersman_core::Result;

#[cfg(feature = "http")]
pub use direct::HttpFetch;
pub(crate) use hook::{Hooks, Place, Uncalled};
pub use reviewing::reviewing;
pub(crate) use service::Services;
#[cfg(feature = "tls")]
pub use tls::ClientTls;
pub(crate) use webhook::Webhook;

/// Sends HTTP requests: to whom one asks about tokens, rights and writes, and where keys are published. A closure that
/// makes a future of a request is one.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The answer to a request with an absolute URI, read to its end. Waits as long as it sees fit, and bounds what it
    /// reads. What the URI cannot say is in the request's extensions: [`Authorities`] and [`Route`].
    ///
    /// # Errors
    /// There is no answer.
    async fn fetch(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}

#[async_trait]
impl<F, A> Fetch for F
where
    F: Fn(http::Request<Bytes>) -> A + Send + Sync,
    A: Future<Output = Result<http::Response<Bytes>>> + Send,
{
    async fn fetch(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        self(request).await
    }
}

/// The certificates (PEM) of those who vouch for whoever answers a request, and nobody else: a webhook's `caBundle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities(pub Bytes);

/// Where a request goes whose URI names a service of the cluster, `https://name.namespace.svc`, as `host:port`; or why it
/// cannot go anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(pub Result<String, String>);
