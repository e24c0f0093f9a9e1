//! Services: dependent defaults, rules, and the addresses and ports that they are given.

mod defaults;
mod ranges;

use std::borrow::Cow;

use serde_json::Value;
use steersman_core::names;

use super::tree::{Fill, Read, fields};
use super::{Strategy, WriteContext};

pub use ranges::ServiceRanges;

/// The strategy of services.
pub(super) struct Services;

impl Strategy for Services {
    fn default(&self, object: &mut Value) {
        defaults::default(fields(object));
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        fields(object).object("status").object("loadBalancer");
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
}
