//! Tables of how many pods a budget expects, sees and lets go.

use steersman_core::tree::{Value, from_value, json};

use super::*;
use crate::runner::Operation;

fn pods(ready: usize, unready: usize) -> Vec<Arc<Pod>> {
    let one = |number: usize| {
        let ready = if number < ready { "True" } else { "False" };
        let name = format!("p{number}");
        json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    };
    (0..ready + unready).map(|number| Arc::new(from_value(one(number)).unwrap())).collect()
}

fn budget(spec: &Value, status: &Value) -> PodDisruptionBudget {
    let metadata = json!({"name": "b", "namespace": "a", "generation": 1});
    from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
}

/// `allowed of expected: healthy now/healthy wanted reason`, as written for a budget over pods.
fn settled(spec: &Value, scale: i32, ready: usize, unready: usize) -> String {
    let (budget, pods) = (budget(spec, &Value::Null), pods(ready, unready));
    let expected = expected(budget.spec.as_ref().unwrap(), pods.len(), scale, Vec::new()).unwrap();
    let status = &written(&budget, &pods, &expected, 0)["status"];
    let condition = &status["conditions"][0];
    format!(
        "{} of {}: {}/{} {}",
        status["disruptionsAllowed"],
        status["expectedPods"],
        status["currentHealthy"],
        status["desiredHealthy"],
        condition["reason"].as_str().unwrap()
    )
}

fn written(budget: &PodDisruptionBudget, pods: &[Arc<Pod>], expected: &Expected, second: i64) -> Value {
    let mut outcome = Outcome::done();
    settle(Timestamp::from_second(second).unwrap(), budget, pods, expected, &mut outcome);
    let update = outcome.actions().iter().find_map(|action| match &action.operation {
        Operation::Update(_, body) => Some(body.clone()),
        _ => None,
    });
    update.unwrap_or_default()
}

/// From the recorded scenarios of the real controller.
#[test]
fn budgets_are_what_upstream_makes_of_them() {
    let cases = [
        (json!({"maxUnavailable": "50%"}), 3, 3, 0, "2 of 3: 3/1 SufficientPods"),
        (json!({"maxUnavailable": "50%"}), 6, 6, 0, "3 of 6: 6/3 SufficientPods"),
        (json!({"maxUnavailable": 0}), 4, 3, 1, "0 of 4: 3/4 InsufficientPods"),
        (json!({"maxUnavailable": 1}), 4, 4, 0, "1 of 4: 4/3 SufficientPods"),
        (json!({"maxUnavailable": 1}), 4, 3, 1, "0 of 4: 3/3 InsufficientPods"),
        (json!({"maxUnavailable": "30%"}), 4, 4, 0, "2 of 4: 4/2 SufficientPods"),
        (json!({"maxUnavailable": 1}), 0, 2, 0, "0 of 0: 2/0 InsufficientPods"),
        (json!({"minAvailable": "50%"}), 6, 6, 0, "3 of 6: 6/3 SufficientPods"),
        (json!({"minAvailable": "50%"}), 0, 0, 0, "0 of 0: 0/0 InsufficientPods"),
        (json!({"minAvailable": 1}), 0, 2, 0, "1 of 2: 2/1 SufficientPods"),
        (json!({"minAvailable": 2}), 0, 1, 1, "0 of 2: 1/2 InsufficientPods"),
        (json!({}), 0, 3, 1, "0 of 0: 3/0 InsufficientPods"),
    ];
    for (spec, scale, ready, unready, expected) in cases {
        assert_eq!(
            settled(&spec, scale, ready, unready),
            expected,
            "{spec} over {ready}+{unready} of {scale}"
        );
    }
}

#[test]
fn what_is_settled_is_not_written_again() {
    let spec = json!({"minAvailable": 1});
    let expected = Expected { count: 2, healthy: 1, unmanaged: Vec::new() };
    let first = written(&budget(&spec, &Value::Null), &pods(2, 0), &expected, 0);
    let settled = budget(&spec, &first["status"]);
    assert_eq!(written(&settled, &pods(2, 0), &expected, 60), Value::Null);
    let changed = written(&settled, &pods(1, 1), &expected, 60);
    assert_eq!(changed["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:01:00Z");
}

#[test]
fn a_granted_eviction_counts_until_its_pod_was_to_be_gone() {
    let granted = json!({
        "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 2,
        "disruptedPods": {"p0": "1970-01-01T00:00:00Z"},
    });
    let budget = budget(&json!({"minAvailable": 1}), &granted);
    let expected = Expected { count: 2, healthy: 1, unmanaged: Vec::new() };
    let soon = written(&budget, &pods(2, 0), &expected, 60);
    assert_eq!(soon["status"]["currentHealthy"], 1);
    assert_eq!(soon["status"]["disruptedPods"], json!({"p0": "1970-01-01T00:00:00Z"}));
    let late = written(&budget, &pods(2, 0), &expected, 180);
    assert_eq!(
        (&late["status"]["currentHealthy"], &late["status"]["disruptedPods"]),
        (&json!(2), &Value::Null)
    );
}

#[test]
fn nothing_is_allowed_while_the_controllers_cannot_be_asked() {
    let why = "daemonsets.apps does not implement the scale subresource";
    let mut outcome = Outcome::done();
    let before = budget(
        &json!({"maxUnavailable": 1}),
        &json!({
            "currentHealthy": 3, "desiredHealthy": 1, "disruptionsAllowed": 2, "expectedPods": 3,
        }),
    );
    fail_safe(Timestamp::UNIX_EPOCH, &before, why, &mut outcome);
    let Operation::Update(_, body) = &outcome.actions()[0].operation else { panic!("{outcome:?}") };
    let condition = &body["status"]["conditions"][0];
    assert_eq!(body["status"]["disruptionsAllowed"], 0);
    assert_eq!((&condition["reason"], &condition["message"]), (&json!("SyncFailed"), &json!(why)));
}

#[test]
fn a_selector_is_printed_as_go_prints_it() {
    let spec = json!({"selector": {"matchLabels": {"app": "web"}}});
    assert_eq!(
        printed_selector(&budget(&spec, &Value::Null)),
        "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}"
    );
}
