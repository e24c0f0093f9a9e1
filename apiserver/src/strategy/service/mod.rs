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

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::resource::GroupVersionKind;
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
        prepare::default_families(spec, self.pools.ips.family());
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let spec = fields(object).object("spec");
        let old = old.at("spec");
        prepare::sync_cluster_ips(spec, old);
        prepare::keep_given(spec, old);
        prepare::drop_with_type(spec, old);
        prepare::default_families(spec, self.pools.ips.family());
    }

    fn validate(&self, object: &Value) -> ErrorList {
        validate::validate(object, &Value::Null, self.pools.ips.family())
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, status) = (ErrorList::new(), Path::new("status"));
        let (balancer, at) = (object.at("status").at("loadBalancer"), status.child("loadBalancer"));
        if object.at("spec").text("type") != "LoadBalancer" && !balancer.items("ingress").is_empty() {
            let why = "may only be used when `spec.type` is 'LoadBalancer'";
            errors.push(field::Error::forbidden(&at.child("ingress"), why));
        } else {
            checks::load_balancer(balancer, &at, &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = validate::validate(object, old, self.pools.ips.family());
        let (new, was, at) = (object.at("spec"), old.at("spec"), Path::new("spec"));
        let stays = needs::cluster_ip(new) && needs::cluster_ip(was);
        for field in ["clusterIPs", "ipFamilies"] {
            let first = |spec: &Value| spec.items(field).first().cloned();
            if stays && first(was).is_some() && first(new) != first(was) && errors.is_empty() {
                let path = at.child(field);
                errors.push(field::Error::invalid(&path.index(0), new.at(field), "may not change once set"));
            }
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let close = object.at("spec").text("trafficDistribution") == "PreferClose";
        let warning = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
        close.then(|| warning.to_owned()).into_iter().collect()
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
            Err(Failed::Exhausted(why)) => Err(Error::internal(why)),
        }
    }

    fn release(&self, old: &Value, new: Option<&Value>) {
        self.pools.release(old.at("spec"), new.map_or(&Value::Null, |new| new.at("spec")));
    }

    fn restore(&self, object: &Value) {
        self.pools.restore(object.at("spec"));
    }
}
