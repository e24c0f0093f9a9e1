//! What the status of a container may say of the health of what was allocated to it.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::strategy::checks;
use crate::tree::Read;

const HEALTH: [&str; 3] = ["Healthy", "Unhealthy", "Unknown"];

/// The longest message about a resource, in bytes; upstream's `ResourceHealthMessageMaxLength`.
const LONGEST_MESSAGE: usize = 1024;

/// Checks the statuses of containers; a status of none of them may name anything.
pub(super) fn check(statuses: &[Value], containers: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, status) in statuses.iter().enumerate() {
        let item = at.index(index);
        let list = item.child("allocatedResourcesStatus");
        let container = containers.iter().find(|one| one.text("name") == status.text("name"));
        for (index, allocated) in status.items("allocatedResourcesStatus").iter().enumerate() {
            let item = list.index(index);
            if let Some(container) = container {
                check_name(allocated.text("name"), container.at("resources"), &item.child("name"), errors);
            }
            check_resources(allocated.items("resources"), &item.child("resources"), errors);
        }
    }
}

/// Refuses all of it for ephemeral containers, to which nothing is allocated.
pub(super) fn refuse(statuses: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, status) in statuses.iter().enumerate() {
        if !status.items("allocatedResourcesStatus").is_empty() {
            let path = at.index(index);
            let path = path.child("allocatedResourcesStatus");
            errors.push(Error::forbidden(&path, "must not be specified in container status"));
        }
    }
}

/// What was allocated is a claim of the container's or one of its requests.
fn check_name(name: &str, resources: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(claim) = name.strip_prefix("claim:") else {
        if !resources.at("requests").has(name) {
            errors.push(Error::invalid(at, name, "must match one of the container's resource requests"));
        }
        return;
    };
    let is_it = |one: &Value| match one.text("request") {
        "" => claim == one.text("name"),
        request => {
            claim.strip_prefix(one.text("name")).and_then(|rest| rest.strip_prefix('/')) == Some(request)
        }
    };
    if !resources.items("claims").iter().any(is_it) {
        let why = "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or \
                   'claim:<claimName>' if request is empty";
        errors.push(Error::invalid(at, name, why));
    }
}

fn check_resources(resources: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, resource) in resources.iter().enumerate() {
        let (item, id) = (at.index(index), resource.text("resourceID"));
        checks::one_of(resource.text("health"), &HEALTH, &item.child("health"), errors);
        if resource.has("message") {
            let path = item.child("message");
            match resource.text("message").len() {
                0 => errors.push(Error::required(&path, "must be non-empty if specified")),
                1..=LONGEST_MESSAGE => {}
                _ => errors.push(Error::too_long(&path, LONGEST_MESSAGE)),
            }
        }
        if resources[..index].iter().any(|before| before.text("resourceID") == id) {
            errors.push(Error::duplicate(&item.child("resourceID"), id));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn health_is_told_of_what_a_container_has() {
        let container = json!({"name": "c", "resources": {
            "requests": {"example.com/d": "1"}, "claims": [{"name": "a"}, {"name": "b", "request": "r"}]
        }});
        let faults = |name: &str, resources: Value| {
            let status =
                json!({"name": "c", "allocatedResourcesStatus": [{"name": name, "resources": resources}]});
            let mut errors = ErrorList::new();
            check(&[status], std::slice::from_ref(&container), &Path::new("s"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        for name in ["example.com/d", "claim:a", "claim:b/r"] {
            assert_eq!(faults(name, json!([])), "", "{name}");
        }
        let at = "s[0].allocatedResourcesStatus[0]";
        let unknown = "must match one of the container's resource requests";
        assert_eq!(faults("x", json!([])), format!("{at}.name: Invalid value: \"x\": {unknown}"));
        assert!(faults("claim:b", json!([])).contains("in a format 'claim:<claimName>/<request>' or"));
        let twice = json!([{"resourceID": "1", "health": "Unknown"}, {"resourceID": "1", "health": "x", "message": ""}]);
        assert_eq!(
            faults("claim:a", twice),
            format!(
                "{at}.resources[1].health: Unsupported value: \"x\": supported values: \"Healthy\", \"Unhealthy\", \
                 \"Unknown\"; {at}.resources[1].message: Required value: must be non-empty if specified; \
                 {at}.resources[1].resourceID: Duplicate value: \"1\""
            )
        );
    }
}
