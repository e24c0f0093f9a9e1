//! `certificatesigningrequests/approval`: says whether a certificate may be signed.

use async_trait::async_trait;
use serde_json::Value;
use steersman_core::Result;
use steersman_core::field::ErrorList;

use super::Subresource;
use crate::strategy::{WriteContext, stamp_request_conditions, validate_request_approval};
use crate::tree::{Fill, Read, fields};

pub(super) struct Approval;

#[async_trait]
impl Subresource for Approval {
    fn resource(&self) -> (&'static str, &'static str) {
        ("certificates.k8s.io", "certificatesigningrequests")
    }

    fn name(&self) -> &'static str {
        "approval"
    }

    fn replace(&self, body: Value, old: &Value, cx: &WriteContext<'_>) -> Result<Value> {
        let mut request = old.clone();
        let status = fields(&mut request).object("status");
        match body.at("status").at("conditions") {
            Value::Null => status.drop_field("conditions"),
            conditions => status.put("conditions", conditions.clone()),
        }
        stamp_request_conditions(&mut request, old, cx);
        Ok(request)
    }

    fn validate(&self, object: &Value, old: &Value) -> ErrorList {
        validate_request_approval(object, old)
    }
}
