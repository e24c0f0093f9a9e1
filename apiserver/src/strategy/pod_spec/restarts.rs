//! Checks when a container restarts: of itself, by the rules of its exit codes, and when it is resized.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::strategy::checks;
use crate::tree::Read;

const MOST_RULES: usize = 20;
const MOST_CODES: usize = 255;

/// Checks the restart policy of a container, and its rules.
pub(super) fn validate(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, rules) = (at.child("restartPolicy"), container.items("restartPolicyRules"));
    if container.has("restartPolicy") {
        let policies = ["Always", "Never", "OnFailure"];
        checks::one_of(container.text("restartPolicy"), &policies, &path, errors);
    } else if !rules.is_empty() {
        errors.push(Error::required(&path, "must specify restartPolicy when restart rules are used"));
    }
    let list = at.child("restartPolicyRules");
    checks::at_most(rules, MOST_RULES, &list, errors);
    for (index, rule) in rules.iter().enumerate() {
        check_rule(rule, &list.index(index), errors);
    }
}

fn check_rule(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::one_of(rule.text("action"), &["Restart", "RestartAllContainers"], &at.child("action"), errors);
    let (codes, path) = (rule.at("exitCodes"), at.child("exitCodes"));
    if codes.is_null() {
        errors.push(Error::required(&path, "must be specified"));
        return;
    }
    checks::one_of(codes.text("operator"), &["In", "NotIn"], &path.child("operator"), errors);
    checks::at_most(codes.items("values"), MOST_CODES, &path.child("values"), errors);
}

/// Checks `resizePolicy` of a container of a pod with this restart policy. Upstream's paths do not say which item.
pub(super) fn validate_resize(container: &Value, restart: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let policies = container.items("resizePolicy");
    for (index, policy) in policies.iter().enumerate() {
        let (resource, then) = (policy.text("resourceName"), policy.text("restartPolicy"));
        if policies[..index].iter().any(|before| before.text("resourceName") == resource) {
            errors.push(Error::duplicate(&at.index(index), resource));
        }
        checks::required_one_of(resource, &["cpu", "memory"], at, errors);
        checks::required_one_of(then, &["NotRequired", "RestartContainer"], at, errors);
        if restart == "Never" && then != "NotRequired" {
            let why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(Error::invalid(at, then, why));
        }
    }
}

/// An init container that ends is not restarted for the sake of its resources. Here, the path says which item.
pub(super) fn validate_resize_of_init(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let list = at.child("resizePolicy");
    for (index, policy) in container.items("resizePolicy").iter().enumerate() {
        let then = policy.text("restartPolicy");
        if then == "RestartContainer" {
            let why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            errors.push(Error::invalid(&list.index(index).child("restartPolicy"), then, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn rules_have_an_action_and_codes() {
        let cases = [
            (json!({"restartPolicyRules": []}), ""),
            (
                json!({"restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In"}}]}),
                "c.restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            ),
            (
                json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Stop"}]}),
                "c.restartPolicyRules[0].action: Unsupported value: \"Stop\": supported values: \"Restart\", \
                 \"RestartAllContainers\"; c.restartPolicyRules[0].exitCodes: Required value: must be specified",
            ),
        ];
        for (container, why) in cases {
            let mut errors = ErrorList::new();
            validate(&container, &Path::new("c"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }

    #[test]
    fn a_pod_that_never_restarts_is_resized_without() {
        let policy = json!({"resourceName": "cpu", "restartPolicy": "RestartContainer"});
        let mut errors = ErrorList::new();
        validate_resize(&json!({"resizePolicy": [policy, policy]}), "Always", &Path::new("p"), &mut errors);
        validate_resize(&json!({"resizePolicy": [policy]}), "Never", &Path::new("p"), &mut errors);
        let why = "p[1]: Duplicate value: \"cpu\"; p: Invalid value: \"RestartContainer\": must be 'NotRequired' \
                   when pod `restartPolicy` is 'Never'";
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
    }

    #[test]
    fn an_init_container_is_not_restarted_for_its_resources() {
        let policy = json!({"resourceName": "cpu", "restartPolicy": "RestartContainer"});
        let mut errors = ErrorList::new();
        validate_resize_of_init(&json!({"resizePolicy": [policy]}), &Path::new("i"), &mut errors);
        let why = "i.resizePolicy[0].restartPolicy: Invalid value: \"RestartContainer\": must not be set to \
                   'RestartContainer' for non-sidecar initContainers";
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
    }
}
