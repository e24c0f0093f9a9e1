//! Deployments: the rolling update's defaults and rules.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::{Map, Value};

use super::rules;
use crate::schema::ROLLBACK;
use crate::strategy::{Strategy, WriteContext, checks, internal, pod_template};
use crate::tree::{Fill, Read, fields};

/// The strategy of deployments.
pub(in crate::strategy) struct Deployments;

impl Strategy for Deployments {
    fn default(&self, object: &mut Value) {
        fields(object).object_mut("metadata").into_iter().for_each(settle_rollback);
    }

    fn default_spec(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        spec.fill("progressDeadlineSeconds", 600);
        default_strategy(spec.object("strategy"));
        pod_template::default(spec);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        validate(object, None)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = validate(object, Some(old));
        checks::unchanged(object.at("spec"), old.at("spec"), "selector", &Path::new("spec"), &mut errors);
        errors
    }

    /// Annotations count too: they say, among others, how a deployment is to be rolled.
    fn counts_change(&self, object: &Value, old: &Value) -> Option<bool> {
        let (metadata, was) = (object.at("metadata"), old.at("metadata"));
        Some(object.at("spec") != old.at("spec") || metadata.at("annotations") != was.at("annotations"))
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        if object.at("metadata").at("labels") == old.at("metadata").at("labels") {
            return;
        }
        let metadata = fields(object).object("metadata");
        match old.at("metadata").at("labels") {
            Value::Null => metadata.drop_field("labels"),
            labels => metadata.put("labels", labels.clone()),
        }
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let parts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
        let counts = [
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "terminatingReplicas",
            "collisionCount",
        ];
        rules::check_status(object, &counts, &parts, "readyReplicas", &mut errors);
        rules::check_collisions(object, old, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        rules::warnings(object, old)
    }
}

/// What is wrong with a deployment, which replaces `old`.
fn validate(object: &Value, old: Option<&Value>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (spec, at) = (object.at("spec"), Path::new("spec"));
    checks::non_negative(spec, "replicas", &at, &mut errors);
    rules::check_selector(spec, "deployment", &at, &mut errors);
    rules::check_selected(spec, old.map(|old| old.at("spec")), &at, &mut errors);
    check_strategy(spec.at("strategy"), &at.child("strategy"), &mut errors);
    checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
    checks::non_negative(spec, "revisionHistoryLimit", &at, &mut errors);
    check_rollback(object, &at.child("rollback"), &mut errors);
    checks::non_negative(spec, "progressDeadlineSeconds", &at, &mut errors);
    let ready = spec.int("minReadySeconds").unwrap_or_default();
    if let Some(seconds) = spec.int("progressDeadlineSeconds").filter(|seconds| *seconds <= ready) {
        let why = "must be greater than minReadySeconds";
        errors.push(Error::invalid(&at.child("progressDeadlineSeconds"), seconds, why));
    }
    errors
}

/// The revision to go back to, written as Go writes numbers. None is meant by an empty one.
fn settle_rollback(metadata: &mut Map) {
    let Some(annotations) = metadata.object_mut("annotations") else { return };
    let text = annotations.text(ROLLBACK);
    match text.parse::<i64>() {
        Ok(revision) => {
            let revision = revision.to_string();
            if text != revision {
                annotations.put(ROLLBACK, revision);
            }
        }
        Err(_) if text.is_empty() && annotations.has(ROLLBACK) => annotations.drop_field(ROLLBACK),
        Err(_) => return,
    }
    if annotations.is_empty() {
        metadata.drop_field("annotations");
    }
}

fn check_rollback(deployment: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let revision = deployment.at("metadata").at("annotations").text(ROLLBACK).parse::<i64>();
    if let Some(revision) = revision.ok().filter(|revision| *revision < 0) {
        errors.push(Error::invalid(&at.child("version"), revision, "must be greater than or equal to 0"));
    }
}

fn default_strategy(strategy: &mut Map) {
    strategy.fill_zero("type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.object("rollingUpdate");
        rolling.fill("maxUnavailable", "25%");
        rolling.fill("maxSurge", "25%");
    }
}

fn check_strategy(strategy: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("rollingUpdate");
    match strategy.text("type") {
        "Recreate" if strategy.has("rollingUpdate") => {
            errors.push(Error::forbidden(&path, "may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => check_rolling(strategy.at("rollingUpdate"), &path, errors),
        _ => {
            let shown = internal::deployment_strategy(strategy);
            errors.push(Error::not_supported(at, shown, &["Recreate", "RollingUpdate"]));
        }
    }
}

fn check_rolling(rolling: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    let path = at.child("maxUnavailable");
    checks::count_or_percent(unavailable, &path, errors);
    checks::count_or_percent(surge, &at.child("maxSurge"), errors);
    if [unavailable, surge].iter().all(|value| checks::number_or_percentage(value) == 0) {
        errors.push(Error::invalid(&path, unavailable, "may not be 0 when `maxSurge` is 0"));
    }
    checks::not_more_than_all(unavailable, &path, errors);
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    /// A deployment whose spec is changed by `patch`, and what is wrong with it.
    fn messages(patch: Value) -> String {
        let mut deployment = json!({"spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        }});
        for (field, value) in patch.as_object().unwrap() {
            deployment["spec"][field] = value.clone();
        }
        Deployments.default_spec(&mut deployment);
        Deployments.validate(&deployment).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_revision_to_go_back_to_is_a_number() {
        let cases = [
            ("", None, ""),
            ("+7", Some("7"), ""),
            (
                "-1",
                Some("-1"),
                "spec.rollback.version: Invalid value: -1: must be greater than or equal to 0",
            ),
        ];
        for (text, settled, expected) in cases {
            let mut deployment = json!({"metadata": {"annotations": {ROLLBACK: text}}});
            Deployments.default(&mut deployment);
            assert_eq!(deployment.at("metadata").at("annotations").at(ROLLBACK).as_str(), settled);
            let mut errors = ErrorList::new();
            check_rollback(&deployment, &Path::new("spec").child("rollback"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }

    #[test]
    fn deployments_are_refused_in_upstreams_words() {
        let cases = [
            (json!({}), ""),
            (json!({"replicas": -1}), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
            (
                json!({"selector": {}}),
                "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
            ),
            (
                json!({"selector": null}),
                "spec.selector: Required value, spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: \
                 `selector` does not match template `labels`",
            ),
            (
                json!({"strategy": {"type": "X"}}),
                "spec.strategy: Unsupported value: {\"Type\":\"X\",\"RollingUpdate\":null}: supported values: \
                 \"Recreate\", \"RollingUpdate\"",
            ),
            (
                json!({"minReadySeconds": 600}),
                "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
            ),
            (
                json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}),
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
            ),
        ];
        for (patch, expected) in cases {
            assert_eq!(messages(patch), expected);
        }
    }
}
