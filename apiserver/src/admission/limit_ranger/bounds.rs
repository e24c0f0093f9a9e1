//! What of a pod or a claim is beyond the limits of its namespace, in upstream's words.

use steersman_core::Quantity;
use steersman_core::tree::Value;

use crate::amounts::{Amounts, of_containers, read as amounts};
use crate::tree::Read;

/// A value up to which thousandths are compared, rather than wholes.
const EXACT: i64 = i64::MAX / 1000;

/// What counts that a pod says of itself, rather than its containers.
const OF_PODS: [&str; 2] = ["cpu", "memory"];

/// What is compared with a limit.
struct Asked<'a> {
    /// The type of the limit: `Container`, `Pod`, `PersistentVolumeClaim`.
    kind: &'a str,
    requests: Amounts,
    limits: Amounts,
}

/// What of a pod's spec is beyond the limits of a range's spec.
pub(super) fn of_pod(pod: &Value, range: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for limit in range.items("limits") {
        let kind = limit.text("type");
        match kind {
            "Container" => {
                for container in pod.items("containers").iter().chain(pod.items("initContainers")) {
                    let of = |key: &str| amounts(container.at("resources").at(key));
                    Asked { kind, requests: of("requests"), limits: of("limits") }.check(limit, &mut faults);
                }
            }
            "Pod" => {
                let of = |key: &str| of_whole(pod, key);
                Asked { kind, requests: of("requests"), limits: of("limits") }.check(limit, &mut faults);
            }
            _ => {}
        }
    }
    faults
}

/// What the containers of a pod ask for together, unless the pod itself says it.
fn of_whole(pod: &Value, key: &str) -> Amounts {
    let mut amounts_of_pod = of_containers(pod, key);
    let own = amounts(pod.at("resources").at(key));
    amounts_of_pod.extend(own.into_iter().filter(|(name, _)| OF_PODS.contains(&name.as_str())));
    amounts_of_pod
}

/// What of a claim's spec is beyond the limits of a range's spec.
pub(super) fn of_claim(claim: &Value, range: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let requests = amounts(claim.at("resources").at("requests"));
    for limit in range.items("limits").iter().filter(|limit| limit.text("type") == "PersistentVolumeClaim") {
        let kind = limit.text("type");
        let asked = Asked { kind, requests: requests.clone(), limits: Amounts::new() };
        for (name, least) in amounts(limit.at("min")) {
            faults.extend(asked.minimum(&name, &least));
        }
        for (name, most) in amounts(limit.at("max")) {
            faults.extend(asked.maximum_request(&name, &most));
        }
    }
    faults
}

impl Asked<'_> {
    fn check(&self, limit: &Value, faults: &mut Vec<String>) {
        for (name, least) in amounts(limit.at("min")) {
            faults.extend(self.minimum(&name, &least));
        }
        for (name, most) in amounts(limit.at("max")) {
            faults.extend(self.maximum(&name, &most));
        }
        for (name, ratio) in amounts(limit.at("maxLimitRequestRatio")) {
            faults.extend(self.ratio(&name, &ratio));
        }
    }

    fn minimum(&self, name: &str, least: &Quantity) -> Option<String> {
        let head = format!("minimum {name} usage per {} is {least}", self.kind);
        let Some(request) = self.requests.get(name) else {
            return Some(format!("{head}.  No request is specified"));
        };
        if request < least {
            return Some(format!("{head}, but request is {request}"));
        }
        let limit = self.limits.get(name).filter(|limit| *limit < least)?;
        Some(format!("{head}, but limit is {limit}"))
    }

    fn maximum(&self, name: &str, most: &Quantity) -> Option<String> {
        let head = format!("maximum {name} usage per {} is {most}", self.kind);
        let Some(limit) = self.limits.get(name) else {
            return Some(format!("{head}.  No limit is specified"));
        };
        if limit > most {
            return Some(format!("{head}, but limit is {limit}"));
        }
        let request = self.requests.get(name).filter(|request| *request > most)?;
        Some(format!("{head}, but request is {request}"))
    }

    fn maximum_request(&self, name: &str, most: &Quantity) -> Option<String> {
        let head = format!("maximum {name} usage per {} is {most}", self.kind);
        let Some(request) = self.requests.get(name) else {
            return Some(format!("{head}.  No request is specified"));
        };
        (request > most).then(|| format!("{head}, but request is {request}"))
    }

    #[expect(clippy::cast_precision_loss, reason = "the ratio is told as a floating-point number")]
    fn ratio(&self, name: &str, most: &Quantity) -> Option<String> {
        let head = format!("{name} max limit to request ratio per {} is {most}", self.kind);
        let given = |amounts: &Amounts| amounts.get(name).filter(|amount| !amount.is_zero()).cloned();
        let Some(request) = given(&self.requests) else {
            return Some(format!("{head}, but no request is specified or request is 0"));
        };
        let Some(limit) = given(&self.limits) else {
            return Some(format!("{head}, but no limit is specified or limit is 0"));
        };
        let exact = [&request, &limit, most].iter().all(|amount| amount.value() <= EXACT);
        let of = |amount: &Quantity| if exact { amount.milli_value() } else { amount.value() } as f64;
        let ratio = of(&limit) / of(&request);
        let allowed = if exact { of(most) / 1000.0 } else { of(most) };
        (ratio > allowed).then(|| format!("{head}, but provided ratio is {ratio:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn what_is_beyond_a_limit_is_told() {
        let container =
            |requests: Value, limits: Value| json!({"resources": {"requests": requests, "limits": limits}});
        let pod = |container: Value| json!({"containers": [container]});
        let range = |limit: Value| json!({"limits": [limit]});
        let cases = [
            (
                json!({"type": "Container", "min": {"cpu": "100m"}}),
                json!({}),
                json!({}),
                "minimum cpu usage per Container is 100m.  No request is specified",
            ),
            (
                json!({"type": "Container", "max": {"cpu": "1"}}),
                json!({}),
                json!({"cpu": "2"}),
                "maximum cpu usage per Container is 1, but limit is 2",
            ),
            (
                json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"cpu": "100m"}),
                json!({"cpu": "1"}),
                "cpu max limit to request ratio per Pod is 2, but provided ratio is 10.000000",
            ),
            (json!({"type": "Pod", "max": {"cpu": "1"}}), json!({"cpu": "1"}), json!({"cpu": "1"}), ""),
        ];
        for (limit, requests, limits, told) in cases {
            assert_eq!(of_pod(&pod(container(requests, limits)), &range(limit)).join(", "), told);
        }
    }

    #[test]
    fn what_a_pod_says_of_itself_counts_before_what_its_containers_say() {
        let range = |most: Value| json!({"limits": [{"type": "Pod", "max": most}]});
        let pod = json!({
            "containers": [{"resources": {"limits": {"cpu": "1", "example.com/gpu": "1"}}}],
            "resources": {"limits": {"cpu": "3", "example.com/gpu": "3"}},
        });
        let cases = [
            (json!({"cpu": "2"}), "maximum cpu usage per Pod is 2, but limit is 3"),
            (json!({"example.com/gpu": "2"}), ""),
            (json!({"memory": "1Gi"}), "maximum memory usage per Pod is 1Gi.  No limit is specified"),
        ];
        for (most, told) in cases {
            assert_eq!(of_pod(&pod, &range(most)).join(", "), told);
        }
    }
}
