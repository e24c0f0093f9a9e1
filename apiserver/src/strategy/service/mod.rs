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

use steersman_core::field::ErrorList;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result, names};

use self::allocate::{Failed, Pools};
use super::{Reservation, Strategy, WriteContext, checks};
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
        let spec = fields(object).object("spec");
        prepare::sync_cluster_ips(spec, &Value::Null);
        prepare::default_families(spec, &Value::Null, self.pools.ips.family());
        prepare::hide_policy(spec);
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let service = fields(object);
        let (spec, old) = (service.object("spec"), old.at("spec"));
        prepare::keep_given(spec, old);
        prepare::sync_cluster_ips(spec, old);
        prepare::default_families(spec, old, self.pools.ips.family());
        prepare::drop_with_type(spec, old);
        prepare::hide_policy(spec);
        if spec.text("type") != "LoadBalancer" {
            service.object("status").put("loadBalancer", Map::new());
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        validate::validate(object, self.pools.ips.family())
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        validate::validate_status(object)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        validate::validate_update(object, old, self.pools.ips.family())
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

    fn reserve(
        &self,
        object: &mut Value,
        old: Option<&Value>,
        _cx: &WriteContext<'_>,
    ) -> Result<Reservation> {
        let name = object.at("metadata").text("name").to_owned();
        let old = old.map_or(&Value::Null, |old| old.at("spec"));
        match self.pools.allocate(fields(object).object("spec"), old) {
            Ok(taken) => Ok(Reservation::new(move || taken.give_back())),
            Err(Failed::Field(error)) => {
                Err(Error::invalid(&GroupVersionKind::new("", "v1", "Service"), &name, &[error]))
            }
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
