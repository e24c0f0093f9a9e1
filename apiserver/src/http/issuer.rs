//! Tells others how to check the tokens of service accounts; upstream's issuer discovery.
//!
//! <https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery>

use http::Method;
use http::header::ACCEPT;
use http::request::Parts;
use steersman_core::error::Reason;
use steersman_core::{Error, Result};

use super::answer::Answer;
use crate::pipeline::Core;

const KEYS: &str = "application/jwk-set+json";

/// The answer, if the request is about that, and if this server issues tokens.
pub(super) fn answer(core: &Core, request: &Parts) -> Result<Option<Answer>> {
    let accounts = core.accounts.as_ref().filter(|_| request.method == Method::GET);
    let Some(accounts) = accounts else { return Ok(None) };
    match request.uri.path() {
        "/.well-known/openid-configuration" => {
            Answer::document("application/json", accounts.configuration().to_string()).map(Some)
        }
        "/openid/v1/jwks" => {
            check_accepted(request)?;
            Answer::document(KEYS, accounts.key_set().to_string()).map(Some)
        }
        _ => Ok(None),
    }
}

/// The keys are told in one form only.
fn check_accepted(request: &Parts) -> Result<()> {
    let accepted = request.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let mut types = accepted.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
    if types.any(|one| matches!(one, "" | "*/*" | "application/*" | KEYS)) {
        return Ok(());
    }
    let why = format!("406: Not Acceptable\n\nAvailable representations: {KEYS}");
    Err(Error::new(Reason::NotAcceptable, why).about("", "", ""))
}
