//! Amounts of resources, by their names: what objects ask for, and what they are limited to.

use std::collections::BTreeMap;

use steersman_core::Quantity;
use steersman_core::tree::{Text, Value};

use crate::tree::Read;

/// Quantities by the name of the resource; upstream's `ResourceList`.
pub(crate) type Amounts = BTreeMap<String, Quantity>;

/// The amounts in a list; they were found valid, and are written as texts.
pub(crate) fn read(list: &Value) -> Amounts {
    let parsed = |(name, amount): (&Text, &Value)| Some((name.to_string(), amount.as_str()?.parse().ok()?));
    list.as_object().into_iter().flatten().filter_map(parsed).collect()
}

/// Adds amounts to others.
pub(crate) fn add(sum: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        match sum.get_mut(name) {
            Some(sum) => *sum += amount,
            None => drop(sum.insert(name.clone(), amount.clone())),
        }
    }
}

/// Raises amounts to others, where those are more.
pub(crate) fn raise(most: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        if most.get(name).is_none_or(|most| most < amount) {
            most.insert(name.clone(), amount.clone());
        }
    }
}

/// What all containers of a pod have as `requests` or `limits` at the most at one time: the sum of those that run
/// together, or what one that starts before them has beside the sidecars that run by then.
pub(crate) fn of_containers(spec: &impl Read, list: &str) -> Amounts {
    let (mut running, mut highest) = (Amounts::new(), Amounts::new());
    for container in spec.items("initContainers") {
        let own = read(container.at("resources").at(list));
        if container.text("restartPolicy") == "Always" {
            add(&mut running, &own);
            raise(&mut highest, &running);
        } else {
            let mut beside = running.clone();
            add(&mut beside, &own);
            raise(&mut highest, &beside);
        }
    }
    for container in spec.items("containers") {
        add(&mut running, &read(container.at("resources").at(list)));
    }
    raise(&mut highest, &running);
    highest
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

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

    #[test]
    fn sidecars_count_beside_the_containers_that_they_run_with() {
        let of = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let mut sidecar = of("100m");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({"containers": [of("200m"), of("300m")], "initContainers": [sidecar, of("1")]});
        assert_eq!(of_containers(&pod, "requests")["cpu"].to_string(), "1100m");
    }
}
