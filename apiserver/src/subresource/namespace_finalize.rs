//! `namespaces/finalize`: the door through which the namespace controller says that it has emptied a namespace.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::{ErrorList, Path};
use steersman_core::tree::Value;

use super::Subresource;
use crate::strategy::{WriteContext, check_namespace_finalizer};
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

    /// Everything but the status is what the write says.
    fn replace(&self, mut body: Value, old: &Value, _cx: &WriteContext<'_>) -> Result<Value> {
        let namespace = fields(&mut body);
        match old.at("status") {
            Value::Null => namespace.drop_field("status"),
            status => namespace.put("status", status.clone()),
        }
        Ok(body)
    }

    fn validate(&self, object: &Value, _old: &Value) -> ErrorList {
        let spec = Path::new("spec");
        let at = spec.child("finalizers");
        let finalizers: Vec<&str> = object.at("spec").texts("finalizers").collect();
        let faults = finalizers.iter().enumerate();
        faults.flat_map(|(index, name)| check_namespace_finalizer(name, &at.index(index))).collect()
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
    fn the_status_does_not_change() {
        let (user, cluster) = (User::admin(), Objects::default());
        let cx = WriteContext::new(Timestamp::UNIX_EPOCH, &user, &cluster);
        let old = json!({
            "metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Terminating"}
        });
        let body = json!({"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {}, "status": {"phase": "Active"}});
        let new = NamespaceFinalize.replace(body, &old, &cx).unwrap();
        let labels = json!({"name": "a", "labels": {"x": "y"}});
        assert_eq!(new, json!({"metadata": labels, "spec": {}, "status": {"phase": "Terminating"}}));
    }

    #[test]
    fn finalizers_have_a_domain_or_are_known() {
        let namespace = json!({"spec": {"finalizers": ["kubernetes", "example.com/a", "bad"]}});
        let errors = NamespaceFinalize.validate(&namespace, &json!({}));
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        assert_eq!(told, [format!("spec.finalizers[2]: Invalid value: \"bad\": {why}")]);
    }
}
