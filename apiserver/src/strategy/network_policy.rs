//! NetworkPolicies: their defaults.

use serde_json::Value;

use super::Strategy;
use crate::tree::{Fill, Read, fields};

/// The strategy of network policies.
pub(super) struct NetworkPolicies;

impl Strategy for NetworkPolicies {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        for direction in ["ingress", "egress"] {
            for rule in spec.objects_mut(direction) {
                rule.objects_mut("ports").for_each(|port| port.fill("protocol", "TCP"));
            }
        }
        if spec.items("policyTypes").is_empty() {
            let egress = (!spec.items("egress").is_empty()).then_some("Egress");
            spec.put("policyTypes", std::iter::once("Ingress").chain(egress).collect::<Vec<_>>());
        }
    }
}
