//! The pod template that workloads carry: its defaults.

use serde_json::{Map, Value};

use super::pod_spec;
use crate::tree::Fill;

/// Fills in what the template in `owner.template` leaves out; one is made if there is none.
pub(super) fn default(owner: &mut Map<String, Value>) {
    let template = owner.object("template");
    pod_spec::default(template.object("spec"));
}
