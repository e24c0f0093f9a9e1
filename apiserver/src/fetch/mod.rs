//! The seam to other servers: one HTTP request, one answer.

#[cfg(feature = "http")]
mod direct;
#[cfg(feature = "tls")]
mod tls;

use async_trait::async_trait;
use bytes::Bytes;
use steersman_core::Result;

#[cfg(feature = "http")]
pub use direct::HttpFetch;
#[cfg(feature = "tls")]
pub use tls::ClientTls;

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

/// Sends a question that is an object, and reads the answer, which is one too.
pub(crate) async fn ask(
    fetch: &dyn Fetch,
    url: &str,
    question: Option<&serde_json::Value>,
) -> Result<serde_json::Value> {
    use steersman_core::Error;
    let request = http::Request::builder().uri(url).header(http::header::ACCEPT, "application/json");
    let request = match question {
        None => request.body(Bytes::new()),
        Some(question) => request
            .method(http::Method::POST)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(question.to_string().into()),
    };
    let answer = fetch.fetch(request.map_err(Error::internal)?).await?;
    if !answer.status().is_success() {
        return Err(Error::internal(format!("{url} answered {}", answer.status())));
    }
    serde_json::from_slice(answer.body()).map_err(Error::internal)
}
