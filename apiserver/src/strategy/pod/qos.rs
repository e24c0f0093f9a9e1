//! The quality of service class of a pod: how its requests compare to its limits.
//!
//! Requests never exceed limits in a valid pod, so the sums over all containers are equal exactly if they are equal
//! container by container.

use std::str::FromStr;

use steersman_core::Quantity;
use steersman_core::tree::Value;

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
        let (requests, limits) = (resources.at("requests"), resources.at("limits"));
        for name in ["cpu", "memory"] {
            let (request, limit) = (amount(requests.at(name)), amount(limits.at(name)));
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
fn amount(quantity: &Value) -> Option<Quantity> {
    Quantity::from_str(quantity.as_str()?).ok().filter(|quantity| !quantity.is_zero())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

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
}
