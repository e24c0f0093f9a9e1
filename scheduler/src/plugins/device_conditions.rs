//! Whether the devices of a claim can be used already: drivers may have to prepare them for the node first.
//!
//! KEP-5007, binding conditions.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::resource::v1::{AllocatedDeviceStatus, DeviceRequestAllocationResult, ResourceClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use steersman_core::field;

use super::claims;

/// Whether all conditions of a claim's devices are met; an error if preparing one of them failed.
pub(super) fn is_ready(claim: &ResourceClaim) -> Result<bool, String> {
    for result in waiting(claim) {
        let Some(status) = status(claim, result) else { return Ok(false) };
        let is_true = |kind: &String| is_true(status, kind);
        if let Some(failed) = result.binding_failure_conditions.iter().flatten().find_map(is_true) {
            let name = claim.metadata.name.as_deref().unwrap_or_default();
            let message = field::quote(&failed.message);
            return Err(format!(
                "device binding failed: claim={name}, reason={}, message={message}",
                failed.reason
            ));
        }
        if !result.binding_conditions.iter().flatten().all(|kind| is_true(kind).is_some()) {
            return Ok(false);
        }
    }
    Ok(claims::allocation(claim).is_some())
}

/// Whether a claim has devices that have to be prepared.
pub(super) fn has_any(claim: &ResourceClaim) -> bool {
    waiting(claim).next().is_some()
}

/// Whether the devices of a claim were to be prepared before now.
pub(super) fn is_late(claim: &ResourceClaim, limit: Duration, now: Timestamp) -> bool {
    let since = claims::allocation(claim).and_then(|allocation| allocation.allocation_timestamp.as_ref());
    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    let until = since.and_then(|since| since.0.checked_add(limit).ok());
    until.is_some_and(|until| until < now) && has_any(claim)
}

/// Whether a claim that has devices should give them back: they could not be prepared, or not in time.
pub(super) fn is_lost(claim: &ResourceClaim, limit: Duration, now: Option<Timestamp>) -> bool {
    claims::allocation(claim).is_some()
        && match is_ready(claim) {
            Ok(ready) => !ready && now.is_some_and(|now| is_late(claim, limit, now)),
            Err(_) => true,
        }
}

/// The devices that have to be prepared.
fn waiting(claim: &ResourceClaim) -> impl Iterator<Item = &DeviceRequestAllocationResult> {
    let devices = claims::allocation(claim).and_then(|allocation| allocation.devices.as_ref());
    let results = devices.and_then(|devices| devices.results.as_ref()).into_iter().flatten();
    results.filter(|result| result.binding_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()))
}

/// What the driver says of a device.
fn status<'a>(
    claim: &'a ResourceClaim,
    result: &DeviceRequestAllocationResult,
) -> Option<&'a AllocatedDeviceStatus> {
    let mut devices = claim.status.as_ref()?.devices.iter().flatten();
    devices.find(|device| {
        (&device.driver, &device.pool, &device.device) == (&result.driver, &result.pool, &result.device)
    })
}

fn is_true<'a>(status: &'a AllocatedDeviceStatus, kind: &str) -> Option<&'a Condition> {
    let found = status.conditions.iter().flatten().find(|condition| condition.type_ == kind)?;
    (found.status == "True").then_some(found)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(600);

    fn claim(conditions: Value) -> ResourceClaim {
        let device = json!({"driver": "d", "pool": "p", "device": "g"});
        let mut result = device.clone();
        result["request"] = json!("r");
        result["bindingConditions"] = json!(["attached", "powered"]);
        result["bindingFailureConditions"] = json!(["broken"]);
        let plain = json!({"driver": "d", "pool": "p", "device": "plain", "request": "r"});
        let mut status = device;
        status["conditions"] = conditions;
        steersman_core::tree::from_value(json!({
            "metadata": {"name": "c"}, "spec": {},
            "status": {
                "allocation": {
                    "allocationTimestamp": "2026-01-01T00:00:00Z",
                    "devices": {"results": [plain, result]},
                },
                "devices": if status["conditions"].is_null() { json!([]) } else { json!([status]) },
            },
        }))
        .unwrap()
    }

    #[test]
    fn devices_are_ready_once_all_conditions_are_met_and_lost_if_one_fails_or_it_is_too_late() {
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind, "status": status, "reason": "Why", "message": "a \"cable\"",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        };
        let failed = "device binding failed: claim=c, reason=Why, message=\"a \\\"cable\\\"\"";
        let cases = [
            (json!(null), Ok(false)),
            (json!([condition("attached", "True")]), Ok(false)),
            (json!([condition("attached", "True"), condition("powered", "False")]), Ok(false)),
            (json!([condition("attached", "True"), condition("powered", "True")]), Ok(true)),
            (json!([condition("attached", "True"), condition("broken", "False")]), Ok(false)),
            (json!([condition("broken", "True")]), Err(failed.to_owned())),
        ];
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        for (conditions, ready) in cases {
            let claim = claim(conditions);
            assert_eq!(is_ready(&claim), ready);
            assert_eq!(is_lost(&claim, LIMIT, None), ready.is_err());
            assert_eq!(is_lost(&claim, LIMIT, at("2026-01-01T00:10:00Z")), ready.is_err());
            assert_eq!(is_lost(&claim, LIMIT, at("2026-01-01T00:10:01Z")), ready != Ok(true));
        }
    }

    #[test]
    fn a_claim_without_such_devices_is_never_late() {
        let mut claim = claim(json!(null));
        let allocation = claim.status.as_mut().unwrap().allocation.as_mut().unwrap();
        allocation.devices.as_mut().unwrap().results.as_mut().unwrap().pop();
        assert_eq!((is_ready(&claim), has_any(&claim)), (Ok(true), false));
        assert!(!is_lost(&claim, LIMIT, Some(Timestamp::MAX)));
        claim.status = None;
        assert_eq!((is_ready(&claim), is_lost(&claim, LIMIT, Some(Timestamp::MAX))), (Ok(false), false));
    }
}
