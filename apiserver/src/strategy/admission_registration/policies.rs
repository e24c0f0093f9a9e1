//! Admission policies and their bindings: what they select, and that their expressions compile.

use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, labels, names};

use super::{expressions, rules};
use crate::cel::{self, Environment, ObjectType, Type};
use crate::strategy::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

const RULES: [&str; 2] = ["resourceRules", "excludeResourceRules"];

const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

/// The longest expression of an annotation, in bytes.
const LONGEST_ANNOTATION: usize = 5 * 1024;

/// The most annotations of one policy.
const MOST_ANNOTATIONS: usize = 20;

/// The strategy of admission policies.
pub(in crate::strategy) enum AdmissionPolicies {
    /// They only check.
    Validating,
    /// They change what is written.
    Mutating,
}

impl Strategy for AdmissionPolicies {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("failurePolicy", "Fail");
        if let Some(constraints) = spec.object_mut("matchConstraints") {
            rules::default_selection(constraints, &RULES);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        rules::validate_failure_policy(spec, &at, &mut errors);
        if spec.has("paramKind") {
            check_kind(spec.at("paramKind"), &at.child("paramKind"), &mut errors);
        }
        let (selection, path) = (spec.at("matchConstraints"), at.child("matchConstraints"));
        if selection.is_null() {
            errors.push(Error::required(&path, ""));
        } else {
            rules::validate_selection(selection, &path, &mut errors);
            if selection.items("resourceRules").is_empty() {
                errors.push(Error::required(&path.child("resourceRules"), ""));
            }
            if let AdmissionPolicies::Mutating = self {
                rules::validate_mutated(selection, &path, &mut errors);
            }
        }
        let mut environment = self.environment(spec);
        let conditions = spec.items("matchConditions");
        rules::validate_conditions(conditions, &environment, &at.child("matchConditions"), &mut errors);
        environment.declare_variables();
        check_variables(spec.items("variables"), &mut environment, &at.child("variables"), &mut errors);
        match self {
            AdmissionPolicies::Validating => check_validations(object, &environment, &at, &mut errors),
            AdmissionPolicies::Mutating => check_mutations(spec, &environment, &at, &mut errors),
        }
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        let (status, checking) = (object.at("status"), at.child("typeChecking"));
        let path = checking.child("expressionWarnings");
        for (index, warning) in status.at("typeChecking").items("expressionWarnings").iter().enumerate() {
            checks::required(warning, "warning", &path.index(index), &mut errors);
            checks::required(warning, "fieldRef", &path.index(index), &mut errors);
        }
        checks::conditions(status.items("conditions"), &at.child("conditions"), &mut errors);
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

impl AdmissionPolicies {
    /// What expressions may name; parameters only where there is a kind of them.
    fn environment(&self, spec: &Value) -> Environment {
        let mut environment = match self {
            AdmissionPolicies::Validating => Environment::admission(),
            AdmissionPolicies::Mutating => Environment::mutation(),
        };
        if spec.has("paramKind") {
            environment.add("params", Type::Dyn);
        }
        environment
    }
}

fn check_kind(kind: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(kind, "apiVersion", at, errors) {
        check_group_version(kind.text("apiVersion"), &at.child("apiVersion"), errors);
    }
    if checks::required(kind, "kind", at, errors) {
        let name = kind.text("kind");
        let faults = names::dns1035_label(&name.to_lowercase());
        if !faults.is_empty() {
            let why = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
            errors.push(Error::invalid(&at.child("kind"), name, why));
        }
    }
}

fn check_group_version(text: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if text != "/" && text.matches('/').count() > 1 {
        errors.push(Error::invalid(at, text, format!("unexpected GroupVersion string: {text}")));
        return;
    }
    let (group, version) = text.split_once('/').unwrap_or(("", text));
    let faults = if group.is_empty() { Vec::new() } else { names::dns1123_subdomain(group) };
    if !faults.is_empty() {
        errors.push(Error::invalid(at, group, faults.join(",")));
    }
    let faults = names::dns1035_label(version);
    if version.is_empty() {
        errors.push(Error::invalid(at, text, "version must be specified"));
    } else if !faults.is_empty() {
        errors.push(Error::invalid(at, version, faults.join(",")));
    }
}

/// Variables may name those before them.
fn check_variables(
    variables: &[Value],
    environment: &mut Environment,
    at: &Path<'_>,
    errors: &mut ErrorList,
) {
    for (index, variable) in variables.iter().enumerate() {
        let (path, name) = (at.index(index), variable.text("name"));
        if name.trim().is_empty() {
            errors.push(Error::required(&path.child("name"), "name is not specified"));
        } else if !is_identifier(name) {
            errors.push(Error::invalid(&path.child("name"), name, "must be a valid CEL identifier"));
        }
        let (path, source) = (path.child("expression"), variable.text("expression"));
        if source.trim().is_empty() {
            errors.push(Error::required(&path, "expression is not specified"));
        } else if let Some(program) = expressions::check(environment, source, &[], &path, errors) {
            environment.compose(name, program.kind);
        }
    }
}

fn is_identifier(name: &str) -> bool {
    !cel::is_reserved(name)
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_validations(object: &Value, environment: &Environment, at: &Path<'_>, errors: &mut ErrorList) {
    let spec = object.at("spec");
    let (validations, annotations) = (spec.items("validations"), spec.items("auditAnnotations"));
    let (path, audit) = (at.child("validations"), at.child("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        errors.push(Error::required(&path, why));
        errors.push(Error::required(&audit, why));
    }
    for (index, validation) in validations.iter().enumerate() {
        check_validation(validation, environment, &path.index(index), errors);
    }
    if annotations.len() > MOST_ANNOTATIONS {
        let why = format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations");
        errors.push(Error::invalid(&audit, spec.at("auditAnnotations"), why));
    }
    check_annotations(object, environment, &audit, errors);
}

fn check_annotations(object: &Value, environment: &Environment, at: &Path<'_>, errors: &mut ErrorList) {
    let annotations = object.at("spec").items("auditAnnotations");
    for (index, annotation) in annotations.iter().enumerate() {
        let (path, key) = (at.index(index), annotation.text("key"));
        let full = format!("{}/{key}", object.at("metadata").text("name"));
        checks::each(labels::qualified_name(&full), &full, &path.child("key"), errors);
        let (value, source) = (path.child("valueExpression"), annotation.text("valueExpression"));
        if source.trim().is_empty() {
            errors.push(Error::required(&value, "valueExpression is not specified"));
        } else if source.trim().len() > LONGEST_ANNOTATION {
            let why = format!("must not exceed {LONGEST_ANNOTATION} bytes in length");
            errors.push(Error::required(&value, why));
        } else {
            let compiled = environment.compile(source.trim());
            expressions::judge(compiled, source, &[Type::String, Type::Null], &value, errors);
        }
        if annotations[..index].iter().any(|before| before.text("key") == key) {
            errors.push(Error::duplicate(&path.child("key"), key));
        }
    }
}

fn check_validation(validation: &Value, environment: &Environment, at: &Path<'_>, errors: &mut ErrorList) {
    let (path, source) = (at.child("expression"), validation.text("expression"));
    if source.trim().is_empty() {
        errors.push(Error::required(&path, "expression is not specified"));
    } else {
        expressions::check(environment, source, &[Type::Bool], &path, errors);
    }
    let (path, source) = (at.child("messageExpression"), validation.text("messageExpression"));
    if !source.trim().is_empty() {
        expressions::judge(environment.compile_message(source), source, &[Type::String], &path, errors);
    } else if !source.is_empty() {
        errors.push(Error::invalid(&path, source, "must be non-empty if specified"));
    }
    let (message, path) = (validation.text("message"), at.child("message"));
    if !message.is_empty() && message.trim().is_empty() {
        errors.push(Error::invalid(&path, message, "must be non-empty if specified"));
    } else if message.trim().contains(['\n', '\r']) {
        errors.push(Error::invalid(&path, message, "must not contain line breaks"));
    }
    if validation.has("reason") {
        checks::one_of(validation.text("reason"), &REASONS, &at.child("reason"), errors);
    }
}

fn check_mutations(spec: &Value, environment: &Environment, at: &Path<'_>, errors: &mut ErrorList) {
    let (mutations, path) = (spec.items("mutations"), at.child("mutations"));
    if mutations.is_empty() {
        errors.push(Error::required(&path, "mutations must contain at least one item"));
    }
    for (index, mutation) in mutations.iter().enumerate() {
        check_mutation(mutation, environment, &path.index(index), errors);
    }
    let policies = ["IfNeeded", "Never"];
    let path = at.child("reinvocationPolicy");
    checks::required_one_of(spec.text("reinvocationPolicy"), &policies, &path, errors);
}

/// A mutation holds what its type says, and nothing else.
fn check_mutation(mutation: &Value, environment: &Environment, at: &Path<'_>, errors: &mut ErrorList) {
    let types = [("ApplyConfiguration", "applyConfiguration"), ("JSONPatch", "jsonPatch")];
    let kind = mutation.text("patchType");
    let Some((_, own)) = types.iter().find(|(of, _)| *of == kind) else {
        let path = at.child("patchType");
        return checks::required_one_of(kind, &types.map(|(kind, _)| kind), &path, errors);
    };
    let path = at.child(own);
    if !mutation.has(own) {
        let why = format!("must be specified when patchType is {kind}");
        errors.push(Error::required(&path, why));
    } else {
        let (path, source) = (path.child("expression"), mutation.at(own).text("expression"));
        if source.trim().is_empty() {
            errors.push(Error::required(&path, ""));
        } else {
            let made = if kind == "JSONPatch" { Type::list(named("JSONPatch")) } else { named("Object") };
            expressions::check(environment, source.trim(), &[made], &path, errors);
        }
    }
    for (_, other) in types.iter().filter(|(_, other)| other != own && mutation.has(other)) {
        let why = format!("must not be specified when patchType is {kind}");
        errors.push(Error::invalid(&at.child(other), format!("{{{other}}}"), why));
    }
}

/// The type of a message; types are told apart by their names.
fn named(name: &str) -> Type {
    Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields: BTreeMap::new() }))
}

/// The strategy of the bindings of policies.
pub(in crate::strategy) enum AdmissionPolicyBindings {
    /// Of those that only check.
    Validating,
    /// Of those that change what is written.
    Mutating,
}

impl Strategy for AdmissionPolicyBindings {
    fn default(&self, object: &mut Value) {
        if let Some(resources) = fields(object).object("spec").object_mut("matchResources") {
            rules::default_selection(resources, &RULES);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        if checks::required(spec, "policyName", &at, &mut errors) {
            let name = spec.text("policyName");
            checks::each(names::dns1123_subdomain(name), name, &at.child("policyName"), &mut errors);
        }
        if spec.has("paramRef") {
            check_reference(spec.at("paramRef"), &at.child("paramRef"), &mut errors);
        }
        let (resources, path) = (spec.at("matchResources"), at.child("matchResources"));
        rules::validate_selection(resources, &path, &mut errors);
        match self {
            AdmissionPolicyBindings::Validating => {
                check_actions(spec, &at.child("validationActions"), &mut errors);
            }
            AdmissionPolicyBindings::Mutating => rules::validate_mutated(resources, &path, &mut errors),
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

fn check_reference(reference: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, has_selector) = (reference.text("name"), reference.has("selector"));
    let exclusive = "name and selector are mutually exclusive";
    if !name.is_empty() {
        checks::each(formats::path_segment(name, false), name, &at.child("name"), errors);
        if has_selector {
            errors.push(Error::forbidden(&at.child("name"), exclusive));
        }
    }
    if has_selector {
        checks::selector(reference.at("selector"), &at.child("selector"), errors);
        if !name.is_empty() {
            errors.push(Error::forbidden(&at.child("selector"), exclusive));
        }
    }
    if name.is_empty() && !has_selector {
        errors.push(Error::required(at, "one of name or selector must be specified"));
    }
    let (action, path) = (reference.text("parameterNotFoundAction"), at.child("parameterNotFoundAction"));
    checks::required_one_of(action, &["Deny", "Allow"], &path, errors);
}

fn check_actions(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let actions: Vec<&str> = spec.texts("validationActions").collect();
    for (index, action) in actions.iter().enumerate() {
        checks::one_of(action, &["Audit", "Deny", "Warn"], &at.index(index), errors);
        if actions[..index].contains(action) {
            errors.push(Error::duplicate(&at.index(index), *action));
        }
    }
    if actions.contains(&"Deny") && actions.contains(&"Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                   response and headers serves no purpose)";
        errors.push(Error::invalid(at, spec.at("validationActions"), why));
    }
    if actions.is_empty() {
        errors.push(Error::required(at, "at least one validation action is required"));
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
    fn parameters_are_of_a_group_and_version() {
        let faults = |version: &str| {
            let mut errors = ErrorList::new();
            check_group_version(version, &Path::new("v"), &mut errors);
            errors.iter().map(|error| format!("{} {}", error.value, &error.detail[..9])).collect::<Vec<_>>()
        };
        assert_eq!(faults("v1"), Vec::<String>::new());
        assert_eq!(faults("example.com/v1"), Vec::<String>::new());
        assert_eq!(faults("a/b/c"), ["\"a/b/c\" unexpecte"]);
        assert_eq!(faults("example.com/"), ["\"example.com/\" version m"]);
        assert_eq!(faults("A/1"), ["\"A\" a lowerca", "\"1\" a DNS-103"]);
    }

    #[test]
    fn variables_are_no_words_of_the_language() {
        assert!(is_identifier("_a1") && !is_identifier("while") && !is_identifier("1a"));
    }

    #[test]
    fn warnings_of_a_status_say_where() {
        let policy = json!({"status": {"typeChecking": {"expressionWarnings": [{"warning": "w"}]}}});
        let errors = AdmissionPolicies::Validating.validate_status(&policy, &Value::Null);
        assert_eq!(texts(&errors), "status.typeChecking.expressionWarnings[0].fieldRef: Required value");
    }
}
