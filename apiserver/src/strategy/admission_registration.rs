//! Webhook configurations, admission policies and their bindings: their defaults.

use serde_json::{Map, Value};

use super::Strategy;
use crate::tree::{Fill, fields};

/// The seconds that a webhook has to answer.
const TIMEOUT_SECONDS: i64 = 10;

/// The strategy of webhook configurations.
pub(super) enum Webhooks {
    /// They only check.
    Validating,
    /// They may also change what is written.
    Mutating,
}

impl Strategy for Webhooks {
    fn default(&self, object: &mut Value) {
        for webhook in fields(object).objects_mut("webhooks") {
            webhook.fill("failurePolicy", "Fail");
            webhook.fill("timeoutSeconds", TIMEOUT_SECONDS);
            default_selection(webhook, &["rules"]);
            if let Some(service) = webhook.object("clientConfig").object_mut("service") {
                service.fill("port", 443);
            }
            if let Webhooks::Mutating = self {
                webhook.fill("reinvocationPolicy", "Never");
            }
        }
    }
}

/// The strategy of validating and mutating admission policies.
pub(super) struct AdmissionPolicies;

impl Strategy for AdmissionPolicies {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("failurePolicy", "Fail");
        if let Some(constraints) = spec.object_mut("matchConstraints") {
            default_selection(constraints, &["resourceRules", "excludeResourceRules"]);
        }
    }
}

/// The strategy of the bindings of policies.
pub(super) struct AdmissionPolicyBindings;

impl Strategy for AdmissionPolicyBindings {
    fn default(&self, object: &mut Value) {
        if let Some(resources) = fields(object).object("spec").object_mut("matchResources") {
            default_selection(resources, &["resourceRules", "excludeResourceRules"]);
        }
    }
}

/// Which writes are meant: those of every namespace and object, of equivalent resources too.
fn default_selection(selection: &mut Map<String, Value>, rules: &[&str]) {
    selection.fill("matchPolicy", "Equivalent");
    selection.fill("namespaceSelector", Map::new());
    selection.fill("objectSelector", Map::new());
    for field in rules {
        selection.objects_mut(field).for_each(|rule| rule.fill("scope", "*"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_webhook_is_asked_about_everything_that_it_does_not_leave_out() {
        let mut configuration = json!({"webhooks": [{
            "name": "w.example.com", "clientConfig": {"service": {"name": "s"}}, "rules": [{}],
            "objectSelector": {"matchLabels": {"a": "b"}},
        }]});
        Webhooks::Mutating.default(&mut configuration);
        let expected = json!({"webhooks": [{
            "name": "w.example.com", "clientConfig": {"service": {"name": "s", "port": 443}}, "rules": [{"scope": "*"}],
            "objectSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}, "failurePolicy": "Fail",
            "matchPolicy": "Equivalent", "timeoutSeconds": 10, "reinvocationPolicy": "Never",
        }]});
        assert_eq!(configuration, expected);
    }
}
