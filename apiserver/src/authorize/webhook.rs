//! Asks another server what users may do.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/webhook/>. A server that does not answer has no opinion.

use std::time::Duration;

use async_trait::async_trait;
use steersman_core::Env;
use steersman_core::tree::{Value, json};

use super::{Access, Asked, Authorizer, Decision};
use crate::fetch::{Fetch, Webhook};
use crate::tree::Read;

/// For how long what was allowed stays so if nothing else is said, and everything else.
const ALLOWED: Duration = Duration::from_secs(300);
const NOT_ALLOWED: Duration = Duration::from_secs(30);

/// Asks with SubjectAccessReviews; upstream's `--authorization-webhook-config-file`.
#[derive(Debug)]
pub struct AccessWebhook {
    webhook: Webhook<Decision>,
    version: &'static str,
    allowed: Duration,
    not_allowed: Duration,
}

impl AccessWebhook {
    /// Posts a SubjectAccessReview of `authorization.k8s.io/v1` to `url` for every access about which nothing is known;
    /// again, up to five times, where the server has failed.
    pub fn new(env: &Env, url: impl Into<String>, fetch: impl Fetch + 'static) -> Self {
        let webhook = Webhook::new(env, url.into(), Box::new(fetch));
        AccessWebhook { webhook, version: "v1", allowed: ALLOWED, not_allowed: NOT_ALLOWED }
    }

    /// Posts reviews of `v1beta1` instead; upstream's default for `--authorization-webhook-version`.
    #[must_use]
    pub fn v1beta1(self) -> Self {
        AccessWebhook { version: "v1beta1", ..self }
    }

    /// For how long what is allowed stays so, instead of five minutes, and what is not, instead of 30 seconds; nothing is
    /// kept where that is no time at all. Upstream's `--authorization-webhook-cache-authorized-ttl` and
    /// `--authorization-webhook-cache-unauthorized-ttl`.
    #[must_use]
    pub fn holding_for(self, allowed: Duration, not_allowed: Duration) -> Self {
        AccessWebhook { allowed, not_allowed, ..self }
    }

    fn question(&self, access: &Access<'_>) -> Value {
        // What the older version calls groups is in the singular.
        let groups = if self.version == "v1beta1" { "group" } else { "groups" };
        let mut spec = json!({
            "user": access.user.name,
            "uid": access.user.uid,
            groups: access.user.groups,
            "extra": access.user.extra,
        });
        match access.asked {
            Asked::Path(path) => spec["nonResourceAttributes"] = json!({"path": path, "verb": access.verb}),
            Asked::Resource(asked) => {
                spec["resourceAttributes"] = json!({
                    "verb": access.verb,
                    "group": asked.group,
                    "version": asked.version,
                    "resource": asked.resource,
                    "subresource": asked.subresource,
                    "namespace": asked.namespace,
                    "name": asked.name,
                });
            }
        }
        let api_version = format!("authorization.k8s.io/{}", self.version);
        json!({"apiVersion": api_version, "kind": "SubjectAccessReview", "spec": spec})
    }
}

#[async_trait]
impl Authorizer for AccessWebhook {
    async fn authorize(&self, access: &Access<'_>) -> Decision {
        let read = |answer: &Value| {
            let decision = decision(answer.at("status"));
            let is_allowed = matches!(decision, Decision::Allow { .. });
            let holds = if is_allowed { self.allowed } else { self.not_allowed };
            (decision, holds)
        };
        let answer = self.webhook.ask(&self.question(access), read).await;
        answer.unwrap_or_else(|error| Decision::NoOpinion { reason: error.to_string() })
    }
}

fn decision(status: &Value) -> Decision {
    let reason = status.text("reason").to_owned();
    match (status.flag("allowed"), status.flag("denied")) {
        (true, false) => Decision::Allow { reason },
        (false, true) => Decision::Deny { reason },
        (true, true) => Decision::Deny {
            reason: "webhook subject access review returned both allow and deny response".to_owned(),
        },
        (false, false) => Decision::NoOpinion { reason },
    }
}
