//! The language's own operators and general functions; those on text, lists and the like have files of their own.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::eval::{Outcome, field, no_such_key, show_key};
use super::failure::Failure;
use super::value::{Key, List, Map, Text, Value};
use super::{convert, formats, formatting, lists, quantities, text, time, urls, versions};

/// Calls a function with values, of which the first is its target if it has one; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    operator(function, args)
        .or_else(|| general(function, args))
        .or_else(|| text::call(function, args))
        .or_else(|| optional(function, args))
        .or_else(|| moment(function, args))
        .or_else(|| convert::call(function, args))
        .or_else(|| lists::call(function, args))
        .or_else(|| quantities::call(function, args))
        .or_else(|| urls::call(function, args))
        .or_else(|| versions::call(function, args))
        .or_else(|| formats::call(function, args))
        .or_else(|| formatting::call(function, args))
}

fn fail<'a>(message: &str) -> Outcome<'a> {
    Err(Failure::Error(message.to_owned()))
}

fn operator<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let ordered = |wanted: &[Ordering]| {
        let [a, b] = args else { return Err(Failure::no_overload()) };
        match a.compare(b) {
            Some(order) => Ok(Value::Bool(wanted.contains(&order))),
            None if matches!((a, b), (Value::Double(_), _) | (_, Value::Double(_))) => Ok(Value::Bool(false)),
            None => Err(Failure::no_overload()),
        }
    };
    Some(match (function, args) {
        ("_==_", [a, b]) => Ok(Value::Bool(a.equals(b))),
        ("_!=_", [a, b]) => Ok(Value::Bool(!a.equals(b))),
        ("!_", [Value::Bool(value)]) => Ok(Value::Bool(!value)),
        ("_<_", _) => ordered(&[Ordering::Less]),
        ("_<=_", _) => ordered(&[Ordering::Less, Ordering::Equal]),
        ("_>_", _) => ordered(&[Ordering::Greater]),
        ("_>=_", _) => ordered(&[Ordering::Greater, Ordering::Equal]),
        ("@in", [value, range]) => contains(value, range),
        ("_[_]", [operand, index]) => at(operand, index),
        ("_[?_]", [operand, index]) => optional_at(operand, index),
        ("_?._", [operand, Value::String(name)]) => Ok(match field(operand, name.as_str()) {
            Ok(value @ Value::Optional(_)) if matches!(operand, Value::Optional(_)) => value,
            Ok(value) => Value::some(value),
            Err(_) => Value::Optional(None),
        }),
        ("-_", [Value::Int(value)]) => checked(value.checked_neg()),
        ("-_", [Value::Double(value)]) => Ok(Value::Double(-value)),
        ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", [a, b]) => arithmetic(function, a, b),
        _ => return None,
    })
}

fn checked<'a>(value: Option<i64>) -> Outcome<'a> {
    value.map(Value::Int).ok_or_else(|| Failure::Error("integer overflow".to_owned()))
}

fn arithmetic<'a>(function: &str, a: &Value<'a>, b: &Value<'a>) -> Outcome<'a> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => whole(function, *a, *b),
        (Value::Uint(a), Value::Uint(b)) => unsigned(function, *a, *b),
        (Value::Double(a), Value::Double(b)) => match function {
            "_+_" => Ok(Value::Double(a + b)),
            "_-_" => Ok(Value::Double(a - b)),
            "_*_" => Ok(Value::Double(a * b)),
            "_/_" => Ok(Value::Double(a / b)),
            _ => Err(Failure::no_overload()),
        },
        (Value::String(a), Value::String(b)) if function == "_+_" => {
            Ok(Value::text(format!("{}{}", a.as_str(), b.as_str())))
        }
        (Value::Bytes(a), Value::Bytes(b)) if function == "_+_" => {
            Ok(Value::Bytes(a.iter().chain(b.iter()).copied().collect()))
        }
        (Value::List(a), Value::List(b)) if function == "_+_" => Ok(a.join(b)),
        _ => spans(function, a, b),
    }
}

fn whole<'a>(function: &str, a: i64, b: i64) -> Outcome<'a> {
    match function {
        "_/_" if b == 0 => fail("division by zero"),
        "_%_" if b == 0 => fail("modulus by zero"),
        "_+_" => checked(a.checked_add(b)),
        "_-_" => checked(a.checked_sub(b)),
        "_*_" => checked(a.checked_mul(b)),
        "_/_" => checked(a.checked_div(b)),
        _ => checked(a.checked_rem(b)),
    }
}

fn unsigned<'a>(function: &str, a: u64, b: u64) -> Outcome<'a> {
    let value = match function {
        "_/_" if b == 0 => return fail("division by zero"),
        "_%_" if b == 0 => return fail("modulus by zero"),
        "_+_" => a.checked_add(b),
        "_-_" => a.checked_sub(b),
        "_*_" => a.checked_mul(b),
        "_/_" => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    value.map(Value::Uint).ok_or_else(|| Failure::Error("unsigned integer overflow".to_owned()))
}

fn spans<'a>(function: &str, a: &Value<'a>, b: &Value<'a>) -> Outcome<'a> {
    let span = |span: Option<SignedDuration>| {
        span.map(Value::Duration).ok_or_else(|| Failure::Error("duration overflow".to_owned()))
    };
    let point = |point: Result<Timestamp, jiff::Error>| {
        point.map(Value::Timestamp).map_err(|_| Failure::Error("timestamp overflow".to_owned()))
    };
    match (function, a, b) {
        ("_+_", Value::Duration(a), Value::Duration(b)) => span(a.checked_add(*b)),
        ("_-_", Value::Duration(a), Value::Duration(b)) => span(a.checked_sub(*b)),
        ("_+_", Value::Timestamp(at), Value::Duration(by))
        | ("_+_", Value::Duration(by), Value::Timestamp(at)) => point(at.checked_add(*by)),
        ("_-_", Value::Timestamp(at), Value::Duration(by)) => point(at.checked_sub(*by)),
        ("_-_", Value::Timestamp(a), Value::Timestamp(b)) => Ok(Value::Duration(a.duration_since(*b))),
        _ => Err(Failure::no_overload()),
    }
}

fn contains<'a>(value: &Value<'a>, range: &Value<'a>) -> Outcome<'a> {
    match range {
        Value::List(list) => Ok(Value::Bool(list.iter().any(|item| item.equals(value)))),
        Value::Map(map) => Ok(Value::Bool(value.key().is_some_and(|key| map.get(&key).is_some()))),
        _ => Err(Failure::no_overload()),
    }
}

/// The element of a list, or the value of a key.
fn at<'a>(operand: &Value<'a>, index: &Value<'a>) -> Outcome<'a> {
    match operand {
        Value::List(list) => {
            let Some(Key::Int(index)) = index.key() else { return Err(Failure::no_overload()) };
            let found = usize::try_from(index).ok().and_then(|index| list.get(index));
            found.ok_or_else(|| Failure::Error(format!("index out of bounds: {index}")))
        }
        Value::Map(map) => {
            let Some(key) = index.key() else { return Err(Failure::no_overload()) };
            map.get(&key).ok_or_else(|| no_such_key(&show_key(&key)))
        }
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(value)) => Ok(Value::Optional(at(value, index).ok().map(Arc::new))),
        _ => Err(Failure::no_overload()),
    }
}

fn optional_at<'a>(operand: &Value<'a>, index: &Value<'a>) -> Outcome<'a> {
    match operand {
        Value::Optional(_) => at(operand, index),
        _ => Ok(Value::Optional(at(operand, index).ok().map(Arc::new))),
    }
}

fn general<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (function, args) {
        ("size", [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))]) => {
            Ok(Value::Int(i64::try_from(value.size()).unwrap_or(i64::MAX)))
        }
        ("type", [value]) => Ok(Value::Type(value.type_name().to_owned())),
        ("dyn", [value]) => Ok(value.clone()),
        _ => return None,
    })
}

fn optional<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (function, args) {
        ("optional.of", [value]) => Ok(Value::some(value.clone())),
        ("optional.none", []) => Ok(Value::Optional(None)),
        ("optional.ofNonZeroValue", [value]) => {
            Ok(Value::Optional((!is_zero(value)).then(|| Arc::new(value.clone()))))
        }
        ("hasValue", [Value::Optional(value)]) => Ok(Value::Bool(value.is_some())),
        ("value", [Value::Optional(value)]) => match value {
            Some(value) => Ok(value.as_ref().clone()),
            None => fail("optional.none() dereference"),
        },
        ("or", [own @ Value::Optional(value), other]) => {
            Ok(if value.is_some() { own } else { other }.clone())
        }
        ("orValue", [Value::Optional(value), other]) => {
            Ok(value.as_ref().map_or_else(|| other.clone(), |value| value.as_ref().clone()))
        }
        ("optional.unwrap" | "unwrapOpt", [Value::List(list)]) => Ok(Value::list(
            list.iter()
                .filter_map(|item| match item {
                    Value::Optional(value) => value.map(|value| value.as_ref().clone()),
                    other => Some(other),
                })
                .collect(),
        )),
        _ => return None,
    })
}

/// Puts entries into a map that an expression makes: a key and its value, or another map's.
pub(super) fn insert<'a>(map: &mut Map<'a>, added: Vec<Value<'a>>) -> Result<(), Failure> {
    let Map::Made(entries) = map else { return Err(Failure::no_overload()) };
    let added = match added.as_slice() {
        [Value::Map(more)] => more.entries(),
        [key, value] => vec![(key.clone(), value.clone())],
        _ => return Err(Failure::no_overload()),
    };
    let entries = Arc::make_mut(entries);
    for (key, value) in added {
        let Some(key) = key.key() else { return Err(Failure::no_overload()) };
        if entries.contains_key(&key) {
            return Err(Failure::Error(format!("insert failed: key {} already exists", show_key(&key))));
        }
        entries.insert(key, value);
    }
    Ok(())
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::Duration(value) => value.is_zero(),
        Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => value.size() == 0,
        Value::Optional(value) => value.is_none(),
        _ => false,
    }
}

fn moment<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    if !function.starts_with("get") {
        return None;
    }
    match args {
        [Value::Timestamp(at)] => time::part(*at, "UTC", function).map(|part| Ok(Value::Int(part))),
        [Value::Timestamp(at), Value::String(zone)] => Some(match time::part(*at, zone.as_str(), function) {
            Some(part) => Ok(Value::Int(part)),
            None => Err(Failure::Error(format!("unknown time zone {}", zone.as_str()))),
        }),
        [Value::Duration(span)] => Some(Ok(Value::Int(match function {
            "getHours" => span.as_secs() / 3600,
            "getMinutes" => span.as_secs() / 60,
            "getSeconds" => span.as_secs(),
            "getMilliseconds" => i64::from(span.subsec_millis()),
            _ => return None,
        }))),
        _ => None,
    }
}

/// A list's elements, for functions that need them all.
pub(super) fn items<'a>(list: &List<'a>) -> Vec<Value<'a>> {
    list.iter().collect()
}

/// Text that is owned by nobody else.
pub(super) fn shared<'a>(text: String) -> Value<'a> {
    Value::String(Text::Shared(text.into()))
}
