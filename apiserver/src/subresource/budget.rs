//! Spends from a pod disruption budget.

use steersman_core::resource::GroupResource;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Result};

use crate::conditions;
use crate::tree::{Fill, Read, fields};

/// At most this many evictions may wait until the disruption controller has seen them.
const MOST_DISRUPTED: usize = 2000;

const VIOLATED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// Whether a pod that is not ready may go without spending: always if the budget says so, else if there are enough
/// ready ones.
pub(super) fn spares_unhealthy(budget: &Value) -> bool {
    let (healthy, desired) = healthy_and_desired(budget);
    budget.at("spec").text("unhealthyPodEvictionPolicy") == "AlwaysAllow" || healthy >= desired && desired > 0
}

/// Spends one disruption on a pod; 429 if there is none to spend.
pub(super) fn spend(budget: &mut Value, pod: &str, now: &str) -> Result<()> {
    check(budget)?;
    let observed = budget.at("status").int("observedGeneration").unwrap_or_default();
    let left = disruptions(budget) - 1;
    let status = fields(budget).object("status");
    status.put("disruptionsAllowed", left);
    if left == 0 {
        let mut condition = json!({
            "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": ""
        });
        if observed != 0 {
            condition["observedGeneration"] = observed.into();
        }
        conditions::set_common(status, condition, now);
    }
    status.object("disruptedPods").put(pod, now);
    Ok(())
}

fn check(budget: &Value) -> Result<()> {
    let (metadata, status) = (budget.at("metadata"), budget.at("status"));
    let name = metadata.text("name");
    let forbidden =
        |why: &str| Err(Error::forbidden(&GroupResource::new("policy", "poddisruptionbudget"), name, why));
    if status.int("observedGeneration").unwrap_or_default() < metadata.int("generation").unwrap_or_default() {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(Error::too_many_requests(VIOLATED, 10).with_cause("DisruptionBudget", "", why));
    }
    if disruptions(budget) < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status.entries("disruptedPods").count() > MOST_DISRUPTED {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if disruptions(budget) == 0 {
        return Err(Error::too_many_requests(VIOLATED, 0).with_cause(
            "DisruptionBudget",
            "",
            used_up(budget),
        ));
    }
    Ok(())
}

/// Why there is nothing to spend.
fn used_up(budget: &Value) -> String {
    let name = budget.at("metadata").text("name");
    let (healthy, desired) = healthy_and_desired(budget);
    let conditions = budget.at("status").items("conditions").iter();
    let refusal = conditions
        .filter(|one| one.text("type") == "DisruptionAllowed" && one.text("status") == "False")
        .find(|one| !one.text("message").is_empty());
    let (reason, message) = refusal.map_or(("", ""), |one| (one.text("reason"), one.text("message")));
    let no = format!("The disruption budget {name} does not allow evicting pods currently");
    if reason == "SyncFailed" {
        format!("{no} because it failed sync: {message}")
    } else if healthy <= desired {
        format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
    } else if refusal.is_some() {
        format!("{no} ({reason}): {message}")
    } else {
        no
    }
}

fn disruptions(budget: &Value) -> i64 {
    budget.at("status").int("disruptionsAllowed").unwrap_or_default()
}

fn healthy_and_desired(budget: &Value) -> (i64, i64) {
    let count = |field: &str| budget.at("status").int(field).unwrap_or_default();
    (count("currentHealthy"), count("desiredHealthy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(allowed: i64, healthy: i64) -> Value {
        json!({
            "metadata": {"name": "b", "generation": 1},
            "status": {
                "observedGeneration": 1, "disruptionsAllowed": allowed,
                "currentHealthy": healthy, "desiredHealthy": 1
            }
        })
    }

    #[test]
    fn a_disruption_is_spent_and_noted() {
        let mut one = budget(1, 2);
        spend(&mut one, "x", "2020-01-01T00:00:00Z").unwrap();
        let status = &one["status"];
        assert_eq!(
            (&status["disruptionsAllowed"], &status["disruptedPods"]),
            (&json!(0), &json!({"x": "2020-01-01T00:00:00Z"}))
        );
        assert_eq!(
            status["conditions"],
            json!([{
                "type": "DisruptionAllowed", "status": "False", "observedGeneration": 1,
                "lastTransitionTime": "2020-01-01T00:00:00Z", "reason": "InsufficientPods", "message": ""
            }])
        );
    }

    #[test]
    fn a_budget_that_is_used_up_says_so() {
        let cases = [
            (budget(0, 2), "The disruption budget b does not allow evicting pods currently"),
            (budget(0, 1), "The disruption budget b needs 1 healthy pods and has 1 currently"),
        ];
        for (mut budget, cause) in cases {
            let error = spend(&mut budget, "x", "").unwrap_err();
            assert_eq!((error.code(), error.message()), (429, VIOLATED));
            assert_eq!(error.causes()[0].message.as_deref(), Some(cause));
        }
    }

    #[test]
    fn a_budget_that_was_just_changed_allows_nothing_yet() {
        let mut changed = budget(1, 2);
        changed["metadata"]["generation"] = json!(2);
        let error = spend(&mut changed, "x", "").unwrap_err();
        let details = error.status().details.as_ref().unwrap();
        assert_eq!(details.retry_after_seconds, Some(10));
        assert_eq!(
            error.causes()[0].message.as_deref(),
            Some("The disruption budget b is still being processed by the server.")
        );
    }

    #[test]
    fn an_unhealthy_pod_goes_if_enough_others_are_healthy() {
        assert!(spares_unhealthy(&budget(0, 1)));
        assert!(!spares_unhealthy(&budget(0, 0)));
        let mut always = budget(0, 0);
        always["spec"] = json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"});
        assert!(spares_unhealthy(&always));
    }
}
