//! Services: dependent defaults, rules, and the addresses and ports that they are given.

mod addresses;
mod allocate;
mod cluster_ips;
mod defaults;
mod families;
mod needs;
mod node_ports;
mod pool;
mod ports;
mod prepare;
mod ranges;
#[cfg(test)]
mod tests;
mod validate;
mod warnings;

use std::borrow::Cow;
use std::sync::Arc;

use steersman_core::field::{self, ErrorList};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result, names};

use self::allocate::{Failed, Pools};
use super::{Reservation, Strategy, WriteContext, checks};
use crate::fault;
use crate::tree::{Fill, Read, fields};

pub(super) use addresses::{Reach, special_address};
pub use ranges::ServiceRanges;

/// The strategy of services, with the addresses and ports that they are given from.
pub(super) struct Services {
    pools: Arc<Pools>,
}

impl Services {
    /// A strategy that gives from `ranges`.
    pub(super) fn new(ranges: &ServiceRanges) -> Self {
        Services { pools: Pools::new(ranges) }
    }
}

impl Strategy for Services {
    fn default(&self, object: &mut Value) {
        defaults::default(fields(object));
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        prepare::hide_policy(fields(object).object("spec"));
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let service = fields(object);
        let (spec, old) = (service.object("spec"), old.at("spec"));
        prepare::drop_with_type(spec, old);
        prepare::hide_policy(spec);
        if spec.text("type") != "LoadBalancer" {
            service.object("status").put("loadBalancer", Map::new());
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        validate::validate(object)
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        validate::validate_status(object)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        validate::validate_update(object, old)
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings::warnings(object)
    }

    fn status_warnings(&self, object: &Value) -> Vec<String> {
        checks::balancer_warnings(object)
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        names::dns_label(name, is_prefix)
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }

    fn field<'a>(&self, object: &'a Value, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.at("spec").text(field.trim_start_matches("spec.")))
    }

    fn reserve(&self, object: &mut Value, old: Option<&Value>, cx: &WriteContext<'_>) -> Result<Reservation> {
        let name = object.at("metadata").text("name").to_owned();
        let (service, old) = (fields(object), old.map_or(&Value::Null, |old| old.at("spec")));
        let invalid = |errors: &[field::Error]| {
            Error::invalid(&GroupVersionKind::new("", "v1", "Service"), &name, errors)
        };
        let faults = prepare::complete(service, old, self.pools.ips.family());
        if !faults.is_empty() {
            return Err(invalid(&faults));
        }
        match self.pools.allocate(service.object("spec"), old, cx.dry_run) {
            Ok(taken) => Ok(Reservation::new(move || taken.give_back())),
            Err(Failed::Field(error)) => Err(invalid(&[error])),
            Err(Failed::Repeated(why)) => Err(fault::bare(why)),
            Err(Failed::Addresses(why)) => {
                let why = format!("failed to allocate a serviceIP for Service {name:?}: {why}");
                Err(Error::internal(why))
            }
            Err(Failed::Ports(why)) => Err(Error::internal(why)),
        }
    }

    fn release(&self, old: &Value, new: Option<&Value>) {
        self.pools.release(old.at("spec"), new.map_or(&Value::Null, |new| new.at("spec")));
    }

    fn restore(&self, object: &Value) {
        self.pools.restore(object.at("spec"));
    }
}
