//! SelfSubjectReview: who am I?

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::tree::{Value, json};

use super::{Asking, Review, shown};
use crate::moment;

pub(super) struct SelfSubjectReviews;

#[async_trait]
impl Review for SelfSubjectReviews {
    fn resource(&self) -> (&'static str, &'static str) {
        ("authentication.k8s.io", "selfsubjectreviews")
    }

    async fn answer(&self, asking: &Asking<'_>, _: Value) -> Result<Value> {
        Ok(json!({
            "kind": "SelfSubjectReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": moment::seconds(asking.now)},
            "status": {"userInfo": shown(asking.user)},
        }))
    }
}
