//! Webhook configurations: whom the server asks, about which writes.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::rules;
use crate::cel::Environment;
use crate::go_url::{self, Url};
use crate::strategy::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The seconds that a webhook has to answer.
const TIMEOUT_SECONDS: i64 = 10;

const FORM: &str = "; desired format: https://host[/path]";

/// The strategy of webhook configurations.
pub(in crate::strategy) enum Webhooks {
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
            rules::default_selection(webhook, &["rules"]);
            if let Some(service) = webhook.object("clientConfig").object_mut("service") {
                service.fill("port", 443);
            }
            if let Webhooks::Mutating = self {
                webhook.fill("reinvocationPolicy", "Never");
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("webhooks"));
        let webhooks = object.items("webhooks");
        for (index, webhook) in webhooks.iter().enumerate() {
            let (path, name) = (at.index(index), webhook.text("name"));
            check(webhook, &path, &mut errors);
            if let Webhooks::Mutating = self {
                let (policy, path) = (webhook.text("reinvocationPolicy"), path.child("reinvocationPolicy"));
                checks::one_of(policy, &["IfNeeded", "Never"], &path, &mut errors);
            }
            check_asked(webhook, &path, &mut errors);
            check_versions(webhook, &path.child("admissionReviewVersions"), &mut errors);
            if !name.is_empty() && webhooks[..index].iter().any(|before| before.text("name") == name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        rules::name_warnings(object)
    }

    fn qualifies_finalizers(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// Whom the server asks, and when.
fn check_asked(webhook: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    validate_client(webhook.at("clientConfig"), &at.child("clientConfig"), errors);
    let (conditions, path) = (webhook.items("matchConditions"), at.child("matchConditions"));
    if !conditions.is_empty() {
        rules::validate_conditions(conditions, &Environment::admission(), &path, errors);
    }
}

fn check(webhook: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_name(webhook, at, errors);
    let path = at.child("rules");
    for (index, rule) in webhook.items("rules").iter().enumerate() {
        rules::validate_rule(rule, &path.index(index), errors);
    }
    rules::validate_failure_policy(webhook, at, errors);
    rules::validate_match_policy(webhook, at, errors);
    let (effects, path) = (webhook.text("sideEffects"), at.child("sideEffects"));
    if webhook.has("sideEffects") {
        checks::one_of(effects, &["None", "NoneOnDryRun"], &path, errors);
    } else {
        errors.push(Error::required(&path, "must specify one of None, NoneOnDryRun"));
    }
    if let Some(seconds) = webhook.int("timeoutSeconds").filter(|seconds| !(1..=30).contains(seconds)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        errors.push(Error::invalid(&at.child("timeoutSeconds"), seconds, why));
    }
    rules::validate_selectors(webhook, at, errors);
}

fn check_name(webhook: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !checks::required(webhook, "name", at, errors) {
        return;
    }
    let (name, path) = (webhook.text("name"), at.child("name"));
    let messages = names::dns1123_subdomain(name);
    if !messages.is_empty() {
        errors.push(Error::invalid(&path, name, messages.join(",")));
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        errors.push(Error::invalid(&path, name, why));
    }
}

fn check_versions(webhook: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let versions: Vec<&str> = webhook.texts("admissionReviewVersions").collect();
    if versions.is_empty() {
        errors.push(Error::required(at, "must specify one of v1, v1beta1"));
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        if versions[..index].contains(version) {
            errors.push(Error::invalid(&at.index(index), *version, "duplicate version"));
            continue;
        }
        checks::each(names::dns1035_label(version), *version, &at.index(index), errors);
    }
    if !versions.iter().any(|version| matches!(*version, "v1" | "v1beta1")) {
        let why = "must include at least one of v1, v1beta1";
        errors.push(Error::invalid(at, webhook.at("admissionReviewVersions"), why));
    }
}

/// What is wrong with whom the server is to ask.
pub(crate) fn validate_client(client: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (url, service) = (client.at("url").as_str(), client.at("service"));
    match (url, service.is_null()) {
        (Some(url), true) => check_url(url, &at.child("url"), errors),
        (None, false) => check_service(service, &at.child("service"), errors),
        _ => errors.push(Error::required(at, "exactly one of url or service is required")),
    }
}

fn check_url(url: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let Url { scheme, user, host, query, fragment, .. } = match go_url::parse(url) {
        Ok(url) => url,
        Err(why) => {
            errors.push(Error::required(at, format!("url must be a valid URL: {why}{FORM}")));
            return;
        }
    };
    if scheme != "https" {
        let why = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(Error::invalid(at, scheme.as_str(), why));
    }
    if host.is_empty() {
        errors.push(Error::invalid(at, host, format!("host must be specified{FORM}")));
    }
    let refused = [
        (user, "user information is"),
        (Some(fragment).filter(|part| !part.is_empty()), "fragments are"),
        (Some(query).filter(|part| !part.is_empty()), "query parameters are"),
    ];
    for (part, what) in refused {
        if let Some(part) = part {
            errors.push(Error::invalid(at, part, format!("{what} not permitted in the URL")));
        }
    }
}

fn check_service(service: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    // Upstream hands the two over in the wrong order: the error names the other one.
    for (given, named) in [("namespace", "name"), ("name", "namespace")] {
        if service.text(given).is_empty() {
            errors.push(Error::required(&at.child(named), ""));
        }
    }
    checks::valid_port(service, at, errors);
    let (text, path) = (service.text("path"), at.child("path"));
    if matches!(text, "" | "/") {
        return;
    }
    if text == "//" {
        errors.push(Error::invalid(&path, text, "segment[0] may not be empty"));
        return;
    }
    if !text.starts_with('/') {
        errors.push(Error::invalid(&path, text, "must start with a '/'"));
    }
    let steps = text.get(1..).unwrap_or_default();
    for (index, step) in steps.strip_suffix('/').unwrap_or(steps).split('/').enumerate() {
        if step.is_empty() {
            errors.push(Error::invalid(&path, text, format!("segment[{index}] may not be empty")));
            continue;
        }
        for why in names::dns1123_subdomain(step) {
            errors.push(Error::invalid(&path, text, format!("segment[{index}]: {why}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

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

    #[test]
    fn names_of_static_configurations_are_warned_of() {
        let named = |name: &str| Webhooks::Validating.warnings(&json!({"metadata": {"name": name}}), None);
        assert_eq!(named("static.k8s.io"), Vec::<String>::new());
        let why = "are reserved for static manifest-based configurations and cannot be managed via the API";
        let warning = format!("metadata.name: names ending with \".static.k8s.io\" {why}");
        assert_eq!(named("a.static.k8s.io"), [warning]);
    }

    #[test]
    fn a_url_names_a_host_and_nothing_else() {
        let faults = |url: &str| {
            let mut errors = ErrorList::new();
            check_url(url, &Path::new("url"), &mut errors);
            errors.len()
        };
        assert_eq!(faults("https://example.com/hook"), 0);
        assert_eq!(faults("https://u:p@a/b?x#f"), 3);
        assert_eq!(faults("http://"), 2);
        assert_eq!(faults("::"), 1);
    }
}
