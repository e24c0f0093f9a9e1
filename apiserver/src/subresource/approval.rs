//! `certificatesigningrequests/approval`: says whether a certificate may be signed.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::ErrorList;
use steersman_core::tree::Value;

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

    /// The conditions are what the write says, and so is the metadata.
    fn replace(&self, body: Value, old: &Value, cx: &WriteContext<'_>) -> Result<Value> {
        let mut request = old.clone();
        fields(&mut request).put("metadata", body.at("metadata").clone());
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::json;

    use super::*;
    use crate::admission::tests::Objects;
    use crate::user::User;

    #[test]
    fn only_conditions_and_metadata_change() {
        let (user, cluster) = (User::admin(), Objects::default());
        let cx = WriteContext::new(Timestamp::UNIX_EPOCH, &user, &cluster);
        let old = json!({"metadata": {"name": "a"}, "spec": {"signerName": "a.b/c"}, "status": {"certificate": "eA=="}});
        let body = json!({
            "metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"signerName": "d.e/f"},
            "status": {"certificate": "eQ==", "conditions": [{"type": "Denied", "status": "True"}]}
        });
        let new = Approval.replace(body, &old, &cx).unwrap();
        assert_eq!(new["metadata"]["labels"], json!({"x": "y"}));
        assert_eq!((&new["spec"], &new["status"]["certificate"]), (&old["spec"], &json!("eA==")));
        assert_eq!(new["status"]["conditions"][0]["type"], "Denied");
    }
}
