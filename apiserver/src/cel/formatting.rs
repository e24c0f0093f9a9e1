//! The function `format`: values as text.

use steersman_core::field::quote;

use super::clauses::{self, Arguments, Clause};
use super::convert;
use super::eval::Outcome;
use super::failure::Failure;
use super::functions::shared;
use super::value::{List, Map, Value};
use crate::schema::float;

/// How many digits stand behind the point of a double, unless something else is said.
const DIGITS: usize = 6;

/// No double has more digits behind its point than this, whatever is said: more of them are zeros.
const MOST_DIGITS: usize = 1100;

/// Fills the clauses of a text with values; `None` if the function is another.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let ("format", [Value::String(text), Value::List(list)]) = (function, args) else { return None };
    Some(clauses::fill(text.as_str(), &mut Given(list)).map(shared).map_err(Failure::Error))
}

struct Given<'v, 'a>(&'v List<'a>);

impl Arguments for Given<'_, '_> {
    fn ask(&mut self, index: usize) -> Result<(), String> {
        if index < self.0.len() { Ok(()) } else { Err(clauses::out_of_range(index)) }
    }

    fn fill(&mut self, index: usize, clause: Clause) -> Result<String, String> {
        let value = self.0.get(index).ok_or_else(|| clauses::out_of_range(index))?;
        written(clause, &value)
    }
}

/// What a clause makes of a value.
fn written(clause: Clause, value: &Value<'_>) -> Result<String, String> {
    let unfit = || Err(clause.unfit(value.type_name()));
    Ok(match (clause, value) {
        (Clause::Text, _) => return text(value),
        (Clause::Decimal, Value::Int(value)) => value.to_string(),
        (Clause::Decimal, Value::Uint(value)) => value.to_string(),
        (Clause::Fixed(digits), _) => match double(value) {
            Some(value) => fixed(value, digits.unwrap_or(DIGITS).min(MOST_DIGITS)),
            None => return unfit(),
        },
        (Clause::Scientific, _) => match double(value) {
            Some(value) => scientific(value),
            None => return unfit(),
        },
        (Clause::Binary, Value::Bool(value)) => u8::from(*value).to_string(),
        (Clause::Hex(upper), Value::String(text)) => hex(text.as_str().as_bytes(), upper),
        (Clause::Hex(upper), Value::Bytes(bytes)) => hex(bytes, upper),
        (Clause::Binary | Clause::Hex(_) | Clause::Octal, Value::Int(value)) => {
            let sign = if *value < 0 { "-" } else { "" };
            format!("{sign}{}", whole(clause, value.unsigned_abs()))
        }
        (Clause::Binary | Clause::Hex(_) | Clause::Octal, Value::Uint(value)) => whole(clause, *value),
        _ => return unfit(),
    })
}

fn whole(clause: Clause, value: u64) -> String {
    match clause {
        Clause::Binary => format!("{value:b}"),
        Clause::Octal => format!("{value:o}"),
        Clause::Hex(true) => format!("{value:X}"),
        _ => format!("{value:x}"),
    }
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    bytes.iter().map(digits).collect()
}

/// A double, or a text that stands for one that cannot be written as a number.
fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(*value),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A double as people write it in English, in groups of three digits.
fn fixed(value: f64, digits: usize) -> String {
    if let Some(text) = beyond(value) {
        return text;
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut grouped = String::with_capacity(text.len() * 2);
    if value.is_sign_negative() {
        grouped.push('-');
    }
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.extend([".", fraction]);
    }
    grouped
}

/// A double with a power of ten, which has six digits behind the point whatever is said.
fn scientific(value: f64) -> String {
    if let Some(text) = beyond(value) {
        return text;
    }
    let text = format!("{value:.DIGITS$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(("", exponent), |digits| ("⁻", digits));
    let power: String = format!("{digits:0>2}").chars().map(superscript).collect();
    format!("{mantissa}\u{202f}×\u{202f}10{sign}{power}")
}

fn superscript(digit: char) -> char {
    let place = digit.to_digit(10).unwrap_or_default() as usize;
    ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][place]
}

fn beyond(value: f64) -> Option<String> {
    let text = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "∞",
        f64::NEG_INFINITY => "-∞",
        _ => return None,
    };
    Some(text.to_owned())
}

/// A value as a text of its own.
fn text(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::List(list) => list_text(list),
        Value::Map(map) => map_text(map),
        Value::Null => Ok("null".to_owned()),
        Value::Type(name) => Ok(name.clone()),
        Value::Optional(_)
        | Value::Quantity(_)
        | Value::Url(_)
        | Value::Version(_)
        | Value::NamedFormat(_)
        | Value::Opaque(_)
        | Value::Authority(_)
        | Value::Failed(_) => Err(Clause::Text.unfit(value.type_name())),
        scalar => match convert::call("string", std::slice::from_ref(scalar)) {
            Some(Ok(Value::String(text))) => Ok(text.as_str().to_owned()),
            Some(Err(why)) => {
                Err(format!("could not convert argument {} to string", quote(&why.to_string())))
            }
            _ => Err(Clause::Text.unfit(value.type_name())),
        },
    }
}

fn list_text(list: &List<'_>) -> Result<String, String> {
    let items: Vec<String> = list.iter().map(|item| part(&item)).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

/// The entries of a map stand in the order of their keys as they are written.
fn map_text(map: &Map<'_>) -> Result<String, String> {
    let entry = |(key, value): &(Value<'_>, Value<'_>)| match key {
        Value::String(_) | Value::Bool(_) | Value::Int(_) | Value::Uint(_) => Ok((part(key)?, part(value)?)),
        _ => Err(format!("no formatting function for map key of type {}", key.type_name())),
    };
    let mut entries: Vec<(String, String)> = map.entries().iter().map(entry).collect::<Result<_, _>>()?;
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
    Ok(format!("{{{}}}", entries.join(", ")))
}

/// A value as a part of another, as the language would write it.
fn part(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::String(_) => Ok(quote(&text(value)?)),
        Value::Bytes(_) => Ok(format!("b{}", quote(&text(value)?))),
        Value::Timestamp(_) => Ok(format!("timestamp({})", quote(&text(value)?))),
        Value::Duration(_) => Ok(format!("duration({})", quote(&text(value)?))),
        Value::Double(value) if value.is_finite() => Ok(format!("{value:.DIGITS$}")),
        Value::Double(value) => Ok(quote(&float(*value))),
        Value::Optional(_)
        | Value::Quantity(_)
        | Value::Url(_)
        | Value::Version(_)
        | Value::NamedFormat(_)
        | Value::Opaque(_)
        | Value::Authority(_)
        | Value::Failed(_) => Err(format!("no formatting function for {}", value.type_name())),
        other => text(other),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::value::Key;
    use super::*;

    fn format(text: &str, values: Vec<Value<'static>>) -> String {
        match call("format", &[Value::text(text), Value::list(values)]).unwrap() {
            Ok(text) => text.as_text().unwrap().to_owned(),
            Err(why) => why.to_string(),
        }
    }

    fn map(entries: Vec<(Key, Value<'static>)>) -> Value<'static> {
        Value::Map(Map::Made(Arc::new(BTreeMap::from_iter(entries))))
    }

    #[test]
    fn values_are_written_as_upstream_writes_them() {
        let word = || Value::text("a\"b");
        let double = Value::Double;
        let cases = [
            ("100%%", vec![], "100%"),
            ("%s-%s", vec![word(), Value::Int(-3)], "a\"b--3"),
            ("%s", vec![double(1.0)], "1"),
            ("%s", vec![double(1_234_567.0)], "1.234567e+06"),
            ("%s", vec![Value::Null], "null"),
            ("%s", vec![Value::Bytes(b"x".as_slice().into())], "x"),
            (
                "%s",
                vec![Value::list(vec![double(1.5), word(), Value::Bool(true)])],
                r#"[1.500000, "a\"b", true]"#,
            ),
            (
                "%s",
                vec![map(vec![
                    (Key::String("b".to_owned()), Value::Int(1)),
                    (Key::Int(2), Value::list(vec![])),
                ])],
                r#"{"b":1, 2:[]}"#,
            ),
            ("%d %d", vec![Value::Int(5), Value::Uint(6)], "5 6"),
            ("%f", vec![double(-1_234_567.5)], "-1,234,567.500000"),
            ("%.2f|%.0f", vec![double(1.005), double(2.5)], "1.00|2"),
            ("%f %f", vec![double(f64::INFINITY), Value::text("NaN")], "∞ NaN"),
            ("%e", vec![double(1_052.032_911)], "1.052033\u{202f}×\u{202f}10⁰³"),
            ("%e", vec![double(0.001)], "1.000000\u{202f}×\u{202f}10⁻⁰³"),
            ("%b %b %o", vec![Value::Int(-5), Value::Bool(true), Value::Uint(8)], "-101 1 10"),
            ("%x %X %X", vec![Value::Int(-255), Value::Int(255), Value::text("hi~")], "-ff FF 68697E"),
        ];
        for (text, values, expected) in cases {
            assert_eq!(format(text, values), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_told_in_upstreams_words() {
        let during = "error during formatting: ";
        let parse = "could not parse formatting clause: ";
        let cases = [
            (
                "%d",
                vec![Value::text("x")],
                format!("{during}decimal clause can only be used on integers, was given string"),
            ),
            (
                "%f",
                vec![Value::Int(1)],
                format!("{during}fixed-point clause can only be used on doubles, was given int"),
            ),
            ("%s", vec![Value::Optional(None)], format!("{during}{}", Clause::Text.unfit("optional_type"))),
            (
                "%s",
                vec![Value::list(vec![Value::Optional(None)])],
                format!("{during}no formatting function for optional_type"),
            ),
            ("%s %s", vec![Value::Int(1)], "index 1 out of range".to_owned()),
            ("%", vec![Value::Int(1)], "unexpected end of string".to_owned()),
            ("%z", vec![Value::Int(1)], format!("{parse}unrecognized formatting clause \"z\"")),
            (
                "%.5",
                vec![Value::Int(1)],
                format!("{parse}error while parsing precision: could not find end of precision specifier"),
            ),
            (
                "%.f",
                vec![Value::Int(1)],
                format!(
                    "{parse}error while parsing precision: error while converting precision to integer: strconv.Atoi: \
                     parsing \"\": invalid syntax"
                ),
            ),
        ];
        for (text, values, expected) in cases {
            assert_eq!(format(text, values), expected, "{text}");
        }
    }
}
