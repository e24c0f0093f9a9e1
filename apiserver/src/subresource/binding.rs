//! `pods/binding`: puts a pod on a node, once.

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use steersman_core::error::Reason;
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupResource;
use steersman_core::{Error, Result};

use super::{Call, Subresource, success};
use crate::conditions;
use crate::moment::seconds;
use crate::tree::{Fill, Read, fields};

pub(super) struct Binding;

#[async_trait]
impl Subresource for Binding {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "pods")
    }

    fn name(&self) -> &'static str {
        "binding"
    }

    async fn create(&self, call: &dyn Call, body: Value) -> Result<Value> {
        let pod = super::parent(call);
        if body.at("metadata").text("name") != pod.name {
            return Err(Error::bad_request("name in URL does not match name in Binding object"));
        }
        check(body.at("target"))?;
        let now = seconds(call.context().now);
        call.update(&pod, &|object| bind(object, &body, &now)).await?;
        Ok(success())
    }
}

/// The counterpart of upstream's `ValidatePodBinding`, whose errors are no `Status`: they become a 500.
fn check(target: &Value) -> Result<()> {
    let path = Path::new("target");
    let error = if !matches!(target.text("kind"), "" | "Node") {
        field::Error::not_supported(&path.child("kind"), target.text("kind"), &["Node", "<empty>"])
    } else if target.text("name").is_empty() {
        field::Error::required(&path.child("name"), "")
    } else {
        return Ok(());
    };
    Err(Error::new(Reason::Unknown, error.to_string()))
}

fn bind(object: &mut Value, binding: &Value, now: &str) -> Result<()> {
    check_preconditions(object, binding.at("metadata"))?;
    check_free(object)?;
    let pod = fields(object);
    for kind in ["annotations", "labels"] {
        for (key, value) in binding.at("metadata").entries(kind) {
            pod.object("metadata").object(kind).put(key, value.clone());
        }
    }
    pod.object("spec").put("nodeName", binding.at("target").text("name"));
    let status: &mut Map<String, Value> = pod.object("status");
    status.drop_field("nominatedNodeName");
    conditions::set(status, json!({"type": "PodScheduled", "status": "True"}), now);
    Ok(())
}

/// Refuses a pod that has a node, or that must not have one.
fn check_free(pod: &Value) -> Result<()> {
    let (metadata, spec) = (pod.at("metadata"), pod.at("spec"));
    let (name, node) = (metadata.text("name"), spec.text("nodeName"));
    let why = if metadata.has("deletionTimestamp") {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if !node.is_empty() {
        format!("pod {name} is already assigned to node {}", field::quote(node))
    } else if !spec.items("schedulingGates").is_empty() {
        format!("pod {name} has non-empty .spec.schedulingGates")
    } else {
        return Ok(());
    };
    Err(Error::conflict(&GroupResource::new("", "pods/binding"), name, why))
}

/// A binding may name the pod's uid and version.
fn check_preconditions(pod: &Value, wanted: &Value) -> Result<()> {
    let metadata = pod.at("metadata");
    let (namespace, name) = (metadata.text("namespace"), metadata.text("name"));
    for (field, words) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (wanted, found) = (wanted.text(field), metadata.text(field));
        if !wanted.is_empty() && wanted != found {
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: /registry/pods/{namespace}/{name}, ResourceVersion: 0, \
                 AdditionalErrorMsg: Precondition failed: {words} in precondition: {wanted}, {words} in object meta: \
                 {found}"
            );
            return Err(Error::conflict(&GroupResource::new("", "pods"), name, why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: Value) -> Value {
        json!({"metadata": {"name": "x", "namespace": "n", "uid": "u"}, "spec": spec, "status": {}})
    }

    fn bound(mut pod: Value, metadata: Value) -> Result<Value> {
        let binding = json!({"metadata": metadata, "target": {"kind": "Node", "name": "n1"}});
        bind(&mut pod, &binding, "2020-01-01T00:00:00Z").map(|()| pod)
    }

    #[test]
    fn a_pod_is_bound_with_the_labels_and_annotations_of_the_binding() {
        let pod = bound(pod(json!({})), json!({"annotations": {"a": "b"}, "labels": {"zone": "z"}})).unwrap();
        assert_eq!(pod["spec"]["nodeName"], "n1");
        assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
        assert_eq!(pod["metadata"]["labels"], json!({"zone": "z"}));
        assert_eq!(
            pod["status"]["conditions"],
            json!([{
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": "2020-01-01T00:00:00Z"
            }])
        );
    }

    #[test]
    fn a_pod_is_bound_once() {
        let cases = [
            (pod(json!({"nodeName": "y"})), "pod x is already assigned to node \"y\""),
            (pod(json!({"schedulingGates": [{"name": "g"}]})), "pod x has non-empty .spec.schedulingGates"),
        ];
        for (pod, why) in cases {
            let error = bound(pod, json!({})).unwrap_err();
            assert_eq!(
                error.message(),
                format!("Operation cannot be fulfilled on pods/binding \"x\": {why}")
            );
        }
    }

    #[test]
    fn a_binding_is_for_the_pod_that_it_names() {
        let error = bound(pod(json!({})), json!({"uid": "other"})).unwrap_err();
        assert_eq!(
            error.message(),
            "Operation cannot be fulfilled on pods \"x\": StorageError: invalid object, Code: 4, Key: \
             /registry/pods/n/x, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \
             other, UID in object meta: u"
        );
    }

    #[test]
    fn a_target_is_a_node_with_a_name() {
        let message = |target: Value| check(&target).unwrap_err().message().to_owned();
        assert_eq!(
            message(json!({"kind": "Foo", "name": "n"})),
            "target.kind: Unsupported value: \"Foo\": supported values: \"Node\", \"<empty>\""
        );
        assert_eq!(message(json!({"kind": "Node"})), "target.name: Required value");
    }
}
