//! SelfSubjectRulesReview: what may I do in a namespace?

use async_trait::async_trait;
use k8s_openapi::api::rbac::v1::PolicyRule;
use steersman_core::tree::{Map, Value, json};
use steersman_core::{Error, Result};

use super::{Asking, Review};
use crate::tree::Read;

pub(super) struct SelfSubjectRulesReviews;

#[async_trait]
impl Review for SelfSubjectRulesReviews {
    fn resource(&self) -> (&'static str, &'static str) {
        ("authorization.k8s.io", "selfsubjectrulesreviews")
    }

    async fn answer(&self, asking: &Asking<'_>, question: Value) -> Result<Value> {
        let namespace = question.at("spec").text("namespace");
        if namespace.is_empty() {
            return Err(Error::bad_request("no namespace on request"));
        }
        let known = asking.core.authorization.rules_of(asking.user, namespace);
        let is_of_paths =
            |rule: &&PolicyRule| rule.non_resource_urls.as_ref().is_some_and(|urls| !urls.is_empty());
        let is_of_resources = |rule: &&PolicyRule| rule.resources.as_ref().is_some_and(|all| !all.is_empty());
        let resources: Vec<Value> = known.rules.iter().filter(is_of_resources).map(of_resources).collect();
        let paths: Vec<Value> = known.rules.iter().filter(is_of_paths).map(of_paths).collect();
        let mut status =
            json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": known.incomplete});
        if !known.problems.is_empty() {
            status["evaluationError"] = known.problems.join(", ").into();
        }
        Ok(json!({
            "kind": "SelfSubjectRulesReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {},
            "spec": {},
            "status": status,
        }))
    }
}

fn of_resources(rule: &PolicyRule) -> Value {
    let lists = [
        ("apiGroups", rule.api_groups.as_ref()),
        ("resources", rule.resources.as_ref()),
        ("resourceNames", rule.resource_names.as_ref()),
    ];
    written(rule, &lists)
}

fn of_paths(rule: &PolicyRule) -> Value {
    written(rule, &[("nonResourceURLs", rule.non_resource_urls.as_ref())])
}

fn written(rule: &PolicyRule, lists: &[(&str, Option<&Vec<String>>)]) -> Value {
    let mut fields = Map::from_iter([("verbs".to_owned(), Value::from(rule.verbs.clone()))]);
    for (name, list) in lists {
        if let Some(list) = list.filter(|list| !list.is_empty()) {
            fields.insert((*name).to_owned(), list.clone().into());
        }
    }
    fields.into()
}
