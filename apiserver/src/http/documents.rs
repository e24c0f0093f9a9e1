//! Answers requests to what is no resource: discovery, OpenAPI, health, metrics, the version.

use http::Method;
use http::request::Parts;
use steersman_core::Result;

use super::answer::Answer;
use super::path::Place;
use super::query::Query;
use crate::discovery::{self, Groups, negotiate};
use crate::pipeline::Core;
use crate::{fault, health, metrics, openapi, zpages};

/// The answer to a request to a place that is no resource.
pub(super) async fn answer(core: &Core, place: &Place, parts: &Parts) -> Result<Answer> {
    let path = parts.uri.path();
    let query = Query::parse(parts.uri.query());
    if let Some(answer) = health::answer(core, path, &query).await {
        return Ok(answer);
    }
    if let Some(answer) = zpages::answer(core, path, &parts.headers) {
        return Ok(answer);
    }
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    match (place, path) {
        (Place::Discovery(_), _) | (_, "/version" | "/version/") if !is_read => Err(fault::unknown_method()),
        (Place::Discovery(steps), _) => {
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            discovery::answer(core, &steps, &parts.headers)
        }
        (_, "/version" | "/version/") => document(core, &discovery::version(), parts),
        (_, "/") => {
            document(core, &discovery::paths(&Groups::of(&core.tables, &core.registry.rows())), parts)
        }
        // What upstream does not serve as an API answers to every method. Its counts go back to zero by DELETE; ours do not.
        (_, "/metrics") if parts.method != Method::DELETE => {
            Answer::document(metrics::MEDIA_TYPE, core.metrics.text()?)
        }
        (_, "/metrics/slis") => Answer::document(metrics::MEDIA_TYPE, health::metrics(core).await),
        _ if path.starts_with("/openapi/") => openapi::answer(core, path, &query, &parts.headers),
        _ => Ok(Answer::no_page()),
    }
}

fn document(core: &Core, document: &steersman_core::tree::Value, parts: &Parts) -> Result<Answer> {
    let syntax = negotiate(&parts.headers, false)?.syntax;
    Answer::document(syntax.media_type(), syntax.write(&core.tables, document)?)
}
