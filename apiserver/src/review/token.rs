//! TokenReview: whose token is this?

use async_trait::async_trait;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Result};

use super::{Asking, Review, shown};
use crate::tree::Read;

pub(super) struct TokenReviews;

#[async_trait]
impl Review for TokenReviews {
    fn resource(&self) -> (&'static str, &'static str) {
        ("authentication.k8s.io", "tokenreviews")
    }

    async fn answer(&self, asking: &Asking<'_>, mut question: Value) -> Result<Value> {
        let spec = question.at("spec");
        let token = spec.text("token");
        if token.is_empty() {
            return Err(Error::bad_request("token is required for TokenReview in authentication"));
        }
        let audiences: Vec<String> = spec.texts("audiences").map(str::to_owned).collect();
        let core = asking.core;
        let status = match core.authentication.of_token(token, &audiences, asking.now, core).await {
            Ok(identity) => {
                let mut status = json!({"authenticated": true, "user": shown(&identity.user)});
                if !identity.audiences.is_empty() {
                    status["audiences"] = identity.audiences.into();
                }
                status
            }
            Err(why) => json!({"user": {}, "error": why.to_string()}),
        };
        question["status"] = status;
        Ok(question)
    }
}
