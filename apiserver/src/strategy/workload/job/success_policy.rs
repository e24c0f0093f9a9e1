//! The rules of a job's success policy.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::indexes;
use crate::strategy::checks;
use crate::tree::Read;

/// The most rules.
const MOST: usize = 20;

/// The longest list of indexes, in bytes.
const LONGEST: usize = 64 * 1024;

/// What is wrong with the policy of a job with this many completions.
pub(super) fn validate(policy: &Value, completions: i64, at: &Path<'_>, errors: &mut ErrorList) {
    let (rules, path) = (policy.items("rules"), at.child("rules"));
    if rules.is_empty() {
        let why = "at least one rules must be specified when the successPolicy is specified";
        errors.push(Error::required(&path, why));
    }
    checks::at_most(rules, MOST, &path, errors);
    for (index, rule) in rules.iter().enumerate() {
        check_rule(rule, completions, &path.index(index), errors);
    }
}

fn check_rule(rule: &Value, completions: i64, at: &Path<'_>, errors: &mut ErrorList) {
    let (indexes, count) = (rule.at("succeededIndexes").as_str(), rule.int("succeededCount"));
    if indexes.is_none() && count.is_none() {
        let why = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(Error::required(at, why));
    }
    let mut total = 0;
    if let Some(indexes) = indexes {
        let path = at.child("succeededIndexes");
        if indexes.len() > LONGEST {
            errors.push(Error::too_long(&path, LONGEST));
        }
        match indexes::count(indexes, completions) {
            Ok(counted) => total = counted,
            Err(why) => {
                let why = format!("error parsing succeededIndexes: {why}");
                errors.push(Error::invalid(&path, indexes, why));
            }
        }
    }
    let Some(count) = count else { return };
    checks::non_negative(rule, "succeededCount", at, errors);
    let path = at.child("succeededCount");
    if count > completions {
        let why =
            format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.push(Error::invalid(&path, count, why));
    }
    if indexes.is_some() && count > total {
        let why = format!(
            "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.push(Error::invalid(&path, count, why));
    }
}
