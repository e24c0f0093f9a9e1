//! `pods/binding`: puts a pod on a node, once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use steersman_core::error::Reason;
use steersman_core::field::{self, Path};
use steersman_core::object::Metadata;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Error, Object, Result};

use super::{Call, Edited, Subresource};
use crate::conditions;
use crate::moment::seconds;
use crate::splice::Fields;
use crate::tree::{Fill, Read};

pub(super) struct Binding;

#[async_trait]
impl Subresource for Binding {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "pods")
    }

    fn name(&self) -> &'static str {
        "binding"
    }

    async fn create(&self, call: &dyn Call, body: Value) -> Result<Option<Value>> {
        let pod = super::parent(call);
        if body.at("metadata").text("name") != pod.name {
            return Err(Error::bad_request("name in URL does not match name in Binding object"));
        }
        check(body.at("target"))?;
        if pod.name.is_empty() {
            return Err(Error::bad_request("Name parameter required."));
        }
        let now = seconds(call.context().now);
        call.edit(&pod, &|object| bind(object, &body, &now)).await?;
        Ok(None)
    }
}

/// The counterpart of upstream's `ValidatePodBinding`, whose errors are no `Status`: they become a 500.
fn check(target: &Value) -> Result<()> {
    let (path, mut errors) = (Path::new("target"), Vec::new());
    if !matches!(target.text("kind"), "" | "Node") {
        let kind = target.text("kind");
        errors.push(field::Error::not_supported(&path.child("kind"), kind, &["Node", "<empty>"]).to_string());
    }
    if target.text("name").is_empty() {
        errors.push(field::Error::required(&path.child("name"), "").to_string());
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(Error::new(Reason::Unknown, one)),
        many => Err(Error::new(Reason::Unknown, format!("[{}]", many.join(", ")))),
    }
}

/// The pod with the binding's node, labels and annotations.
fn bind(pod: &Object, binding: &Value, now: &str) -> Result<Edited> {
    let wanted = binding.at("metadata");
    check_preconditions(pod.metadata(), wanted)?;
    let text = std::str::from_utf8(pod.stored_json()).map_err(Error::internal)?;
    let opened = Fields::opened(text, ["metadata", "spec"], pod.managed_fields())?;
    let (mut object, [mut text, spec]) = opened;
    let node = binding.at("target").text("name");
    let spec = with_node(spec, pod.metadata(), node)?;
    let mut metadata = pod.metadata().clone();
    text.remove("resourceVersion");
    merge(&mut text, "annotations", wanted, || &mut metadata.annotations)?;
    merge(&mut text, "labels", wanted, || &mut metadata.labels)?;
    let text = text.text();
    object.set("metadata", text);
    object.set("spec", spec);
    let status = with_condition(object.value("status")?, now);
    object.set("status", serde_json::to_string(&status).map_err(Error::internal)?);
    let fields = vec![("spec.nodeName", node.to_owned()), ("status.nominatedNodeName", String::new())];
    let tree = in_tree(node.to_owned(), wanted.clone(), status.clone());
    let (node, known) = (node.to_owned(), pod.known_lean::<Pod>());
    let stored = move |bound: &Object| {
        if let Some(pod) = known {
            tell(&pod, bound, node, &status);
        }
    };
    let (stored, tree) = (Box::new(stored), Box::new(tree));
    Ok(Edited { json: object.text().into(), metadata, fields, stored, tree })
}

/// Binds a pod in its tree.
fn in_tree(node: String, wanted: Value, status: Value) -> impl FnOnce(&mut Value) + Send {
    move |pod| {
        let Some(pod) = pod.as_object_mut() else { return };
        for kind in ["annotations", "labels"] {
            for (key, value) in wanted.entries(kind) {
                pod.object("metadata").object(kind).put(key, value.as_str().unwrap_or_default());
            }
        }
        pod.object("spec").put("nodeName", node);
        pod.put("status", status);
    }
}

/// A pod's status once the pod is bound.
fn with_condition(status: Value, now: &str) -> Value {
    let mut status = match status {
        Value::Object(status) => status,
        _ => Map::new(),
    };
    status.drop_field("nominatedNodeName");
    conditions::set(&mut status, json!({"type": "PodScheduled", "status": "True"}), now);
    Value::Object(status)
}

/// Tells what a bound pod is as a typed object, if the pod was decoded before: the scheduler and its node's kubelet,
/// who read it next, need not decode it again.
fn tell(pod: &Pod, bound: &Object, node: String, status: &Value) {
    let Ok(status) = PodStatus::deserialize(status) else { return };
    let metadata = bound.metadata();
    let some = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone());
    bound.set_lean(Pod {
        metadata: ObjectMeta {
            annotations: some(&metadata.annotations),
            labels: some(&metadata.labels),
            resource_version: Some(metadata.resource_version.clone()),
            ..pod.metadata.clone()
        },
        spec: Some(PodSpec { node_name: Some(node), ..pod.spec.clone().unwrap_or_default() }),
        status: Some(status),
    });
}

/// A pod's spec with a node; refused if the pod has a node, or must not have one.
fn with_node(mut spec: Fields<'_>, pod: &Metadata, node: &str) -> Result<String> {
    let (name, before) = (&pod.name, spec.value("nodeName")?);
    let before = before.as_str().unwrap_or_default();
    let why = if pod.is_terminating() {
        format!("pod {name} is being deleted, cannot be assigned to a host")
    } else if !before.is_empty() {
        format!("pod {name} is already assigned to node {}", field::quote(before))
    } else if spec.get("schedulingGates").is_some_and(|gates| gates != "[]") {
        format!("pod {name} has non-empty .spec.schedulingGates")
    } else {
        spec.set("nodeName", json!(node).to_string());
        return Ok(spec.text());
    };
    Err(Error::conflict(&GroupResource::new("", "pods/binding"), name, why))
}

/// Gives the pod the labels or annotations of the binding.
fn merge<'m>(
    metadata: &mut Fields<'_>,
    kind: &'static str,
    wanted: &Value,
    known: impl FnOnce() -> &'m mut BTreeMap<String, String>,
) -> Result<()> {
    let wanted = || wanted.entries(kind).map(|(key, value)| (key, value.as_str().unwrap_or_default()));
    if wanted().next().is_none() {
        return Ok(());
    }
    known().extend(wanted().map(|(key, value)| (key.to_owned(), value.to_owned())));
    metadata.change(kind, |entries| wanted().for_each(|(key, value)| entries.put(key, value)))
}

/// A binding may name the pod's uid and version.
fn check_preconditions(pod: &Metadata, wanted: &Value) -> Result<()> {
    let (namespace, name) = (&pod.namespace, &pod.name);
    let versions = [("uid", "UID", &pod.uid), ("resourceVersion", "ResourceVersion", &pod.resource_version)];
    for (field, words, found) in versions {
        let wanted = wanted.text(field);
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

    fn bound(pod: Value, metadata: Value) -> Result<Value> {
        let binding = json!({"metadata": metadata, "target": {"kind": "Node", "name": "n1"}});
        let pod = Object::from_value(&pod)?;
        pod.lean::<Pod>()?;
        let edited = bind(&pod, &binding, "2020-01-01T00:00:00Z")?;
        let bound = Object::from_json(edited.json)?;
        assert_eq!(*bound.metadata(), edited.metadata);
        let value = bound.to_value()?;
        let mut tree = pod.to_value()?;
        (edited.tree)(&mut tree);
        assert_eq!(tree, value, "the tree is changed as the text is");
        // What is told of it is what it is.
        let told = Object::from_parts(bound.json().clone(), "v1", "Pod", edited.metadata);
        (edited.stored)(&told);
        let mut known = Pod::clone(&*told.known_lean::<Pod>().unwrap());
        known.metadata.resource_version = None;
        assert_eq!(known, *bound.lean::<Pod>()?);
        Ok(value)
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
        let both = message(json!({"kind": "Foo"}));
        assert!(
            both.starts_with("[target.kind: ") && both.ends_with(", target.name: Required value]"),
            "{both}"
        );
    }
}
