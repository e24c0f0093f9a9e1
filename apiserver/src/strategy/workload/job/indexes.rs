//! Lists of the indexes of an Indexed job: `1,3-5`.

/// How many indexes a list such as `1,3-5` names, of a job with this many completions; or what is wrong with it.
pub(super) fn count(indexes: &str, completions: i64) -> Result<i64, String> {
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

/// The first index that two lists share, as far as they can be read.
pub(super) fn overlap(some: &str, others: &str, completions: i64) -> Option<i64> {
    let read = |list: &str| -> Vec<(i64, i64)> {
        list.split(',').filter_map(|interval| interval_of(interval, completions).ok()).collect()
    };
    let (some, others) = (read(some), read(others));
    let (mut some, mut others) = (some.as_slice(), others.as_slice());
    while let ([(first, last), rest @ ..], [(other, end), others_rest @ ..]) = (some, others) {
        if first <= end && other <= last {
            return Some(*first.max(other));
        }
        if first <= other {
            some = rest;
        } else {
            others = others_rest;
        }
    }
    None
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
            assert_eq!(count(indexes, 5), expected.map_err(str::to_owned), "{indexes}");
        }
    }

    #[test]
    fn lists_share_their_first_common_index() {
        let cases =
            [("0-2,5", "3,5-6", Some(5)), ("0-3", "2", Some(2)), ("0,2", "1,3", None), ("", "1", None)];
        for (some, others, expected) in cases {
            assert_eq!(overlap(some, others, 9), expected, "{some} {others}");
        }
    }
}
