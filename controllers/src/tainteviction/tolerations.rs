//! Says for how long a pod tolerates the taints of its node.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// How long taints are tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerated {
    /// At least one of them is not.
    No,
    /// As long as this, then no longer.
    For(Duration),
    /// For ever.
    Forever,
}

/// Matches each taint with the first toleration that tolerates it; the shortest of their times counts.
pub(super) fn tolerated(taints: &[Taint], tolerations: &[Toleration]) -> Tolerated {
    let mut shortest = Tolerated::Forever;
    for taint in taints {
        let Some(used) = tolerations.iter().find(|one| tolerates(one, taint)) else { return Tolerated::No };
        let Some(seconds) = used.toleration_seconds else { continue };
        let time = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        shortest = match shortest {
            Tolerated::For(shorter) => Tolerated::For(shorter.min(time)),
            _ => Tolerated::For(time),
        };
    }
    shortest
}

/// An empty effect, and an empty key with `Exists`, match all.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let any_or = |wanted: &Option<String>, is: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted == is)
    };
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    any_or(&toleration.effect, &taint.effect)
        && any_or(&toleration.key, &taint.key)
        && match toleration.operator.as_deref().unwrap_or_default() {
            "" | "Equal" => value(&toleration.value) == value(&taint.value),
            "Exists" => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn check(taints: &Value, tolerations: &Value, expected: Tolerated) {
        let (taints, all): (Vec<Taint>, Vec<Toleration>) =
            (from_value(taints.clone()).unwrap(), from_value(tolerations.clone()).unwrap());
        assert_eq!(tolerated(&taints, &all), expected, "{taints:?} {tolerations}");
    }

    #[test]
    fn the_shortest_toleration_that_is_used_counts() {
        let a = json!({"key": "a", "effect": "NoExecute"});
        let b = json!({"key": "b", "value": "x", "effect": "NoExecute"});
        let both = json!([
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "b", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3},
        ]);
        let seconds = |seconds| Tolerated::For(Duration::from_secs(seconds));
        check(&json!([a, b]), &both, seconds(3));
        check(&json!([a]), &both, seconds(300));
        check(&json!([]), &both, Tolerated::Forever);
        check(&json!([a, b]), &json!([{"operator": "Exists"}]), Tolerated::Forever);
        check(&json!([a]), &json!([{"operator": "Exists", "tolerationSeconds": -1}]), seconds(0));
        check(&json!([a, b]), &json!([{"key": "a", "operator": "Exists"}]), Tolerated::No);
    }

    #[test]
    fn values_effects_and_operators_must_match() {
        let taint = json!([{"key": "k", "value": "v", "effect": "NoExecute"}]);
        check(&taint, &json!([{"key": "k", "value": "v"}]), Tolerated::Forever);
        check(&taint, &json!([{"key": "k", "operator": "Equal", "value": "w"}]), Tolerated::No);
        check(&taint, &json!([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}]), Tolerated::No);
        check(&taint, &json!([{"key": "k", "operator": "Gt", "value": "1"}]), Tolerated::No);
    }
}
