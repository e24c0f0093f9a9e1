//! The checks that many kinds share, over JSON trees.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use steersman_core::field::{Error, ErrorList, Path, Shown};
use steersman_core::tree::{Map, Value, from_value};
use steersman_core::{Quantity, addresses, formats, labels, names, selector};

use crate::tree::{Fill, Read};

/// What upstream says where a field may not change.
pub(super) const IMMUTABLE: &str = "field is immutable";

/// The longest reason and the longest message of a condition, in bytes.
const LONGEST_REASON: usize = 1024;
const LONGEST_MESSAGE: usize = 32 * 1024;

/// An error for each message.
pub(super) fn each(messages: Vec<String>, value: impl Shown + Copy, path: &Path<'_>, errors: &mut ErrorList) {
    errors.extend(messages.into_iter().map(|message| Error::invalid(path, value, message)));
}

/// One of the values that there are.
pub(super) fn one_of(value: &str, supported: &[&str], path: &Path<'_>, errors: &mut ErrorList) {
    if !supported.contains(&value) {
        errors.push(Error::not_supported(path, value, supported));
    }
}

/// One of the values that there are, and given.
pub(super) fn required_one_of(value: &str, supported: &[&str], path: &Path<'_>, errors: &mut ErrorList) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
    } else {
        one_of(value, supported, path, errors);
    }
}

/// A number that is zero or more, where there is one.
pub(super) fn non_negative(tree: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(value) = tree.int(field).filter(|value| *value < 0) {
        errors.push(Error::invalid(&at.child(field), value, "must be greater than or equal to 0"));
    }
}

/// A text that is given; true if it is.
pub(super) fn required(tree: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) -> bool {
    let given = !tree.text(field).is_empty();
    if !given {
        errors.push(Error::required(&at.child(field), ""));
    }
    given
}

/// A port number.
pub(super) fn port(number: i64, path: &Path<'_>, errors: &mut ErrorList) {
    each(formats::port_number(number), number, path, errors);
}

/// A whole number that is zero or more, or a percentage.
pub(super) fn count_or_percent(value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    match value {
        Value::String(text) => each(formats::percent(text), text.as_str(), path, errors),
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            errors.push(Error::invalid(path, value, "must be greater than or equal to 0"));
        }
        _ => {}
    }
}

/// A percentage that is no more than all.
pub(super) fn not_more_than_all(value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if percentage(value).is_some_and(|percent| percent > 100) {
        errors.push(Error::invalid(path, value, "must not be greater than 100%"));
    }
}

/// Reads a well-formed percentage.
pub(super) fn percentage(value: &Value) -> Option<i64> {
    let digits = value.as_str()?.strip_suffix('%')?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().unwrap_or(i64::MAX))
}

/// The number of a whole number or a percentage. Upstream takes what is neither for zero, but for the text of a number.
pub(super) fn number_or_percentage(value: &Value) -> i64 {
    let number = value.as_i64().or_else(|| percentage(value));
    number.or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// The keys and values of labels.
pub(super) fn labels(map: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    for (key, value) in map.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        errors.extend(labels::validate_label_name(key, path));
        each(labels::label_value(value), value, path, errors);
    }
}

/// The keys and the size of annotations.
pub(super) fn annotations(map: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let texts = map.as_object().into_iter().flatten();
    let texts = texts.map(|(key, value)| (key.to_string(), value.as_str().unwrap_or_default().to_owned()));
    if !map.is_null() {
        errors.extend(labels::validate_annotations(&texts.collect(), path));
    }
}

/// The keys, operators and values of a selector.
pub(super) fn selector(selector: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    errors.extend(labels::validate_label_selector(read_selector(selector).as_ref(), path));
}

/// Whether a selector selects labels; no selector selects none, and a malformed one, which [`selector`] reports, is
/// given the benefit of the doubt.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let labels = labels.as_object().into_iter().flatten();
    let labels = labels.map(|(key, value)| (key.to_string(), value.as_str().unwrap_or_default().to_owned()));
    let selector = selector::LabelSelector::from_object(read_selector(selector).as_ref());
    selector.map_or(true, |selector| selector.matches(&labels.collect()))
}

/// Whether a selector can select nothing because it says nothing.
pub(super) fn is_malformed(selector: &Value) -> bool {
    !selector.is_null() && selector::LabelSelector::from_object(read_selector(selector).as_ref()).is_err()
}

fn read_selector(selector: &Value) -> Option<LabelSelector> {
    from_value(selector.clone()).ok().flatten()
}

/// A value that the message leaves out.
#[derive(Clone, Copy)]
pub(super) struct Omitted;

impl Shown for Omitted {
    fn shown(&self) -> String {
        String::new()
    }
}

/// A list that is not too long.
pub(super) fn at_most<T>(items: &[T], most: usize, path: &Path<'_>, errors: &mut ErrorList) {
    if items.len() > most {
        errors.push(Error::too_many(path, items.len(), most));
    }
}

/// A domain, a slash, and a path: `acme.io/foo`.
pub(super) fn domain_prefixed_path(value: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    let Some((domain, rest)) =
        value.split_once('/').filter(|(domain, rest)| !domain.is_empty() && !rest.is_empty())
    else {
        errors.push(Error::invalid(path, value, "must be a domain-prefixed path (such as \"acme.io/foo\")"));
        return;
    };
    each(names::dns1123_subdomain(domain), domain, path, errors);
    let is_path = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
    if !rest.chars().all(is_path) {
        let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        errors.push(Error::invalid(path, rest, why));
    }
}

/// More than nothing of something.
pub(super) fn positive_quantity(value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if quantity(value).is_some_and(|quantity| quantity.is_zero() || quantity.is_negative()) {
        errors.push(Error::invalid(path, value, "must be greater than zero"));
    }
}

/// Something, or nothing.
pub(super) fn quantity_not_negative(value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    if quantity(value).is_some_and(|quantity| quantity.is_negative()) {
        errors.push(Error::invalid(path, value, "must be greater than or equal to 0"));
    }
}

/// A quantity whose whole part is not negative.
pub(super) fn basic_quantity(value: &Value, path: &Path<'_>, errors: &mut ErrorList) {
    let negative = quantity(value).map(|quantity| quantity.value()).filter(|whole| *whole < 0);
    errors.extend(negative.map(|whole| Error::invalid(path, whole, "must be a valid resource quantity")));
}

/// The longest name of a CSI driver, in bytes.
const LONGEST_DRIVER: usize = 63;

/// The name of a CSI driver, which is given.
pub(super) fn driver_name(name: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    if name.len() > LONGEST_DRIVER {
        errors.push(Error::too_long(path, LONGEST_DRIVER));
    }
    each(names::dns1123_subdomain(&name.to_lowercase()), name, path, errors);
}

fn quantity(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

/// Gives an object whose status is written the metadata that it had; upstream's `ResetObjectMetaForStatus`.
pub(super) fn keep_metadata(object: &mut Map, old: &Value) {
    let metadata = object.object("metadata");
    for field in ["labels", "annotations", "ownerReferences", "finalizers"] {
        match old.at("metadata").at(field) {
            Value::Null => metadata.drop_field(field),
            value => metadata.put(field, value.clone()),
        }
    }
}

/// The addresses of a load balancer.
pub(super) fn load_balancer(balancer: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("ingress");
    for (index, point) in balancer.items("ingress").iter().enumerate() {
        let at = path.index(index);
        balancer_ip(point, &at, errors);
        balancer_host(point, &at, errors);
    }
}

/// The warnings for the addresses of the load balancer in the status of an object.
pub(super) fn balancer_warnings(object: &Value) -> Vec<String> {
    let status = Path::new("status");
    let balancer = status.child("loadBalancer");
    let path = balancer.child("ingress");
    let points = object.at("status").at("loadBalancer").items("ingress").iter().enumerate();
    points.filter_map(|(index, point)| addresses::warn_of_ip(point.text("ip"), &path.index(index))).collect()
}

/// The address of a load balancer, if it has one.
pub(super) fn balancer_ip(point: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let ip = point.text("ip");
    if !ip.is_empty() {
        errors.extend(addresses::validate_ip(ip, &at.child("ip")));
    }
}

/// The host name of a load balancer, if it has one.
pub(super) fn balancer_host(point: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (host, path) = (point.text("hostname"), at.child("hostname"));
    if !host.is_empty() {
        each(names::dns1123_subdomain(host), host, &path, errors);
        no_address(host, &path, errors);
    }
}

/// A name, and no address.
pub(super) fn no_address(host: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if addresses::parse_ip(host).is_some() {
        errors.push(Error::invalid(path, host, "must be a DNS name, not an IP address"));
    }
}

/// The port of a service that the server calls.
pub(super) fn valid_port(service: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(port) = service.int("port") else { return };
    let messages = formats::port_number(port);
    if !messages.is_empty() {
        let why = format!("port is not valid: {}", messages.join(","));
        errors.push(Error::invalid(&at.child("port"), port, why));
    }
}

/// A text that can be a step of a path, and is given.
pub(super) fn path_segment(tree: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if required(tree, field, at, errors) {
        let text = tree.text(field);
        each(formats::path_segment(text, false), text, &at.child(field), errors);
    }
}

/// An object of the same namespace, of a kind of some group.
pub(super) fn local_reference(reference: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(group) = reference.at("apiGroup").as_str() {
        each(names::dns1123_subdomain(group), group, &at.child("apiGroup"), errors);
    }
    path_segment(reference, "kind", at, errors);
    path_segment(reference, "name", at, errors);
}

/// Conditions of the common kind, each type once; upstream's `ValidateConditions`.
pub(super) fn conditions(conditions: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, condition) in conditions.iter().enumerate() {
        let (item, kind) = (at.index(index), condition.text("type"));
        if conditions[..index].iter().any(|before| before.text("type") == kind) {
            errors.push(Error::duplicate(&item.child("type"), kind));
        }
        check_condition(condition, &item, errors);
    }
}

fn check_condition(condition: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    errors.extend(labels::validate_label_name(condition.text("type"), &at.child("type")));
    one_of(condition.text("status"), &["False", "True", "Unknown"], &at.child("status"), errors);
    if let Some(generation) = condition.int("observedGeneration").filter(|generation| *generation < 0) {
        let why = "must be greater than or equal to zero";
        errors.push(Error::invalid(&at.child("observedGeneration"), generation, why));
    }
    if !condition.has("lastTransitionTime") {
        errors.push(Error::required(&at.child("lastTransitionTime"), "must be set"));
    }
    let (reason, path) = (condition.text("reason"), at.child("reason"));
    if reason.is_empty() {
        errors.push(Error::required(&path, "must be set"));
    } else {
        each(formats::condition_reason(reason), reason, &path, errors);
        if reason.len() > LONGEST_REASON {
            errors.push(Error::too_long(&path, LONGEST_REASON));
        }
    }
    if condition.text("message").len() > LONGEST_MESSAGE {
        errors.push(Error::too_long(&at.child("message"), LONGEST_MESSAGE));
    }
}

/// A field that an update may not change.
pub(super) fn unchanged(new: &Value, old: &Value, field: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if new.at(field) != old.at(field) {
        errors.push(Error::invalid(&at.child(field), new.at(field), IMMUTABLE));
    }
}
