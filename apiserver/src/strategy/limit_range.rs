//! LimitRanges: what a container asks for if it does not say, and how the bounds stand to each other.

use std::collections::BTreeSet;

use steersman_core::Quantity;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::labels;
use steersman_core::quantity::Format;
use steersman_core::tree::{Map, Value};

use super::{Strategy, checks, pod_spec};
use crate::tree::{Fill, Read, fields};

/// The kinds of things that are limited.
const TYPES: [&str; 3] = ["Pod", "Container", "PersistentVolumeClaim"];

/// The strategy of limit ranges.
pub(super) struct LimitRanges;

impl Strategy for LimitRanges {
    fn default(&self, object: &mut Value) {
        for limit in fields(object).object("spec").objects_mut("limits") {
            if limit.text("type") == "Container" {
                fill(limit, "max", "default");
                fill(limit, "default", "defaultRequest");
                fill(limit, "min", "defaultRequest");
            }
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let (limits, at) = (object.at("spec").items("limits"), spec.child("limits"));
        for (index, limit) in limits.iter().enumerate() {
            let (path, kind) = (at.index(index), limit.text("type"));
            check_type(kind, &path.child("type"), &mut errors);
            if limits[..index].iter().any(|before| before.text("type") == kind) {
                errors.push(Error::duplicate(&path.child("type"), kind));
            }
            check_limit(limit, &path, &mut errors);
        }
        errors
    }

    fn names_nameless(&self) -> bool {
        true
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }
}

/// Takes over what one list has and the other has not.
fn fill(limit: &mut Map, from: &str, to: &str) {
    let given: Vec<(String, Value)> =
        limit.entries(from).map(|(name, value)| (name.to_owned(), value.clone())).collect();
    for (name, value) in given {
        limit.object(to).fill(&name, value);
    }
}

fn check_type(kind: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let messages = labels::qualified_name(kind);
    if messages.is_empty() && !kind.contains('/') && !TYPES.contains(&kind) {
        errors.push(Error::invalid(at, kind, "must be a standard limit type or fully qualified"));
    }
    checks::each(messages, kind, at, errors);
}

fn check_limit(limit: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let kind = limit.text("type");
    for list in ["max", "min"] {
        check_names(limit, list, at, errors);
    }
    for list in ["default", "defaultRequest"] {
        if kind == "Pod" && limit.entries(list).next().is_some() {
            errors.push(Error::forbidden(&at.child(list), "may not be specified when `type` is 'Pod'"));
        } else if kind != "Pod" {
            check_names(limit, list, at, errors);
        }
    }
    if kind == "PersistentVolumeClaim" && !limit.at("min").has("storage") && !limit.at("max").has("storage") {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errors.push(Error::required(&at.child("limits"), why));
    }
    check_names(limit, "maxLimitRequestRatio", at, errors);
    let lists = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];
    let names: BTreeSet<&str> =
        lists.iter().flat_map(|list| limit.entries(list)).map(|(name, _)| name).collect();
    for name in names {
        check_bounds(&Bounds { limit, name, at }, errors);
    }
}

fn check_names(limit: &Value, list: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child(list);
    for (name, _) in limit.entries(list) {
        match limit.text("type") {
            "Pod" | "Container" => pod_spec::validate_container_resource(name, &path.key(name), errors),
            _ => pod_spec::validate_resource_name(name, &path.key(name), errors),
        }
    }
}

/// The bounds of one resource.
struct Bounds<'a> {
    limit: &'a Value,
    name: &'a str,
    at: &'a Path<'a>,
}

impl Bounds<'_> {
    fn of(&self, list: &str) -> Option<Quantity> {
        self.limit.at(list).at(self.name).as_str()?.parse().ok()
    }

    /// Refuses a lesser bound that is greater; `shown` is the list whose value is told, under the name of `list`.
    fn ordered(&self, [less, more]: [(&str, &str); 2], (list, shown): (&str, &str), errors: &mut ErrorList) {
        let (Some(small), Some(great)) = (self.of(less.0), self.of(more.0)) else { return };
        if small > great {
            let why = format!("{} {small} is greater than {} {great}", less.1, more.1);
            let path = self.at.child(list);
            errors.push(Error::invalid(&path.key(self.name), self.limit.at(shown).at(self.name), why));
        }
    }
}

fn check_bounds(bounds: &Bounds<'_>, errors: &mut ErrorList) {
    let (min, max) = (("min", "min value"), ("max", "max value"));
    let request = ("defaultRequest", "default request value");
    let (default, limit) = (("default", "default value"), ("default", "default limit value"));
    bounds.ordered([min, max], ("min", "min"), errors);
    bounds.ordered([min, request], ("defaultRequest", "defaultRequest"), errors);
    bounds.ordered([request, max], ("defaultRequest", "defaultRequest"), errors);
    bounds.ordered([request, limit], ("defaultRequest", "defaultRequest"), errors);
    bounds.ordered([min, default], ("default", "min"), errors);
    bounds.ordered([default, max], ("default", "max"), errors);
    check_ratio(bounds, errors);
    check_equal(bounds, errors);
}

/// What cannot be promised twice is asked for as much as it is limited.
fn check_equal(bounds: &Bounds<'_>, errors: &mut ErrorList) {
    let (name, list) = (bounds.name, "defaultRequest");
    let is_native = !name.contains('/') || name.contains("kubernetes.io/");
    let (Some(default), Some(request)) = (bounds.of("default"), bounds.of(list)) else { return };
    if default != request && (!is_native || name.starts_with("hugepages-")) {
        let why = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        errors.push(Error::invalid(&bounds.at.child(list).key(name), bounds.limit.at(list).at(name), why));
    }
}

#[expect(clippy::cast_precision_loss, reason = "upstream compares ratios as floating point numbers")]
fn check_ratio(bounds: &Bounds<'_>, errors: &mut ErrorList) {
    let Some(ratio) = bounds.of("maxLimitRequestRatio") else { return };
    let (list, shown) = (bounds.at.child("maxLimitRequestRatio"), bounds.limit.at("maxLimitRequestRatio"));
    let (at, shown) = (list.key(bounds.name), shown.at(bounds.name));
    if ratio < Quantity::new(1, Format::DecimalSI) {
        errors.push(Error::invalid(&at, shown, format!("ratio {ratio} is less than 1")));
    }
    let (Some(min), Some(max)) = (bounds.of("min"), bounds.of("max")) else { return };
    if min.is_zero() {
        return;
    }
    let most = max.milli_value() as f64 / min.milli_value() as f64;
    if ratio.milli_value() as f64 / 1000.0 > most {
        let why = format!("ratio {ratio} is greater than max/min = {most:.6}");
        errors.push(Error::invalid(&at, shown, why));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_limit_is_no_less_than_what_is_asked_for() {
        let why = "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"999900u\": ratio 999900u is less than 1";
        for (ratio, expected) in [("1", ""), ("999900u", why)] {
            let limit = json!({"type": "Container", "maxLimitRequestRatio": {"cpu": ratio}});
            let errors = LimitRanges.validate(&json!({"spec": {"limits": [limit]}}));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }

    #[test]
    fn what_cannot_be_promised_twice_is_asked_for_as_it_is_limited() {
        let limit = |name: &str| {
            let range = json!({"spec": {"limits": [
                {"type": "Container", "default": {name: "4"}, "defaultRequest": {name: "2"}}]}});
            LimitRanges.validate(&range).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(limit("cpu"), "");
        assert_eq!(
            limit("example.com/gpu"),
            "spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: \"2\": default value 4 must equal to \
             defaultRequest value 2 in example.com/gpu"
        );
    }
}
