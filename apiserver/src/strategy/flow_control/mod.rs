//! FlowSchemas and PriorityLevelConfigurations: which requests wait for which, and how many.

mod bootstrap;
mod schema;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{Strategy, WriteContext, checks, internal};
use crate::tree::{Fill, Read, fields};

pub(crate) use bootstrap::{MANAGER, flow_schemas, priority_levels};
pub(super) use schema::FlowSchemas;

/// The level that nothing is held back on.
const EXEMPT: &str = "exempt";

/// What cannot be otherwise than it is: the server would not know what to do with some requests.
const MANDATORY: [&str; 2] = [EXEMPT, "catch-all"];

/// What an old version kept in this annotation has a field of its own.
const PRESERVE: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";

/// The most queues of a level.
const MOST_QUEUES: i64 = 10_000_000;

/// The most bits that the choice of a hand of queues may take.
const MOST_BITS: i64 = 60;

/// The strategy of priority levels.
pub(super) struct PriorityLevels;

impl Strategy for PriorityLevels {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        if let Some(exempt) = spec.object_mut("exempt") {
            exempt.fill("nominalConcurrencyShares", 0);
            exempt.fill("lendablePercent", 0);
        }
        let Some(limited) = spec.object_mut("limited") else { return };
        limited.fill("nominalConcurrencyShares", 30);
        limited.fill("lendablePercent", 0);
        if let Some(queuing) = limited.object("limitResponse").object_mut("queuing") {
            queuing.fill_zero("queues", 64);
            queuing.fill_zero("handSize", 8);
            queuing.fill_zero("queueLengthLimit", 50);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let (spec, name) = (object.at("spec"), object.at("metadata").text("name"));
        let (kind, path) = (spec.text("type"), at.child("type"));
        if object.at("metadata").at("annotations").has(PRESERVE) {
            let metadata = Path::new("metadata");
            let why = format!("annotation '{PRESERVE}' is forbidden");
            errors.push(Error::forbidden(&metadata.child("annotations"), why));
        }
        if (name == EXEMPT) != (kind == "Exempt") {
            let why = "must be 'Exempt' if and only if `name` is 'exempt'";
            errors.push(Error::invalid(&path, kind, why));
        }
        let limited = at.child("limited");
        match kind {
            "Exempt" => {
                if spec.has("limited") {
                    errors.push(Error::forbidden(&limited, "must be nil if the type is not Limited"));
                }
                check_exempt(spec.at("exempt"), &at.child("exempt"), &mut errors);
            }
            "Limited" => {
                if spec.has("exempt") {
                    let why = "must be nil if the type is Limited";
                    errors.push(Error::forbidden(&at.child("exempt"), why));
                }
                check_limited(spec.at("limited"), &limited, &mut errors);
            }
            other => checks::one_of(other, &["Exempt", "Limited"], &path, &mut errors),
        }
        check_fixed_level(spec, name, &at, &mut errors);
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        check_conditions(object)
    }
}

/// The spec that an object of this name must have.
fn mandatory(name: &str, all: fn() -> Vec<Value>) -> Option<Value> {
    let known = if MANDATORY.contains(&name) { all() } else { Vec::new() };
    known.iter().find(|one| one.at("metadata").text("name") == name).map(|one| one.at("spec").clone())
}

/// How much the exempt level lends is its administrator's choice.
fn check_fixed_level(spec: &Value, name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(mut fixed) = mandatory(name, priority_levels) else { return };
    let exception = if name == EXEMPT { " except the 'spec.exempt' field" } else { "" };
    if name == EXEMPT {
        fields(&mut fixed).put("exempt", spec.at("exempt").clone());
    }
    if ["type", "limited", "exempt"].iter().any(|field| spec.at(field) != fixed.at(field)) {
        let why = format!("spec of '{name}'{exception} must equal the fixed value");
        errors.push(Error::invalid(at, internal::priority_level_spec(spec), why));
    }
}

/// Conditions have types, each one of its own.
fn check_conditions(object: &Value) -> ErrorList {
    let (mut errors, status) = (ErrorList::new(), Path::new("status"));
    let (conditions, at) = (object.at("status").items("conditions"), status.child("conditions"));
    for (index, condition) in conditions.iter().enumerate() {
        let (item, kind) = (at.index(index), condition.text("type"));
        if conditions[..index].iter().any(|before| before.text("type") == kind) {
            errors.push(Error::duplicate(&item.child("type"), kind));
        }
        if kind.is_empty() {
            errors.push(Error::required(&item.child("type"), ""));
        }
    }
    errors
}

fn check_exempt(exempt: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    check_shares(exempt, at, errors);
    check_lendable(exempt, at, errors);
}

fn check_shares(level: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(shares) = level.int("nominalConcurrencyShares").filter(|shares| *shares < 0) {
        let why = "must be a non-negative integer";
        errors.push(Error::invalid(&at.child("nominalConcurrencyShares"), shares, why));
    }
}

fn check_lendable(level: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(percent) = level.int("lendablePercent").filter(|percent| !(0..=100).contains(percent)) {
        let why = "must be between 0 and 100, inclusive";
        errors.push(Error::invalid(&at.child("lendablePercent"), percent, why));
    }
}

fn check_limited(limited: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if limited.is_null() {
        errors.push(Error::required(at, "must not be empty when type is Limited"));
        return;
    }
    check_shares(limited, at, errors);
    check_response(limited.at("limitResponse"), &at.child("limitResponse"), errors);
    check_lendable(limited, at, errors);
    if let Some(percent) = limited.int("borrowingLimitPercent").filter(|percent| *percent < 0) {
        let why = "if specified, must be a non-negative integer";
        errors.push(Error::invalid(&at.child("borrowingLimitPercent"), percent, why));
    }
}

fn check_response(response: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (queuing, path) = (response.at("queuing"), at.child("queuing"));
    match response.text("type") {
        "Reject" if queuing.is_null() => {}
        "Reject" => {
            let why = "must be nil if limited.limitResponse.type is not Limited";
            errors.push(Error::forbidden(&path, why));
        }
        "Queue" if queuing.is_null() => {
            let why = "must not be empty if limited.limitResponse.type is Limited";
            errors.push(Error::required(&path, why));
        }
        "Queue" => check_queuing(queuing, &path, errors),
        other => checks::one_of(other, &["Queue", "Reject"], &at.child("type"), errors),
    }
}

fn check_queuing(queuing: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let number = |field: &str| queuing.int(field).unwrap_or_default();
    let (queues, hand) = (number("queues"), number("handSize"));
    let mut refuse = |field: &str, why: String| {
        errors.push(Error::invalid(&at.child(field), number(field), why));
    };
    if number("queueLengthLimit") <= 0 {
        refuse("queueLengthLimit", "must be positive".to_owned());
    }
    if queues <= 0 {
        refuse("queues", "must be positive".to_owned());
    } else if queues > MOST_QUEUES {
        refuse("queues", format!("must not be greater than {MOST_QUEUES}"));
    }
    if hand <= 0 {
        refuse("handSize", "must be positive".to_owned());
    } else if hand > queues {
        refuse("handSize", format!("should not be greater than queues ({queues})"));
    } else if bits(queues, hand) > MOST_BITS {
        let what = format!("required entropy bits of deckSize {queues} and handSize {hand}");
        refuse("handSize", format!("{what} should not be greater than {MOST_BITS}"));
    }
}

/// The bits that it takes to choose `hand` of `queues`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "upstream rounds a logarithm, of numbers far below what a float tells apart"
)]
fn bits(queues: i64, hand: i64) -> i64 {
    ((queues as f64).log2() * hand as f64).ceil() as i64
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_hand_is_dealt_from_the_queues_that_there_are() {
        let at = "queuing";
        let cases = [
            (json!({"queues": 64, "handSize": 8, "queueLengthLimit": 50}), String::new()),
            (
                json!({"queues": -1, "handSize": 1, "queueLengthLimit": 0}),
                [
                    format!("{at}.queueLengthLimit: Invalid value: 0: must be positive"),
                    format!("{at}.queues: Invalid value: -1: must be positive"),
                    format!("{at}.handSize: Invalid value: 1: should not be greater than queues (-1)"),
                ]
                .join(", "),
            ),
        ];
        for (queuing, expected) in cases {
            let mut errors = ErrorList::new();
            check_queuing(&queuing, &Path::new(at), &mut errors);
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(texts.join(", "), expected);
        }
    }

    #[test]
    fn what_the_server_cannot_do_without_stays_as_it_is() {
        let texts = |level: &Value| {
            PriorityLevels.validate(level).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for mut level in priority_levels() {
            assert_eq!(texts(&level), Vec::<String>::new());
            if level["metadata"]["name"] == "exempt" {
                level["spec"]["exempt"]["lendablePercent"] = 7.into();
                assert_eq!(texts(&level), Vec::<String>::new());
            }
            if level["metadata"]["name"] == "catch-all" {
                level["spec"]["limited"]["lendablePercent"] = 7.into();
                let expected = "spec: Invalid value: {\"Type\":\"Limited\",\"Limited\":{\"NominalConcurrencyShares\":5,\
                                \"LimitResponse\":{\"Type\":\"Reject\",\"Queuing\":null},\"LendablePercent\":7,\
                                \"BorrowingLimitPercent\":null},\"Exempt\":null}: spec of 'catch-all' must equal the fixed \
                                value";
                assert_eq!(texts(&level), [expected]);
            }
        }
    }

    #[test]
    fn a_level_that_is_exempt_has_shares_all_the_same() {
        let exempt = json!({"nominalConcurrencyShares": -1, "lendablePercent": 101});
        let spec = json!({"type": "Exempt", "exempt": exempt, "limited": {}});
        let level = json!({"metadata": {"name": "exempt"}, "spec": spec});
        let mut texts: Vec<String> =
            PriorityLevels.validate(&level).iter().map(ToString::to_string).collect();
        assert!(texts.pop().is_some_and(|text| text.ends_with("must equal the fixed value")));
        let expected = [
            "spec.limited: Forbidden: must be nil if the type is not Limited",
            "spec.exempt.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
            "spec.exempt.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
        ];
        assert_eq!(texts, expected);
    }
}
