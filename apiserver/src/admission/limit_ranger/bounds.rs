//! What of a pod or a claim is beyond the limits of its namespace, in upstream's words.

use std::collections::BTreeMap;

use serde_json::Value;
use steersman_core::Quantity;

use crate::tree::Read;

/// Quantities by the name of the resource.
type Amounts = BTreeMap<String, Quantity>;

/// A value up to which thousandths are compared, rather than wholes.
const EXACT: i64 = i64::MAX / 1000;

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
                let of = |key: &str| total(pod, key);
                Asked { kind, requests: of("requests"), limits: of("limits") }.check(limit, &mut faults);
            }
            _ => {}
        }
    }
    faults
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

fn amounts(resources: &Value) -> Amounts {
    let parsed = |(name, amount): (&str, &Value)| {
        // Quantities were found valid, and are written as texts.
        Some((name.to_owned(), amount.as_str()?.parse().ok()?))
    };
    let entries = resources.as_object().into_iter().flatten();
    entries.map(|(name, amount)| (name.as_str(), amount)).filter_map(parsed).collect()
}

/// What all containers of a pod ask for: those that run together in sum, or the largest that runs before them.
fn total(pod: &Value, key: &str) -> Amounts {
    let mut sum = Amounts::new();
    for container in pod.items("containers") {
        add(&mut sum, &amounts(container.at("resources").at(key)));
    }
    let (mut sidecars, mut largest) = (Amounts::new(), Amounts::new());
    for container in pod.items("initContainers") {
        let mut own = amounts(container.at("resources").at(key));
        if container.text("restartPolicy") == "Always" {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            own = sidecars.clone();
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut largest, own);
    }
    raise(&mut sum, largest);
    sum
}

fn add(sum: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        match sum.get_mut(name) {
            Some(sum) => *sum += amount,
            None => drop(sum.insert(name.clone(), amount.clone())),
        }
    }
}

fn raise(most: &mut Amounts, amounts: Amounts) {
    for (name, amount) in amounts {
        match most.get_mut(&name) {
            Some(most) if *most >= amount => {}
            _ => drop(most.insert(name, amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn sidecars_count_beside_the_containers_that_they_run_with() {
        let of = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let mut sidecar = of("100m");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({"containers": [of("200m"), of("300m")], "initContainers": [sidecar, of("1")]});
        assert_eq!(total(&pod, "requests")["cpu"].to_string(), "1100m");
    }
}
