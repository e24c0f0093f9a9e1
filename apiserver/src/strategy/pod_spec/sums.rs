//! Sums what the containers of a pod have together.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;
use steersman_core::Quantity;

use crate::tree::Read;

/// What all containers have of `list`, the requests or the limits, at the most at one time: the sum of those that run
/// together, or what one that starts before them needs beside the sidecars that run by then.
pub(in crate::strategy) fn of_containers(spec: &impl Read, list: &str) -> BTreeMap<String, Quantity> {
    let mut running = BTreeMap::new();
    let mut highest = BTreeMap::new();
    for container in spec.items("initContainers") {
        if container.text("restartPolicy") == "Always" {
            add(&mut running, container, list);
            raise(&mut highest, &running);
        } else {
            let mut beside = running.clone();
            add(&mut beside, container, list);
            raise(&mut highest, &beside);
        }
    }
    spec.items("containers").iter().for_each(|container| add(&mut running, container, list));
    raise(&mut highest, &running);
    highest
}

fn add(sums: &mut BTreeMap<String, Quantity>, container: &Value, list: &str) {
    for (name, quantity) in container.at("resources").entries(list) {
        let Some(quantity) = quantity.as_str().and_then(|text| Quantity::from_str(text).ok()) else {
            continue;
        };
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
    fn containers_ask_for_the_most_that_runs_at_one_time() {
        let container = |cpu: &str, restart: &str| json!({"restartPolicy": restart, "resources": {"requests": {"cpu": cpu}}});
        let spec = json!({
            "initContainers": [container("1", "Always"), container("5", "")],
            "containers": [container("2", ""), container("1500m", "")],
        });
        assert_eq!(of_containers(&spec, "requests")["cpu"].to_string(), "6");
    }
}
