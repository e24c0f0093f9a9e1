//! How much a request takes of a device that several may have at once, and whether so much is left.
//!
//! KEP-5075, consumable capacity.

use std::collections::BTreeMap;

use k8s_openapi::api::resource::v1::{
    CapacityRequestPolicy, CapacityRequestPolicyRange, CapacityRequirements, Device, DeviceCapacity,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use steersman_core::quantity::{Format, Quantity};

/// Amounts of a device, by the names of its capacities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Share(BTreeMap<String, Quantity>);

impl Share {
    /// What a request takes of each capacity of a device.
    pub(super) fn of(request: Option<&CapacityRequirements>, device: &Device) -> Self {
        let taken = |(name, capacity): (&String, &DeviceCapacity)| {
            (name.clone(), consumed(asked(request, name).as_ref(), capacity))
        };
        Share(device.capacity.iter().flatten().map(taken).collect())
    }

    /// What stands in the status of a claim.
    pub(super) fn written(consumed: &BTreeMap<String, ApiQuantity>) -> Self {
        Share(consumed.iter().map(|(name, amount)| (name.clone(), parsed(amount))).collect())
    }

    /// As it is written into the status of a claim; `None` if there is nothing to write.
    pub(super) fn to_write(&self) -> Option<BTreeMap<String, ApiQuantity>> {
        let written = |(name, amount): (&String, &Quantity)| (name.clone(), ApiQuantity::from(amount));
        (!self.0.is_empty()).then(|| self.0.iter().map(written).collect())
    }

    /// One more share is taken.
    pub(super) fn add(&mut self, other: &Share) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    /// A share is given back.
    pub(super) fn subtract(&mut self, other: &Share) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() -= amount;
        }
    }

    fn get(&self, name: &str) -> Quantity {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

/// Whether a device has what a request asks for beside the shares that are taken. What a request takes may be more than
/// it asks for; a device that does not know a capacity that is asked for has none of it.
pub(super) fn suffices(request: Option<&CapacityRequirements>, device: &Device, taken: &[&Share]) -> bool {
    let empty = BTreeMap::new();
    let capacities = device.capacity.as_ref().unwrap_or(&empty);
    let mut names = request.iter().flat_map(|request| request.requests.iter().flatten().map(|(name, _)| name));
    names.all(|name| capacities.contains_key(name))
        && capacities.iter().all(|(name, capacity)| {
            let ours = consumed(asked(request, name).as_ref(), capacity);
            let together = taken.iter().fold(ours.clone(), |sum, share| sum + share.get(name));
            obeys(&ours, capacity.request_policy.as_ref()) && together <= parsed(&capacity.value)
        })
}

fn asked(request: Option<&CapacityRequirements>, name: &str) -> Option<Quantity> {
    request?.requests.as_ref()?.get(name).map(parsed)
}

/// What is taken if so much is asked for: as the policy rounds it up. Where nothing is asked for it is the policy's
/// default, or else all there is.
fn consumed(asked: Option<&Quantity>, capacity: &DeviceCapacity) -> Quantity {
    let policy = capacity.request_policy.as_ref();
    let Some(asked) = asked else {
        return parsed(policy.and_then(|policy| policy.default.as_ref()).unwrap_or(&capacity.value));
    };
    let Some(policy) = policy else { return asked.clone() };
    match (&policy.valid_range, &policy.valid_values) {
        (Some(range), _) => rounded(asked, range),
        (None, Some(values)) => {
            let enough = values.iter().map(parsed).find(|value| asked <= value);
            enough.unwrap_or_else(|| asked.clone())
        }
        (None, None) => asked.clone(),
    }
}

/// At least the least, and so many steps above it.
fn rounded(asked: &Quantity, range: &CapacityRequestPolicyRange) -> Quantity {
    let least = parsed(&range.min);
    if *asked < least {
        return least;
    }
    let Some(step) = step(range) else { return asked.clone() };
    let above = i128::from(asked.value()) - i128::from(least.value());
    let steps = above / step + i128::from(above % step != 0);
    let value = i128::from(least.value()) + steps * step;
    Quantity::new(i64::try_from(value).unwrap_or(i64::MAX), Format::BinarySI)
}

/// A step that leads nowhere is none; the API server does not let such pass.
fn step(range: &CapacityRequestPolicyRange) -> Option<i128> {
    let step = range.step.as_ref().map(|step| i128::from(parsed(step).value()));
    step.filter(|step| *step > 0)
}

/// Whether a policy lets so much be taken.
fn obeys(amount: &Quantity, policy: Option<&CapacityRequestPolicy>) -> bool {
    let Some(policy) = policy else { return true };
    if policy.default.as_ref().is_some_and(|default| parsed(default) == *amount) {
        return true;
    }
    match (&policy.valid_range, &policy.valid_values) {
        (Some(range), _) => {
            let above = || i128::from(amount.value()) - i128::from(parsed(&range.min).value());
            range.max.as_ref().is_none_or(|most| *amount <= parsed(most))
                && step(range).is_none_or(|step| above() % step == 0)
        }
        (None, Some(values)) if !values.is_empty() => values.iter().any(|value| parsed(value) == *amount),
        (None, _) => true,
    }
}

/// What is no quantity is nothing; the API server does not let such pass.
fn parsed(amount: &ApiQuantity) -> Quantity {
    amount.0.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn device(policy: Value) -> Device {
        let capacity = json!({"memory": {"value": "16Gi", "requestPolicy": policy}});
        steersman_core::tree::from_value(json!({"name": "d", "capacity": capacity})).unwrap()
    }

    fn asking(amount: Option<&str>) -> Option<CapacityRequirements> {
        amount.map(|amount| steersman_core::tree::from_value(json!({"requests": {"memory": amount}})).unwrap())
    }

    #[test]
    fn a_policy_says_how_much_is_taken_and_refuses_the_rest() {
        let values = json!({"default": "1Gi", "validValues": ["1Gi", "4Gi", "8Gi"]});
        let range = json!({"default": "2Gi", "validRange": {"min": "1Gi", "max": "6Gi", "step": "2Gi"}});
        let open = json!({"default": "2Gi", "validRange": {"min": "1Gi"}});
        let cases = [
            // No policy: what is asked for, or everything.
            (json!(null), None, "16Gi", true),
            (json!(null), Some("3Gi"), "3Gi", true),
            (json!(null), Some("17Gi"), "17Gi", false),
            // The next of the valid values.
            (values.clone(), None, "1Gi", true),
            (values.clone(), Some("2Gi"), "4Gi", true),
            (values.clone(), Some("8Gi"), "8Gi", true),
            (values, Some("9Gi"), "9Gi", false),
            // Steps from the least on; the default need not be one of them.
            (range.clone(), None, "2Gi", true),
            (range.clone(), Some("512Mi"), "1Gi", true),
            (range.clone(), Some("2Gi"), "3Gi", true),
            (range.clone(), Some("5Gi"), "5Gi", true),
            (range, Some("5500Mi"), "7Gi", false),
            (open.clone(), Some("1500Mi"), "1500Mi", true),
            (open, Some("16Gi"), "16Gi", true),
        ];
        for (policy, amount, taken, fits) in cases {
            let (device, request) = (device(policy.clone()), asking(amount));
            let share = Share::of(request.as_ref(), &device).to_write().unwrap_or_default();
            assert_eq!(share["memory"].0, taken, "{policy} {amount:?}");
            assert_eq!(suffices(request.as_ref(), &device, &[]), fits, "{policy} {amount:?}");
        }
    }

    #[test]
    fn shares_are_had_as_long_as_they_are_left() {
        let (device, request) = (device(json!(null)), asking(Some("6Gi")));
        let mut taken = Share::of(request.as_ref(), &device);
        assert!(suffices(request.as_ref(), &device, &[&taken]));
        assert!(!suffices(request.as_ref(), &device, &[&taken, &taken]));
        taken.add(&taken.clone());
        assert!(!suffices(request.as_ref(), &device, &[&taken]));
        taken.subtract(&Share::of(request.as_ref(), &device));
        assert!(suffices(request.as_ref(), &device, &[&taken]));
    }

    #[test]
    fn a_capacity_that_a_device_does_not_have_is_not_to_be_had() {
        let request = steersman_core::tree::from_value(json!({"requests": {"cores": "1"}})).unwrap();
        assert!(!suffices(Some(&request), &device(json!(null)), &[]));
        assert!(!suffices(Some(&request), &Device::default(), &[]));
        assert!(suffices(None, &Device::default(), &[]));
    }
}
