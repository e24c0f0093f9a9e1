//! The rules of a definition; the counterpart of upstream's `apiextensions/validation`.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{List, Value};

use super::approval::{self, Approval};
use super::versions::{self, Versions};
use super::{bundle, names as crd_names, schemas};
use crate::strategy::validate_webhook_client;

/// What is wrong with a definition.
pub(super) fn definition(object: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    check_name(object, &mut errors);
    let spec = Path::new("spec");
    check_spec(&object["spec"], &spec, &mut errors);
    check_stored_versions(object, &mut errors);
    check_approval(object, &mut errors);
    check_preserved(object, &mut errors);
    errors
}

/// What is wrong with a definition that replaces an old one.
pub(super) fn update(object: &Value, old: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    let (spec, before) = (&object["spec"], &old["spec"]);
    check_spec(spec, &Path::new("spec"), &mut errors);
    bundle::check(object, old, &mut errors);
    let is_established = condition(old, "Established").is_some_and(|one| one["status"] == "True");
    let fixed = if is_established { ["/scope", "/names/kind"].as_slice() } else { &[] };
    for pointer in fixed.iter().chain(&["/group", "/names/plural"]) {
        let now = spec.pointer(pointer).unwrap_or(&Value::Null);
        if Some(now) != before.pointer(pointer) {
            let field = format!("spec{}", pointer.replace('/', "."));
            errors.push(Error::invalid(&Path::new(&field), now, "field is immutable"));
        }
    }
    errors.extend(status(object));
    check_stored_versions(object, &mut errors);
    if object["metadata"]["annotations"][approval::ANNOTATION]
        != old["metadata"]["annotations"][approval::ANNOTATION]
    {
        check_approval(object, &mut errors);
    }
    if before["preserveUnknownFields"] != true {
        check_preserved(object, &mut errors);
    }
    errors
}

/// What is wrong with the status of a definition.
pub(super) fn status(object: &Value) -> ErrorList {
    let status = Path::new("status");
    crd_names::check_form(&object["status"]["acceptedNames"], &status.child("acceptedNames"))
}

fn check_preserved(object: &Value, errors: &mut ErrorList) {
    if object["spec"]["preserveUnknownFields"] == true {
        let spec = Path::new("spec");
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
                      spec.versions[*].schema instead";
        errors.push(Error::invalid(&spec.child("preserveUnknownFields"), true, detail));
    }
}

/// The condition of that type.
pub(super) fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == name)
}

fn check_name(object: &Value, errors: &mut ErrorList) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = text("/metadata/name");
    if !name.is_empty() && name != format!("{}.{}", text("/spec/names/plural"), text("/spec/group")) {
        let path = Path::new("metadata");
        errors.push(Error::invalid(&path.child("name"), name, "must be spec.names.plural+\".\"+spec.group"));
    }
}

fn check_spec(spec: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    check_group(spec["group"].as_str().unwrap_or_default(), &path.child("group"), errors);
    match spec["scope"].as_str().unwrap_or_default() {
        "" => errors.push(Error::required(&path.child("scope"), "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(Error::not_supported(&path.child("scope"), other, &["Cluster", "Namespaced"])),
    }
    let versions = Versions::of(spec);
    versions::check(&versions, path, errors);
    errors.extend(crd_names::check(&spec["names"], &path.child("names")));
    schemas::check_shared(&versions, path, errors);
    check_conversion(&spec["conversion"], &path.child("conversion"), errors);
}

fn check_group(group: &str, path: &Path<'_>, errors: &mut ErrorList) {
    let wrong = names::dns1123_subdomain(group);
    if group.is_empty() {
        errors.push(Error::required(path, ""));
    } else if !wrong.is_empty() {
        errors.push(Error::invalid(path, group, wrong.join(",")));
    } else if !group.contains('.') {
        errors.push(Error::invalid(path, group, "should be a domain with at least one dot"));
    }
}

fn check_conversion(conversion: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let (webhook, strategy) = (&conversion["webhook"], conversion["strategy"].as_str().unwrap_or_default());
    let (client, reviews) = (path.child("webhookClientConfig"), path.child("conversionReviewVersions"));
    let versions = webhook["conversionReviewVersions"].as_array().map_or(&[][..], List::as_slice);
    match strategy {
        "" => errors.push(Error::required(&path.child("strategy"), "")),
        "None" | "Webhook" => {}
        other => errors.push(Error::not_supported(&path.child("strategy"), other, &["None", "Webhook"])),
    }
    if strategy == "Webhook" {
        let config = &webhook["clientConfig"];
        if config.is_object() {
            validate_webhook_client(config, &client, errors);
        } else {
            errors.push(Error::required(&client, "required when strategy is set to Webhook"));
        }
        check_review_versions(versions, &reviews, errors);
        return;
    }
    let unused = "should not be set when strategy is not set to Webhook";
    let given = [(&client, webhook["clientConfig"].is_object()), (&reviews, !versions.is_empty())];
    errors.extend(given.iter().filter(|(_, given)| *given).map(|(at, _)| Error::forbidden(at, unused)));
}

fn check_review_versions(versions: &[Value], path: &Path<'_>, errors: &mut ErrorList) {
    if versions.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        let name = version.as_str().unwrap_or_default();
        if versions[..index].contains(version) {
            errors.push(Error::invalid(&path.index(index), name, "duplicate version"));
            continue;
        }
        for wrong in names::dns1035_label(name) {
            errors.push(Error::invalid(&path.index(index), name, wrong));
        }
    }
    if !versions.iter().any(|version| version == "v1" || version == "v1beta1") {
        errors.push(Error::invalid(
            path,
            Value::from(versions.to_vec()),
            "must include at least one of v1, v1beta1",
        ));
    }
}

fn check_stored_versions(object: &Value, errors: &mut ErrorList) {
    let status = Path::new("status");
    let path = status.child("storedVersions");
    let stored = &object["status"]["storedVersions"];
    let names = stored.as_array().map_or(&[][..], List::as_slice);
    if names.is_empty() {
        errors.push(Error::invalid(&path, Value::Null, "must have at least one stored version"));
        return;
    }
    let versions = object["spec"]["versions"].as_array().map_or(&[][..], List::as_slice);
    for version in versions.iter().filter(|one| one["storage"] == true && !names.contains(&one["name"])) {
        let name = version["name"].as_str().unwrap_or_default();
        errors.push(Error::invalid(&path, stored, format!("must have the storage version {name}")));
    }
    for (index, name) in names.iter().enumerate() {
        if !versions.iter().any(|version| version["name"] == *name) {
            let name = name.as_str().unwrap_or_default();
            errors.push(Error::invalid(&path.index(index), name, format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in \
                 spec.versions until a storage migration ensures no data remains persisted in {name} and removes \
                 {name} from status.storedVersions"
            )));
        }
    }
}

/// Groups of the Kubernetes community need its approval.
fn check_approval(object: &Value, errors: &mut ErrorList) {
    let (metadata, approval) = (Path::new("metadata"), Approval::of(object));
    let annotations = metadata.child("annotations");
    let path = annotations.key(approval::ANNOTATION);
    match approval {
        Some(Approval::Missing) => errors.push(Error::required(&path, approval::needed())),
        Some(Approval::Unreadable(given)) => {
            errors.push(Error::invalid(&path, given, approval::needed_form()));
        }
        None | Some(Approval::Bypassed(_) | Approval::Approved(_)) => {}
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_conversion_asks_a_webhook_that_there_can_be() {
        let conversion = |conversion: Value| {
            let mut errors = ErrorList::new();
            check_conversion(&conversion, &Path::new("c"), &mut errors);
            texts(&errors)
        };
        let webhook = |client: Value| json!({"clientConfig": client, "conversionReviewVersions": ["v1"]});
        let good = json!({"url": "https://example.com/convert"});
        assert_eq!(conversion(json!({"strategy": "Webhook", "webhook": webhook(good.clone())})), "");
        let bad = webhook(json!({"service": {"name": "", "namespace": "n", "port": 0}}));
        assert_eq!(
            conversion(json!({"strategy": "Webhook", "webhook": bad})),
            "c.webhookClientConfig.service.namespace: Required value, c.webhookClientConfig.service.port: Invalid value: 0: \
             port is not valid: must be between 1 and 65535, inclusive"
        );
        assert_eq!(
            conversion(json!({"strategy": "x", "webhook": webhook(good)})),
            "c.strategy: Unsupported value: \"x\": supported values: \"None\", \"Webhook\", c.webhookClientConfig: \
             Forbidden: should not be set when strategy is not set to Webhook, c.conversionReviewVersions: Forbidden: \
             should not be set when strategy is not set to Webhook"
        );
    }

    #[test]
    fn accepted_names_have_the_form_of_names() {
        let definition = json!({"status": {"acceptedNames": {"plural": "A", "kind": ""}}});
        assert!(texts(&status(&definition)).starts_with("status.acceptedNames.plural: Invalid value: \"A\""));
        assert_eq!(texts(&status(&json!({}))), "");
    }
}
