//! PodDisruptionBudgets: one bound or the other.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::{Map, Value, json};

use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The key by which upstream tells what an empty selector meant in `v1beta1`.
const MARKER: &str = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

/// The strategy of pod disruption budgets.
pub(super) struct DisruptionBudgets;

impl Strategy for DisruptionBudgets {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object_mut("spec");
        spec.and_then(|spec| spec.object_mut("selector")).into_iter().for_each(drop_marker);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        if spec.has("minAvailable") && spec.has("maxUnavailable") {
            let why = "minAvailable and maxUnavailable cannot be both set";
            errors.push(Error::invalid(&at, super::internal::disruption_budget_spec(spec), why));
        }
        for field in ["minAvailable", "maxUnavailable"] {
            let path = at.child(field);
            checks::count_or_percent(spec.at(field), &path, &mut errors);
            checks::not_more_than_all(spec.at(field), &path, &mut errors);
        }
        checks::selector(spec.at("selector"), &at.child("selector"), &mut errors);
        if spec.has("unhealthyPodEvictionPolicy") {
            let (policy, path) =
                (spec.text("unhealthyPodEvictionPolicy"), at.child("unhealthyPodEvictionPolicy"));
            checks::one_of(policy, &["AlwaysAllow", "IfHealthyBudget"], &path, &mut errors);
        }
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let at = Path::new("status");
        checks::conditions(object.at("status").items("conditions"), &at.child("conditions"), &mut errors);
        for field in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
            checks::non_negative(object.at("status"), field, &at, &mut errors);
        }
        errors
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        formats::path_segment(name, is_prefix)
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn repeats_metadata(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// Nobody combines the marker with something else: it stands alone, for no pods at all, or not at all.
fn drop_marker(selector: &mut Map) {
    let list = "matchExpressions";
    let is_marker = |expression: &Value| expression.text("key") == MARKER;
    if !selector.items(list).iter().any(is_marker) {
        return;
    }
    let no_pods = json!([{"key": MARKER, "operator": "Exists"}]);
    if *selector.at(list) == no_pods && crate::tree::is_zero(selector.at("matchLabels")) {
        return;
    }
    selector.list(list).retain(|expression| !is_marker(expression));
    if selector.items(list).is_empty() {
        selector.drop_field(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_says_when_and_why() {
        let budget = json!({"status": {"conditions": [{"type": "A", "status": "x", "reason": "a b"}]}});
        let errors = DisruptionBudgets.validate_status(&budget, &Value::Null);
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let at = "status.conditions[0]";
        assert_eq!(
            fields,
            [format!("{at}.status"), format!("{at}.lastTransitionTime"), format!("{at}.reason")]
        );
    }

    #[test]
    fn the_marker_of_an_empty_selector_stands_alone() {
        let (marker, other) =
            (json!({"key": MARKER, "operator": "Exists"}), json!({"key": "a", "operator": "Exists"}));
        let cases = [
            (json!({"matchExpressions": [marker]}), json!({"matchExpressions": [marker]})),
            (json!({"matchExpressions": [marker, other]}), json!({"matchExpressions": [other]})),
            (json!({"matchExpressions": [{"key": MARKER, "operator": "DoesNotExist"}]}), json!({})),
            (
                json!({"matchLabels": {"a": "b"}, "matchExpressions": [marker]}),
                json!({"matchLabels": {"a": "b"}}),
            ),
        ];
        for (selector, kept) in cases {
            let mut budget = json!({"spec": {"selector": selector}});
            DisruptionBudgets.default(&mut budget);
            assert_eq!(budget.at("spec").at("selector"), &kept);
        }
    }
}
