//! A webhook in this process, from a closure that answers reviews.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Uri};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

use super::Fetch;

/// Webhooks that need no network: `answer` is given the address at which a webhook is asked and the review
/// (`AdmissionReview`, `ConversionReview`, …) that it is asked with, and gives the review back with its `response`.
///
/// ```
/// use steersman_apiserver::reviewing;
/// use steersman_core::tree::json;
///
/// # fn assemble(builder: steersman_apiserver::Builder) -> steersman_apiserver::Builder {
/// builder.webhooks(reviewing(|uri, mut review| {
///     let is_good = uri.path() == "/validate" && review["request"]["name"] != "bad";
///     review["response"] = json!({"uid": review["request"]["uid"], "allowed": is_good});
///     review
/// }))
/// # }
/// ```
pub fn reviewing<F>(answer: F) -> impl Fetch
where
    F: Fn(&Uri, Value) -> Value + Send + Sync,
{
    Reviewing(answer)
}

struct Reviewing<F>(F);

#[async_trait]
impl<F> Fetch for Reviewing<F>
where
    F: Fn(&Uri, Value) -> Value + Send + Sync,
{
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let review = serde_json::from_slice(request.body()).map_err(Error::internal)?;
        let answer = (self.0)(request.uri(), review).to_string();
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        response.body(answer.into()).map_err(Error::internal)
    }
}
