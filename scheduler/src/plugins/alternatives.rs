//! Ranks nodes by which of the alternatives that claims name their requests get there.
//!
//! KEP-4816, prioritized alternatives.

use std::collections::BTreeSet;

use k8s_openapi::api::resource::v1::{AllocationResult, DeviceRequest, ResourceClaim};

use crate::devices::spec;
use super::wanted_devices::Wanted;
use crate::snapshot::NodeView;

/// What the first of the alternatives counts, each later one being worth one less; upstream's limit of their number.
const FIRST: i64 = 8;

/// Whether nodes may differ in what alternatives the claims of a pod get there.
pub(super) fn matter(wanted: &Wanted) -> bool {
    wanted.plans.iter().any(|plan| requests(&plan.claim).any(|request| request.first_available.is_some()))
}

/// What the alternatives count that the claims of a pod get on a node, or have already.
pub(super) fn score(wanted: &Wanted, node: NodeView<'_>) -> i64 {
    let Ok(found) = wanted.on(node) else { return 0 };
    let got = wanted.plans.iter().map(|plan| &plan.claim).zip(&found.allocations);
    let have = wanted.allocated.iter().map(|(claim, allocation)| (claim, allocation));
    got.chain(have).map(|(claim, allocation)| of_claim(claim, allocation)).sum()
}

fn of_claim(claim: &ResourceClaim, allocation: &AllocationResult) -> i64 {
    let devices = allocation.devices.iter().flat_map(|devices| devices.results.iter().flatten());
    let got: BTreeSet<&str> = devices.map(|result| result.request.as_str()).collect();
    let of_request = |request: &DeviceRequest| -> i64 {
        let alternatives = request.first_available.iter().flatten().zip(0..);
        let is_got = |name: &str| got.contains(format!("{}/{name}", request.name).as_str());
        alternatives.filter(|(one, _)| is_got(&one.name)).map(|(_, place)| FIRST - place).sum()
    };
    requests(claim).map(of_request).sum()
}

fn requests(claim: &ResourceClaim) -> impl Iterator<Item = &DeviceRequest> {
    let devices = spec::of_claim(claim);
    devices.and_then(|devices| devices.requests.as_ref()).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn an_earlier_alternative_counts_more() {
        let alternative = |name: &str| json!({"name": name, "deviceClassName": "class"});
        let either = |name: &str| json!({"name": name, "firstAvailable": [alternative("x"), alternative("y")]});
        let exact = json!({"name": "e", "exactly": {"deviceClassName": "class"}});
        let requests = json!([either("a"), exact, either("b")]);
        let claim = steersman_core::tree::from_value(json!({"metadata": {}, "spec": {"devices": {"requests": requests}}})).unwrap();
        let cases = [(["a/x", "e", "b/x"], 16), (["a/x", "e", "b/y"], 15), (["a/y", "e", "b/y"], 14), (["a/y", "a/y", "e"], 7)];
        for (got, score) in cases {
            let result = |request: &str| json!({"request": request, "driver": "d", "pool": "p", "device": "g"});
            let results: Vec<_> = got.into_iter().map(result).collect();
            let allocation = steersman_core::tree::from_value(json!({"devices": {"results": results}})).unwrap();
            assert_eq!(of_claim(&claim, &allocation), score, "{got:?}");
        }
    }
}
