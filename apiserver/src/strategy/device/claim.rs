//! The spec of a claim: what devices are requested, what they have in common, and how they are set up.

use std::collections::BTreeMap;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::{MOST, forms};
use crate::cel::{Environment, Type};
use crate::strategy::checks;
use crate::tree::Read;

/// The most alternatives of a request.
const MOST_ALTERNATIVES: usize = 8;

/// The longest expression of a selector, in bytes, and the most that it may cost by upstream's estimate.
const LONGEST_EXPRESSION: usize = 10 * 1024;
const MOST_COST: u64 = 1_000_000;

/// The most bytes of parameters.
const MOST_PARAMETERS: usize = 10 * 1024;

const NO_REQUEST: &str = "must be the name of a request in the claim or the name of a request and a subrequest \
                          separated by '/'";

/// The requests of a claim, with the names of their alternatives.
pub(super) struct Requests<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Requests<'a> {
    /// Those of a claim's spec.
    pub(super) fn of(spec: &'a Value) -> Self {
        let requests = spec.at("devices").items("requests").iter();
        let names = |request: &'a Value| request.items("firstAvailable").iter().map(|one| one.text("name"));
        Requests(requests.map(|request| (request.text("name"), names(request).collect())).collect())
    }

    fn has(&self, request: &str, alternative: Option<&str>) -> bool {
        let alternatives = self.0.get(request);
        alternatives.is_some_and(|all| alternative.is_none_or(|alternative| all.contains(&alternative)))
    }

    /// Whether a text names one of them.
    pub(super) fn check(&self, text: &str, at: &Path<'_>, errors: &mut ErrorList) {
        let parts: Vec<&str> = text.split('/').collect();
        let (request, alternative) = match parts.as_slice() {
            [request] => (*request, None),
            [request, alternative] => (*request, Some(*alternative)),
            _ => return errors.push(Error::invalid(at, text, NO_REQUEST)),
        };
        parts.iter().for_each(|part| checks::each(names::dns1123_label(part), *part, at, errors));
        if !self.has(request, alternative) {
            errors.push(Error::invalid(at, text, NO_REQUEST));
        }
    }

    /// Whether each text of a list names one of them.
    pub(super) fn check_all(&self, owner: &Value, at: &Path<'_>, errors: &mut ErrorList) {
        let (named, path) = (owner.items("requests"), at.child("requests"));
        forms::set(named, MOST, &path, errors, |name, at, errors| {
            self.check(name.as_str().unwrap_or_default(), at, errors);
        });
    }
}

/// What is wrong with the spec of a claim.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (devices, at) = (spec.at("devices"), at.child("devices"));
    forms::named(devices.items("requests"), MOST, &at.child("requests"), errors, check_request);
    let requests = Requests::of(spec);
    forms::list(devices.items("constraints"), MOST, &at.child("constraints"), errors, |one, at, errors| {
        check_constraint(one, &requests, at, errors);
    });
    forms::list(devices.items("config"), MOST, &at.child("config"), errors, |one, at, errors| {
        requests.check_all(one, at, errors);
        validate_configuration(one, at, errors);
    });
}

fn check_request(request: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_name(request, at, errors);
    let alternatives = request.items("firstAvailable");
    let one_of = "exactly one of `exactly` or `firstAvailable` is required";
    match (request.has("exactly"), alternatives.is_empty()) {
        (false, true) => errors.push(Error::required(at, one_of)),
        (true, false) => {
            let why = format!("{one_of}, but multiple fields are set");
            errors.push(Error::invalid(at, Value::Null, why));
        }
        (true, true) => check_exactly(request.at("exactly"), &at.child("exactly"), errors),
        (false, false) => {
            let path = at.child("firstAvailable");
            forms::named(alternatives, MOST_ALTERNATIVES, &path, errors, |alternative, at, errors| {
                check_name(alternative, at, errors);
                check_exactly(alternative, at, errors);
            });
        }
    }
}

fn check_name(named: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let name = named.text("name");
    checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
}

fn check_exactly(request: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(request, "deviceClassName", at, errors) {
        let class = request.text("deviceClassName");
        checks::each(names::dns1123_subdomain(class), class, &at.child("deviceClassName"), errors);
    }
    validate_selectors(request.items("selectors"), &at.child("selectors"), errors);
    check_count(request, at, errors);
    let path = at.child("tolerations");
    for (index, toleration) in request.items("tolerations").iter().enumerate() {
        check_toleration(toleration, &path.index(index), errors);
    }
}

fn check_count(request: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (count, path) = (request.int("count").unwrap_or_default(), at.child("count"));
    match request.text("allocationMode") {
        "All" if count != 0 => {
            let why = "must not be specified when allocationMode is 'All'";
            errors.push(Error::invalid(&path, count, why));
        }
        "All" => {}
        "ExactCount" if count <= 0 => {
            errors.push(Error::invalid(&path, count, "must be greater than zero"));
        }
        "ExactCount" => {}
        other => checks::one_of(other, &["All", "ExactCount"], &at.child("allocationMode"), errors),
    }
}

fn check_toleration(toleration: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (key, value) = (toleration.text("key"), toleration.text("value"));
    if !key.is_empty() {
        errors.extend(steersman_core::labels::validate_label_name(key, &at.child("key")));
    }
    match toleration.text("operator") {
        "Exists" if !value.is_empty() => {
            errors.push(Error::invalid(&at.child("value"), value, "must be empty for operator `Exists`"));
        }
        "Exists" => {}
        "Equal" => {
            checks::each(steersman_core::labels::label_value(value), value, &at.child("value"), errors);
        }
        other => checks::required_one_of(other, &["Equal", "Exists"], &at.child("operator"), errors),
    }
    if !toleration.text("effect").is_empty() {
        checks::one_of(toleration.text("effect"), &forms::EFFECTS, &at.child("effect"), errors);
    }
}

fn check_constraint(constraint: &Value, requests: &Requests<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    requests.check_all(constraint, at, errors);
    let given = ["matchAttribute", "distinctAttribute"].into_iter().find(|field| constraint.has(field));
    match given {
        Some(field) => forms::fully_qualified(constraint.text(field), &at.child(field), errors),
        None => {
            // Upstream says so where no field is set.
            let why = "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set";
            errors.push(Error::required(at, why));
        }
    }
}

/// What is wrong with how devices are set up.
pub(super) fn validate_configuration(configuration: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (opaque, at) = (configuration.at("opaque"), at.child("opaque"));
    if opaque.is_null() {
        errors.push(Error::required(&at, ""));
        return;
    }
    checks::driver_name(opaque.text("driver"), &at.child("driver"), errors);
    forms::raw_object(opaque.at("parameters"), MOST_PARAMETERS, &at.child("parameters"), errors);
}

/// What is wrong with selectors of devices.
pub(super) fn validate_selectors(selectors: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    forms::list(selectors, MOST, at, errors, |selector, at, errors| {
        let (cel, path) = (selector.at("cel"), at.child("cel"));
        if cel.is_null() {
            errors.push(Error::required(&path, ""));
        } else {
            check_expression(cel.text("expression"), &path.child("expression"), errors);
        }
    });
}

fn check_expression(source: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if source.len() > LONGEST_EXPRESSION {
        errors.push(Error::too_long(at, LONGEST_EXPRESSION));
        return;
    }
    match Environment::device().compile(source) {
        Err(why) => errors.push(Error::invalid(at, source, format!("compilation failed: {why}"))),
        Ok(program) if !matches!(program.kind, Type::Bool | Type::Dyn) => {
            let why = format!("must evaluate to bool or the unknown type, not {}", program.kind);
            errors.push(Error::invalid(at, source, why));
        }
        Ok(program) if program.max_cost > MOST_COST => {
            errors.push(Error::forbidden(at, "too complex, exceeds cost limit"));
        }
        Ok(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(devices: &Value) -> String {
        let mut errors = ErrorList::new();
        validate(&json!({"devices": devices}), &Path::new("spec"), &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    fn request() -> Value {
        let one = |name: &str| json!({"name": name, "deviceClassName": "c", "allocationMode": "All"});
        json!({"name": "r", "firstAvailable": [one("a"), one("b")]})
    }

    #[test]
    fn what_requests_have_in_common_names_them() {
        let constraint = |name: &str, attribute: &str| {
            texts(&json!({
                "requests": [request()],
                "constraints": [{"requests": [name], "matchAttribute": attribute}],
            }))
        };
        let at = "spec.devices.constraints[0]";
        assert_eq!(constraint("r", "example.com/a"), "");
        assert_eq!(constraint("r/b", "example.com/a"), "");
        assert_eq!(
            constraint("r/c", "example.com/a"),
            format!("{at}.requests[0]: Invalid value: \"r/c\": {NO_REQUEST}")
        );
        assert_eq!(
            constraint("r", "a"),
            format!(
                "{at}.matchAttribute: Invalid value: \"a\": a fully qualified name must be a domain and a name \
                 separated by a slash"
            )
        );
    }

    #[test]
    fn a_setup_is_for_a_driver() {
        let config = |opaque: Value| texts(&json!({"requests": [request()], "config": [{"opaque": opaque}]}));
        let at = "spec.devices.config[0].opaque";
        assert_eq!(config(json!({"driver": "d", "parameters": {"a": 1}})), "");
        assert_eq!(
            config(json!({"driver": "", "parameters": []})),
            format!(
                "{at}.driver: Required value, {at}.parameters: Invalid value: \"<value omitted>\": must be a valid \
                 JSON object"
            )
        );
        assert_eq!(config(Value::Null), format!("{at}: Required value"));
    }

    #[test]
    fn a_toleration_has_an_operator() {
        let toleration = |toleration: Value| {
            let mut errors = ErrorList::new();
            check_toleration(&toleration, &Path::new("t"), &mut errors);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(toleration(json!({"operator": "Exists"})), "");
        assert_eq!(toleration(json!({})), "t.operator: Required value");
        assert_eq!(
            toleration(json!({"operator": "Exists", "value": "v", "effect": "x"})),
            "t.value: Invalid value: \"v\": must be empty for operator `Exists`, t.effect: Unsupported value: \"x\": \
             supported values: \"NoExecute\", \"NoSchedule\", \"None\""
        );
    }
}
