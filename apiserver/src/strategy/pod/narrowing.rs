//! What may change of where a pod may run while it waits at its scheduling gates: it is only narrowed (KEP-3838).

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::strategy::internal;
use crate::tree::Read;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// What is wrong with the node selector and the node affinity of a spec that was `was` before.
pub(super) fn validate(new: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let selector = new.at("nodeSelector");
    if was.entries("nodeSelector").any(|(key, value)| selector.at(key) != value) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(Error::invalid(&at.child("nodeSelector"), selector, why));
    }
    let affinity = at.child("affinity");
    let nodes = affinity.child("nodeAffinity");
    let required = nodes.child(REQUIRED);
    let terms = |spec: &'_ Value| -> Vec<Value> {
        spec.at("affinity").at("nodeAffinity").at(REQUIRED).items("nodeSelectorTerms").to_vec()
    };
    check_terms(&terms(new), &terms(was), &required.child("nodeSelectorTerms"), errors);
}

/// One of the terms must hold, so none comes and none goes, but each may ask for more.
fn check_terms(new: &[Value], was: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    if was.is_empty() {
        return;
    }
    if new.len() != was.len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(Error::invalid(at, internal::node_terms(new), why));
        return;
    }
    for (index, (term, before)) in new.iter().zip(was).enumerate() {
        if !asks_for_more(term, before) {
            let why = "only additions are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&at.index(index), internal::node_term(term), why));
        }
    }
}

/// Whether a term asks for what it did, and maybe more. One that asked for nothing held nowhere, and still does not.
fn asks_for_more(term: &Value, before: &Value) -> bool {
    let lists = ["matchExpressions", "matchFields"];
    let says_nothing = |term: &Value| lists.iter().all(|list| term.items(list).is_empty());
    if says_nothing(before) {
        return says_nothing(term);
    }
    lists.iter().all(|list| term.items(list).starts_with(before.items(list)))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_waiting_pod_may_run_in_fewer_places() {
        let (one, two) =
            (json!({"key": "a", "operator": "Exists"}), json!({"key": "b", "operator": "Exists"}));
        let spec =
            |terms: Value| json!({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}});
        let old = spec(json!([{"matchExpressions": [one]}]));
        let at = format!("spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms");
        let cases = [
            (spec(json!([{"matchExpressions": [one, two]}])), String::new()),
            (
                spec(json!([{"matchExpressions": [two]}])),
                format!(
                    "{at}[0]: Invalid value: {{\"MatchExpressions\":[{{\"Key\":\"b\",\"Operator\":\"Exists\",\"Values\":\
                     null}}],\"MatchFields\":null}}: only additions are allowed (no mutations or deletions)"
                ),
            ),
            (
                json!({}),
                format!(
                    "{at}: Invalid value: null: no additions/deletions to non-empty NodeSelectorTerms list are allowed"
                ),
            ),
        ];
        for (new, why) in cases {
            let mut errors = ErrorList::new();
            validate(&new, &old, &Path::new("spec"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
