//! Calls the webhooks that objects of the cluster name: at a URL, or at a service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response, Uri};
use steersman_core::error::Reason;
use steersman_core::tree::Value;
use steersman_core::{Env, Error};

use super::service::Services;
use super::{Authorities, Fetch, Route};
use crate::schema::explain_json;
use crate::tree::Read;

/// The longest text of another server that is repeated, in bytes; upstream's `maxUnstructuredResponseTextBytes`.
const LONGEST_TEXT: usize = 2048;

/// Who calls webhooks, if somebody does. Cloning shares.
#[derive(Clone)]
pub(crate) struct Hooks {
    env: Env,
    fetch: Option<Arc<dyn Fetch>>,
    services: Option<Services>,
}

/// Where a webhook answers, and who vouches for it; upstream's `WebhookClientConfig`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    address: Address,
    authorities: Option<Authorities>,
}

#[derive(Clone, Debug, PartialEq)]
enum Address {
    Url(String),
    Service { namespace: String, name: String, path: String, port: i64 },
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Uncalled {
    /// Nobody was asked.
    Unready(String),
    /// Who was asked has not answered, or nothing that can be read.
    Failed(String),
}

impl Place {
    /// Reads a client configuration that was found valid.
    pub(crate) fn read(config: &Value) -> Self {
        let service = config.at("service");
        let address = match config.at("url").as_str() {
            Some(url) => Address::Url(url.to_owned()),
            None => Address::Service {
                namespace: service.text("namespace").to_owned(),
                name: service.text("name").to_owned(),
                path: service.text("path").to_owned(),
                port: service.int("port").unwrap_or(443),
            },
        };
        let bundle = STANDARD.decode(config.text("caBundle")).unwrap_or_default();
        let authorities = (!bundle.trim_ascii().is_empty()).then(|| Authorities(bundle.into()));
        Place { address, authorities }
    }

    /// Where a question goes that has to be answered within a limit, as client-go writes it.
    fn uri(&self, limit: Duration) -> Result<Uri, String> {
        let whole = match &self.address {
            Address::Url(url) => url.trim_end_matches('/').to_owned(),
            Address::Service { namespace, name, path, port } => {
                format!("https://{name}.{namespace}.svc:{port}/{}", path.trim_matches('/'))
            }
        };
        let uri: Uri = whole.parse().map_err(|why| format!("Unparsable URL: {why}"))?;
        let timed = format!("{}?timeout={}s", uri.path(), limit.as_millis().div_ceil(1000));
        let mut parts = uri.into_parts();
        parts.path_and_query = Some(timed.parse().map_err(|why| format!("Unparsable URL: {why}"))?);
        Uri::from_parts(parts).map_err(|why| format!("Unparsable URL: {why}"))
    }
}

impl Hooks {
    pub(crate) fn new(env: &Env, fetch: Option<Arc<dyn Fetch>>, services: Option<Services>) -> Self {
        Hooks { env: env.child("webhooks"), fetch, services }
    }

    /// A name for a question that no other has.
    pub(crate) fn uid(&self) -> String {
        self.env.uuid()
    }

    /// What a webhook answers to a review within a limit.
    ///
    /// # Errors
    /// There is no answer, or it is no JSON; in upstream's words.
    pub(crate) async fn call(
        &self,
        place: &Place,
        limit: Duration,
        review: &Value,
    ) -> Result<Value, Uncalled> {
        let nobody = "this server calls no webhooks: it was given nobody who does (`Builder::webhooks`)";
        let fetch = self.fetch.as_ref().ok_or_else(|| Uncalled::Unready(nobody.to_owned()))?;
        let request = self.request(place, limit, review).map_err(Uncalled::Unready)?;
        let uri = request.uri().clone();
        let late = || format!("Post \"{uri}\": context deadline exceeded");
        match self.env.timeout(limit, fetch.fetch(request)).await {
            Ok(Ok(answer)) => read(&answer).map_err(Uncalled::Failed),
            Ok(Err(error)) => Err(Uncalled::Failed(words(&error).to_owned())),
            Err(_elapsed) => Err(Uncalled::Failed(late())),
        }
    }

    fn request(&self, place: &Place, limit: Duration, review: &Value) -> Result<Request<Bytes>, String> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(place.uri(limit)?)
            .header(ACCEPT, "application/json, */*")
            .header(CONTENT_TYPE, "application/json");
        if let Some(extensions) = request.extensions_mut() {
            if let Some(authorities) = &place.authorities {
                extensions.insert(authorities.clone());
            }
            if let (Address::Service { namespace, name, port, .. }, Some(services)) =
                (&place.address, &self.services)
            {
                extensions.insert(Route(services.route(&self.env, namespace, name, *port)));
            }
        }
        request.body(Bytes::from(review.to_string())).map_err(|why| why.to_string())
    }
}

/// What went wrong, without the words that become a `Status`.
fn words(error: &Error) -> &str {
    let cause = error.causes().first().and_then(|cause| cause.message.as_deref());
    cause.filter(|_| error.reason() == Reason::InternalError).unwrap_or_else(|| error.message())
}

/// The JSON of an answer; upstream's `Result.Into`.
fn read(answer: &Response<Bytes>) -> Result<Value, String> {
    let (code, body) = (answer.status().as_u16(), answer.body());
    if !(200..=206).contains(&code) {
        return Err(refusal(code, answer));
    }
    if body.is_empty() {
        let kind = content_type(answer).unwrap_or("application/json");
        return Err(format!("0-length response with status code: {code} and content type: {kind}"));
    }
    serde_json::from_slice(body).map_err(|why| {
        let why = explain_json(body).unwrap_or_else(|| why.to_string());
        format!("couldn't get version/kind; json parse error: {why}")
    })
}

/// What is told of an answer that is none; upstream's `NewGenericServerResponse`.
fn refusal(code: u16, answer: &Response<Bytes>) -> String {
    let body = answer.body();
    let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST_TEXT)]);
    let is_text = content_type(answer).is_some_and(|kind| kind.starts_with("text/"));
    let told = if is_text { text.trim() } else { "unknown" };
    let words = match code {
        400 => "the server rejected our request for an unknown reason",
        401 => "the server has asked for the client to provide credentials",
        403 | 415 => told,
        404 => "the server could not find the requested resource",
        405 => "the server does not allow this method on the requested resource",
        406 if matches!(told, "" | "unknown") => {
            "the server was unable to respond with a content type that the client supports"
        }
        406 => told,
        409 => "the server reported a conflict",
        422 => "the server rejected our request due to an error in our request",
        429 => "the server has received too many requests and has asked us to try again later",
        503 => "the server is currently unable to handle the request",
        504 => {
            "the server was unable to return a response in the time allotted, but may still be processing the request"
        }
        500.. => {
            return format!("an error on the server ({told:?}) has prevented the request from succeeding");
        }
        _ => {
            return format!(
                "the server responded with the status code {code} but did not return more information"
            );
        }
    };
    words.to_owned()
}

fn content_type(answer: &Response<Bytes>) -> Option<&str> {
    answer.headers().get(CONTENT_TYPE)?.to_str().ok()
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_question_goes_where_the_configuration_says_and_tells_how_much_time_there_is() {
        let service =
            |path: &str| json!({"service": {"namespace": "n", "name": "s", "path": path, "port": 9443}});
        let cases = [
            (json!({"url": "https://127.0.0.1:9443/mutate"}), "https://127.0.0.1:9443/mutate?timeout=10s"),
            (json!({"url": "https://hook.example.com/"}), "https://hook.example.com/?timeout=10s"),
            (json!({"url": "https://hook.example.com"}), "https://hook.example.com/?timeout=10s"),
            (service("/a/b"), "https://s.n.svc:9443/a/b?timeout=10s"),
            (service(""), "https://s.n.svc:9443/?timeout=10s"),
        ];
        for (config, expected) in cases {
            let uri = Place::read(&config).uri(Duration::from_secs(10)).unwrap();
            assert_eq!(uri.to_string(), expected);
        }
    }

    #[test]
    fn an_answer_that_is_none_is_told_in_the_words_of_upstreams_client() {
        let answer = |code: u16, kind: &str, body: &'static str| {
            let answer = Response::builder().status(code).header(CONTENT_TYPE, kind);
            read(&answer.body(Bytes::from(body)).unwrap()).unwrap_err()
        };
        let html = answer(500, "text/html", " gone ");
        assert_eq!(html, "an error on the server (\"gone\") has prevented the request from succeeding");
        let missing = answer(404, "text/plain", "404 page not found");
        assert_eq!(missing, "the server could not find the requested resource");
        let empty = answer(200, "application/json", "");
        assert_eq!(empty, "0-length response with status code: 200 and content type: application/json");
        let odd = answer(200, "text/html", "<html>");
        let why = "couldn't get version/kind; json parse error: invalid character '<' looking for beginning of value";
        assert_eq!(odd, why);
        let odd = answer(302, "text/html", "");
        assert_eq!(odd, "the server responded with the status code 302 but did not return more information");
    }
}
