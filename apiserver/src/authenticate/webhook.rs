//! Asks another server whose token it is.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication>. Answers are
//! not kept: every request with a token that nobody before knows is one question.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::fetch::{self, Fetch};
use crate::tree::Read;
use crate::user::User;

/// Asks with TokenReviews; upstream's `--authentication-token-webhook-config-file`.
pub struct TokenWebhook {
    url: String,
    fetch: Box<dyn Fetch>,
}

impl TokenWebhook {
    /// Posts a TokenReview of `authentication.k8s.io/v1` to `url` for every token.
    pub fn new(url: impl Into<String>, fetch: impl Fetch + 'static) -> Self {
        TokenWebhook { url: url.into(), fetch: Box::new(fetch) }
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
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": credentials.audiences},
        });
        let answer = fetch::ask(&*self.fetch, &self.url, Some(&question)).await;
        let answer = answer.map_err(|error| NotAuthenticated(error.to_string()))?;
        read(answer.at("status"), credentials)
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

impl fmt::Debug for TokenWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenWebhook").field("url", &self.url).finish_non_exhaustive()
    }
}
