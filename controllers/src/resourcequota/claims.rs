//! What claims of volumes and of devices use of the resources that quotas count.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use steersman_core::Quantity;
use steersman_core::quantity::Format;
use steersman_core::tree::Value;

use super::amounts::{self, Amounts, count};

/// Behind the name of a storage class in the name of a resource that is counted by class.
const BY_STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// The same of a class of devices.
const BY_DEVICE_CLASS: &str = ".deviceclass.resource.k8s.io/devices";

const DEVICE_CLAIMS: &str = "count/resourceclaims.resource.k8s.io";

/// Where a claim's class was named before there was a field for it.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The most devices of one claim; what a request for all of them counts as.
const MOST_DEVICES: i64 = 32;

/// Whether claims of volumes use what a quota calls so.
pub(super) fn counts(name: &str) -> bool {
    let by_class = name.split_once(BY_STORAGE_CLASS).map(|(_, rest)| rest);
    name == "count/persistentvolumeclaims"
        || matches!(by_class.unwrap_or(name), "persistentvolumeclaims" | "requests.storage")
}

/// Whether claims of devices use what a quota calls so.
pub(super) fn counts_devices(name: &str) -> bool {
    name == DEVICE_CLAIMS || name.ends_with(BY_DEVICE_CLASS)
}

/// What a claim of a volume uses, of everything and of its class.
pub(super) fn usage(claim: &PersistentVolumeClaim) -> Amounts {
    let (spec, status) = (claim.spec.clone().unwrap_or_default(), claim.status.clone().unwrap_or_default());
    let older = claim.metadata.annotations.as_ref().and_then(|annotations| annotations.get(CLASS).cloned());
    let class = older.or(spec.storage_class_name).unwrap_or_default();
    let mut used = Amounts::from([("count/persistentvolumeclaims".to_owned(), count(1))]);
    let mut put = |name: &str, amount: Quantity| {
        if !class.is_empty() {
            used.insert(format!("{class}{BY_STORAGE_CLASS}{name}"), amount.clone());
        }
        used.insert(name.to_owned(), amount);
    };
    put("persistentvolumeclaims", count(1));
    let asked = spec.resources.and_then(|resources| resources.requests);
    if let Some(asked) = amounts::read(asked.as_ref()).remove("storage") {
        let given = amounts::read(status.allocated_resources.as_ref()).remove("storage");
        put("requests.storage", whole(given.filter(|given| *given > asked).unwrap_or(asked)));
    }
    used
}

/// Bytes have no parts.
fn whole(amount: Quantity) -> Quantity {
    if amount.is_whole() { amount } else { Quantity::new(amount.value(), amount.format()) }
}

/// What a claim of devices uses. Of alternatives, the most of each class that any of them may take.
pub(super) fn device_usage(claim: &Value) -> Amounts {
    let mut used = Amounts::from([(DEVICE_CLAIMS.to_owned(), count(1))]);
    for request in claim["spec"]["devices"]["requests"].as_array().into_iter().flatten() {
        let exact = request.get("exactly").into_iter();
        let alternatives = request["firstAvailable"].as_array().into_iter().flatten();
        let mut most = Amounts::new();
        for asked in exact.chain(alternatives) {
            let devices = match asked["allocationMode"].as_str() {
                Some("All") => MOST_DEVICES,
                _ => asked["count"].as_i64().unwrap_or(1),
            };
            let name = format!("{}{BY_DEVICE_CLASS}", asked["deviceClassName"].as_str().unwrap_or_default());
            amounts::raise(&mut most, &Amounts::from([(name, Quantity::new(devices, Format::DecimalSI))]));
        }
        amounts::add(&mut used, &most);
    }
    used
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{from_value, json};

    use super::*;

    fn shown(amounts: &Amounts) -> String {
        amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn claims_use_whole_bytes_of_their_class() {
        let claim = json!({"metadata": {}, "spec": {
            "storageClassName": "gold", "resources": {"requests": {"storage": "1500m"}}
        }});
        assert_eq!(
            shown(&usage(&from_value(claim).unwrap())),
            "count/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/persistentvolumeclaims=1 \
             gold.storageclass.storage.k8s.io/requests.storage=2 persistentvolumeclaims=1 requests.storage=2"
        );
        assert!(counts("gold.storageclass.storage.k8s.io/requests.storage") && !counts("pods"));
    }

    #[test]
    fn what_a_claim_was_given_counts_where_that_is_more() {
        let claim = |given: &str| {
            json!({
                "metadata": {}, "spec": {"resources": {"requests": {"storage": "1Gi"}}},
                "status": {"allocatedResources": {"storage": given}}
            })
        };
        for (given, used) in [("2Gi", "2Gi"), ("512Mi", "1Gi")] {
            let amounts = usage(&from_value(claim(given)).unwrap());
            assert_eq!(amounts["requests.storage"].to_string(), used, "{given}");
        }
    }

    #[test]
    fn devices_are_counted_by_class_and_alternatives_at_their_most() {
        let claim = json!({"spec": {"devices": {"requests": [
            {"exactly": {"deviceClassName": "a", "allocationMode": "ExactCount", "count": 2}},
            {"firstAvailable": [
                {"deviceClassName": "a", "allocationMode": "ExactCount", "count": 1},
                {"deviceClassName": "a", "allocationMode": "ExactCount", "count": 4},
                {"deviceClassName": "b", "allocationMode": "All"}
            ]}
        ]}}});
        assert_eq!(
            shown(&device_usage(&claim)),
            "a.deviceclass.resource.k8s.io/devices=6 b.deviceclass.resource.k8s.io/devices=32 \
             count/resourceclaims.resource.k8s.io=1"
        );
        assert!(counts_devices("a.deviceclass.resource.k8s.io/devices") && !counts_devices("requests.a"));
    }
}
