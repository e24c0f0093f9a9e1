//! Conversions between the language's types.

use super::eval::Outcome;
use super::failure::Failure;
use super::value::Value;
use super::{functions::shared, time};
use crate::schema::float;

/// Converts a value; `None` if the function is no conversion that is known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let [value] = args else { return None };
    let converted = match function {
        "bool" => to_bool(value),
        "bytes" => to_bytes(value),
        "double" => to_double(value),
        "int" => to_int(value),
        "uint" => to_uint(value),
        "string" => to_string(value)?,
        "duration" => to_duration(value),
        "timestamp" => to_timestamp(value),
        _ => return None,
    };
    Some(converted)
}

fn refuse<'a>(value: &Value<'_>, wanted: &str) -> Outcome<'a> {
    Err(Failure::Error(format!("type conversion error from '{}' to '{wanted}'", value.type_name())))
}

fn out_of_range<'a>(kind: &str) -> Outcome<'a> {
    Err(Failure::Error(format!("{kind} overflow")))
}

fn to_bool<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            _ => refuse(value, "bool"),
        },
        other => refuse(other, "bool"),
    }
}

fn to_bytes<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Bytes(_) => Ok(value.clone()),
        Value::String(text) => Ok(Value::Bytes(text.as_str().as_bytes().into())),
        other => refuse(other, "bytes"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is the conversion")]
fn to_double<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Double(value) => Ok(Value::Double(*value)),
        Value::Int(value) => Ok(Value::Double(*value as f64)),
        Value::Uint(value) => Ok(Value::Double(*value as f64)),
        Value::String(text) => match text.as_str().parse() {
            Ok(number) => Ok(Value::Double(number)),
            Err(_) => refuse(value, "double"),
        },
        other => refuse(other, "double"),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn to_int<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Uint(value) => {
            i64::try_from(*value).map_or_else(|_| out_of_range("integer"), |value| Ok(Value::Int(value)))
        }
        Value::Double(value) if value.abs() < 9_223_372_036_854_775_807.0 => Ok(Value::Int(*value as i64)),
        Value::Double(_) => out_of_range("integer"),
        Value::Timestamp(at) => Ok(Value::Int(at.as_second())),
        Value::Duration(span) => i64::try_from(span.as_nanos())
            .map_or_else(|_| out_of_range("integer"), |value| Ok(Value::Int(value))),
        Value::String(text) => match text.as_str().parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => refuse(value, "int"),
        },
        other => refuse(other, "int"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
fn to_uint<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Int(value) => u64::try_from(*value)
            .map_or_else(|_| out_of_range("unsigned integer"), |value| Ok(Value::Uint(value))),
        Value::Double(value) if (0.0..18_446_744_073_709_551_615.0).contains(value) => {
            Ok(Value::Uint(*value as u64))
        }
        Value::Double(_) => out_of_range("unsigned integer"),
        Value::String(text) => match text.as_str().parse() {
            Ok(number) => Ok(Value::Uint(number)),
            Err(_) => refuse(value, "uint"),
        },
        other => refuse(other, "uint"),
    }
}

/// Addresses and the like are written by their own library.
fn to_string<'a>(value: &Value<'a>) -> Option<Outcome<'a>> {
    Some(match value {
        Value::String(_) => Ok(value.clone()),
        Value::Bool(value) => Ok(shared(value.to_string())),
        Value::Int(value) => Ok(shared(value.to_string())),
        Value::Uint(value) => Ok(shared(value.to_string())),
        Value::Double(value) => Ok(shared(float(*value))),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::text(text)),
            Err(_) => Err(Failure::Error("invalid UTF-8 in bytes, cannot convert to string".to_owned())),
        },
        Value::Duration(span) => Ok(shared(time::show_duration(*span))),
        Value::Timestamp(at) => Ok(shared(at.to_string())),
        Value::Opaque(_) => return None,
        other => refuse(other, "string"),
    })
}

fn to_duration<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Duration(_) => Ok(value.clone()),
        Value::Int(nanos) => Ok(Value::Duration(jiff::SignedDuration::from_nanos(*nanos))),
        Value::String(text) => match time::parse_duration(text.as_str()) {
            Some(span) => Ok(Value::Duration(span)),
            None => refuse(value, "google.protobuf.Duration"),
        },
        other => refuse(other, "google.protobuf.Duration"),
    }
}

fn to_timestamp<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Timestamp(_) => Ok(value.clone()),
        Value::Int(seconds) => match jiff::Timestamp::from_second(*seconds) {
            Ok(at) => Ok(Value::Timestamp(at)),
            Err(_) => out_of_range("timestamp"),
        },
        Value::String(text) => match text.as_str().parse() {
            Ok(at) => Ok(Value::Timestamp(at)),
            Err(_) => refuse(value, "google.protobuf.Timestamp"),
        },
        other => refuse(other, "google.protobuf.Timestamp"),
    }
}
