//! FlowSchemas: which requests belong to which level.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use crate::strategy::{Strategy, WriteContext, checks, internal};
use crate::tree::{Fill, Read, fields};

/// The last of those that match is asked at this precedence.
const LAST: i64 = 10_000;

const VERBS: [&str; 9] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

/// The strategy of flow schemas.
pub(in crate::strategy) struct FlowSchemas;

impl Strategy for FlowSchemas {
    fn default(&self, object: &mut Value) {
        fields(object).object("spec").fill_zero("matchingPrecedence", 1000);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let (spec, name) = (object.at("spec"), object.at("metadata").text("name"));
        check_precedence(spec, name, &at.child("matchingPrecedence"), &mut errors);
        let (method, path) = (spec.at("distinguisherMethod"), at.child("distinguisherMethod"));
        if method.is_object() && !matches!(method.text("type"), "ByUser" | "ByNamespace") {
            let (path, shown) = (path.child("type"), internal::distinguisher(method));
            errors.push(Error::not_supported(&path, shown, &["ByNamespace", "ByUser"]));
        }
        let level = spec.at("priorityLevelConfiguration").text("name");
        let (reference, path) = (at.child("priorityLevelConfiguration"), "name");
        if level.is_empty() {
            errors.push(Error::required(&reference.child(path), "must reference a priority level"));
        } else {
            checks::each(names::dns1123_subdomain(level), level, &reference.child(path), &mut errors);
        }
        let path = at.child("rules");
        for (index, rule) in spec.items("rules").iter().enumerate() {
            check_rule(rule, &path.index(index), &mut errors);
        }
        check_fixed(spec, name, &at, &mut errors);
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        super::check_conditions(object)
    }
}

/// Some schemas are what the server makes them.
fn check_fixed(spec: &Value, name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(fixed) = super::mandatory(name, super::flow_schemas) else { return };
    let parts = ["priorityLevelConfiguration", "matchingPrecedence", "distinguisherMethod", "rules"];
    if parts.iter().any(|field| spec.at(field) != fixed.at(field)) {
        let why = format!("spec of '{name}' must equal the fixed value");
        errors.push(Error::invalid(at, internal::flow_schema_spec(spec), why));
    }
}

fn check_precedence(spec: &Value, name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let precedence = spec.int("matchingPrecedence").unwrap_or_default();
    let mut refuse = |why: String| errors.push(Error::invalid(at, precedence, why));
    if precedence <= 0 {
        refuse("must be a positive value".to_owned());
    }
    if precedence > LAST {
        refuse(format!("must not be greater than {LAST}"));
    }
    if precedence == 1 && name != super::EXEMPT {
        refuse("only the schema named 'exempt' may have matchingPrecedence 1".to_owned());
    }
}

fn check_rule(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (subjects, path) = (rule.items("subjects"), at.child("subjects"));
    if subjects.is_empty() {
        errors.push(Error::required(&path, "subjects must contain at least one value"));
    }
    for (index, subject) in subjects.iter().enumerate() {
        check_subject(subject, &path.index(index), errors);
    }
    let (resources, urls) = (rule.items("resourceRules"), rule.items("nonResourceRules"));
    if resources.is_empty() && urls.is_empty() {
        let why = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(Error::required(at, why));
    }
    let path = at.child("resourceRules");
    for (index, rule) in resources.iter().enumerate() {
        check_resources(rule, &path.index(index), errors);
    }
    let path = at.child("nonResourceRules");
    for (index, rule) in urls.iter().enumerate() {
        check_urls(rule, &path.index(index), errors);
    }
}

fn check_subject(subject: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let kinds = [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];
    let kind = subject.text("kind");
    let Some((_, own)) = kinds.iter().find(|(of, _)| *of == kind) else {
        errors.push(Error::not_supported(&at.child("kind"), kind, &["Group", "ServiceAccount", "User"]));
        return;
    };
    let (named, path) = (subject.at(own), at.child(own));
    if named.is_null() {
        let why = format!("{own} is required when subject kind is '{kind}'");
        errors.push(Error::required(&path, why));
    } else if kind == "ServiceAccount" {
        check_account(named, &path, errors);
    } else {
        checks::required(named, "name", &path, errors);
    }
    for (kind, other) in kinds.iter().filter(|(_, other)| other != own && subject.has(other)) {
        let why = format!("{other} is forbidden when subject kind is not '{kind}'");
        errors.push(Error::forbidden(&at.child(other), why));
    }
}

fn check_account(account: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, namespace) = (account.text("name"), account.text("namespace"));
    if checks::required(account, "name", at, errors) && name != "*" {
        checks::each(names::dns1123_subdomain(name), name, &at.child("name"), errors);
    }
    let path = at.child("namespace");
    if namespace.is_empty() {
        errors.push(Error::required(&path, "must specify namespace for service account"));
    } else {
        checks::each(names::dns1123_label(namespace), namespace, &path, errors);
    }
}

/// A list is given, and `*` stands alone in it.
fn check_list(rule: &Value, field: &str, words: (&str, &str), at: &Path<'_>, errors: &mut ErrorList) -> bool {
    let (path, items) = (at.child(field), rule.items(field));
    let has_all = items.iter().any(|item| item == "*");
    if items.is_empty() {
        errors.push(Error::required(&path, words.0));
    } else if has_all && items.len() > 1 {
        let why = format!("if '*' is present, must not specify other {}", words.1);
        errors.push(Error::invalid(&path, rule.at(field), why));
    }
    !items.is_empty() && !has_all
}

fn check_verbs(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let words = ("verbs must contain at least one value", "verbs");
    let are_named = check_list(rule, "verbs", words, at, errors);
    if are_named && rule.texts("verbs").any(|verb| !VERBS.contains(&verb)) {
        errors.push(Error::not_supported(&at.child("verbs"), rule.at("verbs"), &VERBS));
    }
}

fn check_resources(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_verbs(rule, at, errors);
    let words = ("resource rules must supply at least one api group", "api groups");
    check_list(rule, "apiGroups", words, at, errors);
    let words = ("resource rules must supply at least one resource", "resources");
    check_list(rule, "resources", words, at, errors);
    if rule.items("namespaces").is_empty() && rule.flag("clusterScope") {
        return;
    }
    let words =
        ("resource rules that are not cluster scoped must supply at least one namespace", "namespaces");
    if check_list(rule, "namespaces", words, at, errors) {
        let path = at.child("namespaces");
        for (index, namespace) in rule.texts("namespaces").enumerate() {
            for why in names::dns1123_label(namespace) {
                let why = format!("each member of this list must be '*' or a DNS-1123 label; {why}");
                errors.push(Error::invalid(&path.index(index), namespace, why));
            }
        }
    }
}

fn check_urls(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_verbs(rule, at, errors);
    let words = ("nonResourceURLs must contain at least one value", "non-resource URLs");
    if check_list(rule, "nonResourceURLs", words, at, errors) {
        let path = at.child("nonResourceURLs");
        for (index, url) in rule.texts("nonResourceURLs").enumerate() {
            check_url(url, &path.index(index), errors);
        }
    }
}

fn check_url(url: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let stars = url.matches('*').count();
    let why = if url.is_empty() {
        "must not be empty"
    } else if url == "/" {
        return;
    } else if !url.starts_with('/') {
        "must start with slash"
    } else if url.contains(' ') {
        "must not contain white-space"
    } else if url.contains("//") {
        "must not contain double slash"
    } else if stars > 1 || stars == 1 && !url.ends_with("/*") {
        "wildcard can only do suffix matching"
    } else {
        return;
    };
    errors.push(Error::invalid(at, url, why));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::flow_control::flow_schemas;

    #[test]
    fn schemas_that_every_cluster_starts_with_are_good_and_two_of_them_fixed() {
        let texts =
            |schema: &Value| FlowSchemas.validate(schema).iter().map(ToString::to_string).collect::<Vec<_>>();
        for mut schema in flow_schemas() {
            assert_eq!(texts(&schema), Vec::<String>::new());
            let name = schema["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            schema["spec"]["matchingPrecedence"] = 77.into();
            let is_fixed = ["exempt", "catch-all"].contains(&name.as_str());
            assert_eq!(texts(&schema).len(), usize::from(is_fixed), "{name}");
        }
    }
}
