//! Complains of pods that several budgets cover: they cannot be evicted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use steersman_core::events::EventType;

use super::covering;
use crate::{Outcome, View};

/// Tells of a pod that more than one budget covers.
pub(super) fn complain(view: &View, pod: &Pod, outcome: &mut Outcome) {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let none = BTreeMap::new();
    let budgets = covering(view, namespace, pod.metadata.labels.as_ref().unwrap_or(&none));
    let [chosen, _, ..] = budgets.as_slice() else { return };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let chosen = chosen.metadata.name.as_deref().unwrap_or_default();
    let message = format!(
        "Pod {namespace:?}/{name:?} matches multiple PodDisruptionBudgets.  Chose {chosen:?} arbitrarily."
    );
    outcome.event(EventType::Warning, "MultiplePodDisruptionBudgets", message);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;
    use steersman_core::tree::{from_value, json};

    use super::*;
    use crate::runner::Operation;

    #[test]
    fn a_pod_that_several_budgets_cover_is_told_of() {
        let budget = |name: &str, app: &str| -> PodDisruptionBudget {
            let selector = json!({"matchLabels": {"app": app}});
            from_value(json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"selector": selector}}))
                .unwrap()
        };
        let cases = [
            (vec![], None),
            (vec![budget("a", "web"), budget("b", "other")], None),
            (
                vec![budget("a", "web"), budget("b", "web")],
                Some(r#"Pod "n"/"p" matches multiple PodDisruptionBudgets.  Chose "a" arbitrarily."#),
            ),
        ];
        for (budgets, expected) in cases {
            let view = View::fixed(Timestamp::UNIX_EPOCH).with(&budgets);
            let pod = json!({"metadata": {"name": "p", "namespace": "n", "labels": {"app": "web"}}});
            let mut outcome = Outcome::done();
            complain(&view, &from_value(pod).unwrap(), &mut outcome);
            let told = outcome.actions().first().map(|action| match &action.operation {
                Operation::Event(_, note) => note.message.clone(),
                other => panic!("{other:?}"),
            });
            assert_eq!(told.as_deref(), expected);
        }
    }
}
