//! `namespaces/finalize`: the door through which the namespace controller says that it has emptied a namespace.

use async_trait::async_trait;
use serde_json::Value;
use steersman_core::Result;

use super::Subresource;
use crate::strategy::WriteContext;
use crate::tree::{Fill, Read, fields};

pub(super) struct NamespaceFinalize;

#[async_trait]
impl Subresource for NamespaceFinalize {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "namespaces")
    }

    fn name(&self) -> &'static str {
        "finalize"
    }

    fn replace(&self, body: Value, old: &Value, _cx: &WriteContext<'_>) -> Result<Value> {
        let mut namespace = old.clone();
        let spec = fields(&mut namespace).object("spec");
        match body.at("spec").at("finalizers") {
            Value::Null => spec.drop_field("finalizers"),
            finalizers => spec.put("finalizers", finalizers.clone()),
        }
        Ok(namespace)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::admission::tests::Objects;
    use crate::user::User;

    #[test]
    fn only_the_finalizers_change() {
        let (user, cluster) = (User::admin(), Objects::default());
        let cx = WriteContext::new(Timestamp::UNIX_EPOCH, &user, &cluster);
        let old = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}});
        let body = json!({"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {}});
        let new = NamespaceFinalize.replace(body, &old, &cx).unwrap();
        assert_eq!(new, json!({"metadata": {"name": "a"}, "spec": {}}));
    }
}
