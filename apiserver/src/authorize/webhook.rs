//! Asks another server what users may do.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/webhook/>. Answers are not kept: every access that nobody
//! before decides is one question. A server that does not answer has no opinion.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Access, Asked, Authorizer, Decision};
use crate::fetch::{self, Fetch};
use crate::tree::Read;

/// Asks with SubjectAccessReviews; upstream's `--authorization-webhook-config-file`.
pub struct AccessWebhook {
    url: String,
    fetch: Box<dyn Fetch>,
}

impl AccessWebhook {
    /// Posts a SubjectAccessReview of `authorization.k8s.io/v1` to `url` for every access.
    pub fn new(url: impl Into<String>, fetch: impl Fetch + 'static) -> Self {
        AccessWebhook { url: url.into(), fetch: Box::new(fetch) }
    }
}

#[async_trait]
impl Authorizer for AccessWebhook {
    async fn authorize(&self, access: &Access<'_>) -> Decision {
        let answer = fetch::ask(&*self.fetch, &self.url, Some(&question(access))).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Decision::NoOpinion { reason: error.to_string() },
        };
        let status = answer.at("status");
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
}

fn question(access: &Access<'_>) -> Value {
    let mut spec = json!({
        "user": access.user.name,
        "uid": access.user.uid,
        "groups": access.user.groups,
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
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

impl fmt::Debug for AccessWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessWebhook").field("url", &self.url).finish_non_exhaustive()
    }
}
