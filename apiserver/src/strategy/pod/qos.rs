//! The quality of service class of a pod: how its requests compare to its limits.
//!
//! Requests never exceed limits in a valid pod, so the sums over all containers are equal exactly if they are equal
//! container by container.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;
use steersman_core::Quantity;

use crate::tree::Read;

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub(crate) fn class(spec: &Value) -> &'static str {
    let whole = spec.at("resources");
    if whole.has("requests") || whole.has("limits") {
        return class_of(std::iter::once(whole));
    }
    let containers = ["containers", "initContainers"].into_iter().flat_map(|list| spec.items(list));
    class_of(containers.map(|container| container.at("resources")))
}

fn class_of<'a>(resources: impl Iterator<Item = &'a Value>) -> &'static str {
    let (mut any, mut guaranteed) = (false, true);
    for resources in resources {
        for name in ["cpu", "memory"] {
            let (request, limit) = (amount(resources, "requests", name), amount(resources, "limits", name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request == limit;
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// A quantity that is more than nothing.
fn amount(resources: &Value, list: &str, name: &str) -> Option<Quantity> {
    read(resources.at(list).at(name)).filter(|quantity| !quantity.is_zero())
}

fn read(quantity: &Value) -> Option<Quantity> {
    Quantity::from_str(quantity.as_str()?).ok()
}

/// What all containers ask for at the most at one time: the sum of those that run together, or what one that starts
/// before them needs beside the sidecars that run by then.
pub(super) fn container_requests(spec: &impl Read) -> BTreeMap<String, Quantity> {
    let mut running = BTreeMap::new();
    let mut highest = BTreeMap::new();
    for container in spec.items("initContainers") {
        if container.text("restartPolicy") == "Always" {
            add(&mut running, container);
            raise(&mut highest, &running);
        } else {
            let mut beside = running.clone();
            add(&mut beside, container);
            raise(&mut highest, &beside);
        }
    }
    spec.items("containers").iter().for_each(|container| add(&mut running, container));
    raise(&mut highest, &running);
    highest
}

fn add(sums: &mut BTreeMap<String, Quantity>, container: &Value) {
    for (name, quantity) in container.at("resources").entries("requests") {
        let Some(quantity) = read(quantity) else { continue };
        match sums.get_mut(name) {
            Some(sum) => *sum += &quantity,
            None => {
                sums.insert(name.to_owned(), quantity);
            }
        }
    }
}

fn raise(highest: &mut BTreeMap<String, Quantity>, sums: &BTreeMap<String, Quantity>) {
    for (name, sum) in sums {
        if highest.get(name).is_none_or(|high| high < sum) {
            highest.insert(name.clone(), sum.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_from_requests_and_limits() {
        let all = json!({"cpu": "1", "memory": "1Gi"});
        let otherwise = json!({"cpu": "1000m", "memory": "1073741824"});
        let cases = [
            (json!([{}]), "BestEffort"),
            (json!([{"requests": {"cpu": "0"}}]), "BestEffort"),
            (json!([{"requests": {"cpu": "1"}}]), "Burstable"),
            (json!([{"requests": all, "limits": otherwise}]), "Guaranteed"),
            (json!([{"requests": all, "limits": all}, {}]), "Burstable"),
            (json!([{"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}]), "Burstable"),
        ];
        for (containers, class_expected) in cases {
            let containers: Vec<Value> =
                containers.as_array().unwrap().iter().map(|one| json!({"resources": one})).collect();
            assert_eq!(class(&json!({"containers": containers})), class_expected, "{containers:?}");
        }
    }

    #[test]
    fn containers_ask_for_the_most_that_runs_at_one_time() {
        let container = |cpu: &str, restart: &str| json!({"restartPolicy": restart, "resources": {"requests": {"cpu": cpu}}});
        let spec = json!({
            "initContainers": [container("1", "Always"), container("5", "")],
            "containers": [container("2", ""), container("1500m", "")],
        });
        assert_eq!(container_requests(&spec)["cpu"].to_string(), "6");
    }
}
