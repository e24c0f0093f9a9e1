//! `scale`: the wished and the observed count of anything that has replicas, in one form for all kinds.

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::selector::LabelSelector;
use steersman_core::tree::{Value, from_value, json};
use steersman_core::{Error, Result};

use super::Subresource;
use crate::crd::ScalePaths;
use crate::strategy::WriteContext;

/// The scale of one kind.
#[derive(Clone)]
pub(crate) struct Scale {
    replicas: String,
    observed: String,
    selector: Selector,
    /// Of a custom resource, whose rules these are.
    paths: Option<ScalePaths>,
}

/// Where the selector of the pods is.
#[derive(Clone)]
enum Selector {
    /// A label selector, or a map of labels, at this pointer.
    Structured(&'static str),
    /// A text at this pointer, if the kind has one.
    Text(Option<String>),
}

impl Scale {
    /// The scale of the built-in workloads.
    pub(crate) fn workload() -> Self {
        Scale {
            replicas: "/spec/replicas".to_owned(),
            observed: "/status/replicas".to_owned(),
            selector: Selector::Structured("/spec/selector"),
            paths: None,
        }
    }

    /// The scale of a custom resource.
    pub(crate) fn custom(paths: &ScalePaths) -> Self {
        let selector = paths.label_selector.as_deref().map(pointer);
        Scale {
            replicas: pointer(&paths.spec_replicas),
            observed: pointer(&paths.status_replicas),
            selector: Selector::Text(selector),
            paths: Some(paths.clone()),
        }
    }
}

impl Scale {
    /// What is wrong with the counts of a custom resource.
    pub(crate) fn check(&self, object: &Value) -> ErrorList {
        self.paths.as_ref().map(|paths| paths.check(object)).unwrap_or_default()
    }
}

#[async_trait]
impl Subresource for Scale {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "")
    }

    fn name(&self) -> &'static str {
        "scale"
    }

    fn show(&self, object: &Value) -> Result<Value> {
        let from = &object["metadata"];
        let mut metadata = json!({});
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = from.get(field) {
                metadata[field] = value.clone();
            }
        }
        let count = |at: &str| object.pointer(at).and_then(Value::as_i64);
        let mut spec = json!({});
        if let Some(replicas) = count(&self.replicas).filter(|replicas| *replicas != 0) {
            spec["replicas"] = replicas.into();
        }
        let mut status = json!({"replicas": count(&self.observed).unwrap_or(0)});
        let selector = self.selector.text(object);
        if !selector.is_empty() {
            status["selector"] = selector.into();
        }
        Ok(json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": metadata, "spec": spec, "status": status,
        }))
    }

    fn replace(&self, body: Value, old: &Value, cx: &WriteContext<'_>) -> Result<Value> {
        let _ = cx;
        let replicas = body["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 && self.paths.is_none() {
            let spec = Path::new("spec");
            let why = "must be greater than or equal to 0";
            let error = field::Error::invalid(&spec.child("replicas"), replicas, why);
            let name = old["metadata"]["name"].as_str().unwrap_or_default();
            return Err(Error::invalid(&GroupVersionKind::new("autoscaling", "v1", "Scale"), name, &[error]));
        }
        let mut next = old.clone();
        put(&mut next, &self.replicas, replicas.into());
        Ok(next)
    }

    fn replicas(&self) -> Option<Vec<&str>> {
        Some(self.replicas.split('/').skip(1).collect())
    }
}

impl Selector {
    fn text(&self, object: &Value) -> String {
        match self {
            Selector::Text(at) => {
                let found = at.as_deref().and_then(|at| object.pointer(at)).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            }
            Selector::Structured(at) => object.pointer(at).map(structured).unwrap_or_default(),
        }
    }
}

fn structured(selector: &Value) -> String {
    let is_map = selector.as_object().is_some_and(|fields| fields.values().all(Value::is_string));
    let read = if is_map {
        from_value(selector.clone()).ok().map(|labels| LabelSelector::from_labels(&labels))
    } else {
        let typed: Option<v1::LabelSelector> = from_value(selector.clone()).ok();
        typed.and_then(|typed| LabelSelector::from_object(Some(&typed)).ok())
    };
    read.map(|selector| selector.to_string()).unwrap_or_default()
}

/// The JSON pointer of a simple path: `/spec/replicas` of `.spec.replicas`.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

/// Sets a value, making the objects on the way.
fn put(tree: &mut Value, pointer: &str, value: Value) {
    let mut place = tree;
    for step in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[step];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_counts_and_selector() {
        let object = json!({
            "metadata": {"name": "x", "labels": {"a": "b"}, "uid": "u"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}}}, "status": {"replicas": 2}
        });
        let scale = Scale::workload().show(&object).unwrap();
        assert_eq!(scale["metadata"], json!({"name": "x", "uid": "u"}));
        assert_eq!(scale["spec"], json!({"replicas": 3}));
        assert_eq!(scale["status"], json!({"replicas": 2, "selector": "app=a"}));
    }

    #[test]
    fn values_are_put_where_the_path_says() {
        let mut tree = json!({"spec": {"a": 1}});
        put(&mut tree, &pointer(".spec.deep.count"), 2.into());
        assert_eq!(tree, json!({"spec": {"a": 1, "deep": {"count": 2}}}));
    }
}
