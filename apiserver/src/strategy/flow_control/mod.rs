//! FlowSchemas and PriorityLevelConfigurations: which requests wait for which, and how many.

mod schema;

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use super::{Strategy, WriteContext, checks};
use crate::tree::{Fill, Read, fields};

pub(super) use schema::FlowSchemas;

/// The level that nothing is held back on.
const EXEMPT: &str = "exempt";

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
        if (name == EXEMPT) != (kind == "Exempt") {
            let why = "must be 'Exempt' if and only if `name` is 'exempt'";
            errors.push(Error::invalid(&path, kind, why));
        }
        let limited = at.child("limited");
        match kind {
            "Exempt" if spec.has("limited") => {
                errors.push(Error::forbidden(&limited, "must be nil if the type is not Limited"));
            }
            "Exempt" => {}
            "Limited" => {
                if spec.has("exempt") {
                    let why = "must be nil if the type is Limited";
                    errors.push(Error::forbidden(&at.child("exempt"), why));
                }
                check_limited(spec.at("limited"), &limited, &mut errors);
            }
            other => checks::one_of(other, &["Exempt", "Limited"], &path, &mut errors),
        }
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }
}

fn check_limited(limited: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if limited.is_null() {
        errors.push(Error::required(at, "must not be empty when type is Limited"));
        return;
    }
    if let Some(shares) = limited.int("nominalConcurrencyShares").filter(|shares| *shares < 0) {
        let why = "must be a non-negative integer";
        errors.push(Error::invalid(&at.child("nominalConcurrencyShares"), shares, why));
    }
    check_response(limited.at("limitResponse"), &at.child("limitResponse"), errors);
    if let Some(percent) = limited.int("lendablePercent").filter(|percent| !(0..=100).contains(percent)) {
        let why = "must be between 0 and 100, inclusive";
        errors.push(Error::invalid(&at.child("lendablePercent"), percent, why));
    }
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
    for field in ["queueLengthLimit", "queues", "handSize"] {
        if number(field) <= 0 {
            errors.push(Error::invalid(&at.child(field), number(field), "must be positive"));
        }
    }
    if queues > MOST_QUEUES {
        let why = format!("must not be greater than {MOST_QUEUES}");
        errors.push(Error::invalid(&at.child("queues"), queues, why));
    }
    let path = at.child("handSize");
    if queues <= 0 || hand <= 0 {
        return;
    }
    if hand > queues {
        errors.push(Error::invalid(&path, hand, format!("should not be greater than queues ({queues})")));
    } else if bits(queues, hand) > MOST_BITS {
        let why = format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {MOST_BITS}"
        );
        errors.push(Error::invalid(&path, hand, why));
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
