//! The rules of a job's success policy.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

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
        match count_indexes(indexes, completions) {
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

/// How many indexes a list such as `1,3-5` names.
fn count_indexes(indexes: &str, completions: i64) -> Result<i64, String> {
    if indexes.is_empty() {
        return Ok(0);
    }
    let (mut total, mut last) = (0, None);
    for interval in indexes.split(',') {
        let (first, end) = interval_of(interval, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn interval_of(interval: &str, completions: i64) -> Result<(i64, i64), String> {
    let limits: Vec<&str> = interval.split('-').collect();
    if limits.len() > 2 {
        return Err(format!(
            "the fragment {interval:?} violates the requirement that an index interval can have at most two parts \
             separated by '-'"
        ));
    }
    let read = |text: &str| match text.parse::<i64>() {
        Err(_) => Err(format!("cannot convert string to integer for index: {text:?}")),
        Ok(index) if index >= completions => Err(format!("too large index: {text:?}")),
        Ok(index) => Ok(index),
    };
    let first = read(limits[0])?;
    let Some(end) = limits.get(1) else { return Ok((first, first)) };
    let end = read(end)?;
    if first >= end {
        return Err(format!("non-increasing order, previous: {first}, current: {end}"));
    }
    Ok((first, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_stand_in_order_below_the_completions() {
        let cases = [
            ("", Ok(0)),
            ("0,2-4", Ok(4)),
            ("0-5", Err("too large index: \"5\"")),
            ("b", Err("cannot convert string to integer for index: \"b\"")),
            ("2,1", Err("non-increasing order, previous: 2, current: 1")),
            ("3-2", Err("non-increasing order, previous: 3, current: 2")),
        ];
        for (indexes, expected) in cases {
            assert_eq!(count_indexes(indexes, 5), expected.map_err(str::to_owned), "{indexes}");
        }
    }
}
