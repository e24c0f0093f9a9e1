//! What the devices of one claim must have in common, or must not.

use k8s_openapi::api::resource::v1::{Device, DeviceConstraint};

use super::selectors::AttributeValue;

/// A constraint, and the values of the devices that were chosen so far.
#[derive(Clone)]
pub(super) struct Constraint {
    requests: Vec<String>,
    attribute: String,
    is_distinct: bool,
    chosen: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bool(bool),
    Int(i64),
    String(String),
    Version(String),
}

impl Constraint {
    /// `None` for a constraint of a kind that is not known.
    pub(super) fn of(constraint: &DeviceConstraint) -> Option<Self> {
        let distinct = constraint.distinct_attribute.as_ref();
        Some(Constraint {
            requests: constraint.requests.clone().unwrap_or_default(),
            attribute: constraint.match_attribute.as_ref().or(distinct)?.clone(),
            is_distinct: constraint.match_attribute.is_none(),
            chosen: Vec::new(),
        })
    }

    /// Whether a request, perhaps as one of its alternatives (`request/alternative`), is meant.
    fn concerns(&self, request: &str) -> bool {
        let parent = request.split('/').next().unwrap_or_default();
        self.requests.is_empty() || self.requests.iter().any(|named| named == request || named == parent)
    }

    /// Takes in a device for a request; `false`, and nothing is taken in, if it does not go with the others. Upstream
    /// remembers one value a request, so that of three devices of one request the first and the last may be alike; here
    /// all are distinct.
    pub(super) fn add(&mut self, request: &str, driver: &str, device: &Device) -> bool {
        if !self.concerns(request) {
            return true;
        }
        let Some(value) = self.value(driver, device) else { return false };
        let is_among = self.chosen.contains(&value);
        if if self.is_distinct { is_among } else { !is_among && !self.chosen.is_empty() } {
            return false;
        }
        self.chosen.push(value);
        true
    }

    /// Gives back the device that was taken in last for a request.
    pub(super) fn remove(&mut self, request: &str) {
        if self.concerns(request) {
            self.chosen.pop();
        }
    }

    /// An attribute without a domain is one of the driver's.
    fn value(&self, driver: &str, device: &Device) -> Option<Value> {
        let attributes = device.attributes.as_ref()?;
        let own = || {
            let (domain, name) = self.attribute.split_once('/')?;
            if domain == driver { attributes.get(name) } else { None }
        };
        let attribute = attributes.get(&self.attribute).or_else(own)?;
        Some(match AttributeValue::of(attribute)? {
            AttributeValue::Bool(value) => Value::Bool(value),
            AttributeValue::Int(value) => Value::Int(value),
            AttributeValue::String(value) => Value::String(value.to_owned()),
            AttributeValue::Version(value) => Value::Version(value.to_owned()),
        })
    }
}
