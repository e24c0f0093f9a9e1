//! Asks another server whose token it is.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication>

use std::time::Duration;

use async_trait::async_trait;
use steersman_core::Env;
use steersman_core::tree::{Value, json};

use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::fetch::{Fetch, Webhook};
use crate::tree::Read;
use crate::user::User;

/// For how long an answer holds if nothing else is said. What is wrong with a token is asked anew.
const HOLDS: Duration = Duration::from_secs(120);

/// Asks with TokenReviews; upstream's `--authentication-token-webhook-config-file`.
#[derive(Debug)]
pub struct TokenWebhook {
    webhook: Webhook<Known>,
    version: &'static str,
    holds: Duration,
}

/// What is known of a token.
type Known = Result<Option<Identity>, NotAuthenticated>;

impl TokenWebhook {
    /// Posts a TokenReview of `authentication.k8s.io/v1` to `url` for every token that is not known; again, up to five
    /// times, where the server has failed.
    pub fn new(env: &Env, url: impl Into<String>, fetch: impl Fetch + 'static) -> Self {
        let webhook = Webhook::new(env, url.into(), Box::new(fetch));
        TokenWebhook { webhook, version: "v1", holds: HOLDS }
    }

    /// Posts reviews of `v1beta1` instead; upstream's default for `--authentication-token-webhook-version`.
    #[must_use]
    pub fn v1beta1(self) -> Self {
        TokenWebhook { version: "v1beta1", ..self }
    }

    /// For how long an answer holds, instead of two minutes; nothing is kept if that is no time at all. Upstream's
    /// `--authentication-token-webhook-cache-ttl`.
    #[must_use]
    pub fn holding_for(self, holds: Duration) -> Self {
        TokenWebhook { holds, ..self }
    }
}

#[async_trait]
impl Authenticator for TokenWebhook {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        let Some(token) = credentials.token else { return Ok(None) };
        let question = json!({
            "apiVersion": format!("authentication.k8s.io/{}", self.version),
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": credentials.audiences},
        });
        let read = |answer: &Value| {
            let known = read(answer.at("status"), credentials);
            let holds = if known.is_ok() { self.holds } else { Duration::ZERO };
            (known, holds)
        };
        let known = self.webhook.ask(&question, read).await;
        known.unwrap_or_else(|error| Err(NotAuthenticated(error.to_string())))
    }
}

fn read(status: &Value, credentials: &Credentials<'_>) -> Result<Option<Identity>, NotAuthenticated> {
    if !status.flag("authenticated") {
        let why = status.text("error");
        return if why.is_empty() { Ok(None) } else { Err(NotAuthenticated(why.to_owned())) };
    }
    let user = User::read(status.at("user"), "username");
    // A server that does not know audiences speaks for all of them.
    let told: Vec<&str> = status.texts("audiences").collect();
    let is_wanted = |audience: &String| told.is_empty() || told.contains(&audience.as_str());
    let audiences: Vec<String> = credentials.audiences.iter().filter(|one| is_wanted(one)).cloned().collect();
    if audiences.is_empty() && !told.is_empty() {
        return Ok(None);
    }
    Ok(Some(Identity { user, audiences }))
}
