//! Reads and canonicalises single values as Go's types do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use steersman_core::quantity::{InvalidQuantity, Quantity};

use super::fault::Fault;
use super::shape::Scalar;

/// What a Go value of that type is before anything is read into it.
pub(super) fn zero(scalar: Scalar) -> Value {
    match scalar {
        Scalar::String | Scalar::Bytes => "".into(),
        Scalar::Bool => false.into(),
        Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString => 0.into(),
        Scalar::Quantity => "0".into(),
        Scalar::Time
        | Scalar::MicroTime
        | Scalar::Any
        | Scalar::FieldsV1
        | Scalar::SchemaOrBool
        | Scalar::SchemaOrArray
        | Scalar::SchemaOrStrings => Value::Null,
    }
}

/// Checks the type of a value and writes it in its canonical form; `go` is the Go type that errors name.
pub(super) fn conform(value: &mut Value, scalar: Scalar, go: &str) -> Result<(), Fault> {
    if value.is_null() {
        *value = zero(scalar);
        return Ok(());
    }
    match scalar {
        Scalar::String => check(value.is_string(), value, go, "string"),
        Scalar::Bool => check(value.is_boolean(), value, go, "bool"),
        Scalar::Int32 => integer(value, |number| i32::try_from(number).is_ok(), go, "int32"),
        Scalar::Int64 => integer(value, |_| true, go, "int64"),
        Scalar::Double => check(value.is_number(), value, go, "float64"),
        Scalar::IntOrString if value.is_string() => Ok(()),
        Scalar::IntOrString => integer(value, |number| i32::try_from(number).is_ok(), "int32", "int32"),
        Scalar::Quantity => quantity(value),
        Scalar::Time => time(value, "2006-01-02T15:04:05Z07:00", canonical_time),
        Scalar::MicroTime => time(value, "2006-01-02T15:04:05.000000Z07:00", canonical_micro_time),
        Scalar::Bytes => bytes(value),
        Scalar::FieldsV1 => check(value.is_object(), value, go, "map"),
        Scalar::Any | Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings => Ok(()),
    }
}

fn check(fits: bool, value: &Value, go: &str, kind: &'static str) -> Result<(), Fault> {
    if fits { Ok(()) } else { Err(Fault::mismatch(value, go, kind)) }
}

fn integer(value: &Value, fits: impl Fn(i64) -> bool, go: &str, kind: &'static str) -> Result<(), Fault> {
    match value.as_i64() {
        Some(number) if fits(number) => Ok(()),
        _ if value.is_number() => Err(Fault::number(value, go, kind)),
        _ => Err(Fault::mismatch(value, go, kind)),
    }
}

fn quantity(value: &mut Value) -> Result<(), Fault> {
    let parsed: Quantity = match value.as_str() {
        Some(text) => text.parse(),
        None => value.to_string().parse(),
    }
    .map_err(|error: InvalidQuantity| Fault::Malformed(error.to_string()))?;
    let canonical = parsed.to_string();
    if value.as_str() != Some(canonical.as_str()) {
        *value = canonical.into();
    }
    Ok(())
}

fn bytes(value: &mut Value) -> Result<(), Fault> {
    let Value::String(text) = value else { return Err(Fault::mismatch(value, "[]uint8", "slice")) };
    // Go's decoder skips line breaks.
    if text.contains(['\r', '\n']) {
        text.retain(|c| !matches!(c, '\r' | '\n'));
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Fault::Malformed(format!("illegal base64 data at input byte {}", offset(&error, text))))
        }
    }
}

fn offset(error: &base64::DecodeError, text: &str) -> usize {
    match error {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => *at,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
    }
}

fn time(value: &mut Value, layout: &str, canonical: fn(Timestamp) -> String) -> Result<(), Fault> {
    let Value::String(text) = value else { return Err(Fault::mismatch(value, "string", "string")) };
    if layout.len() == 25 && is_canonical_time(text) {
        return Ok(());
    }
    let parsed = rfc3339(text).ok_or_else(|| {
        let (rest, want) = unparsed(text);
        Fault::Malformed(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {want:?}"))
    })?;
    *text = canonical(parsed);
    Ok(())
}

/// Whether the text is what would be written for it: `2006-01-02T15:04:05Z`, on a day that every month has.
fn is_canonical_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let two = |at: usize| (bytes[at] - b'0') * 10 + bytes[at + 1] - b'0';
    bytes.len() == 20
        && bytes.iter().zip(b"dddd-dd-ddTdd:dd:ddZ").all(|(have, want)| match want {
            b'd' => have.is_ascii_digit(),
            other => have == other,
        })
        && (1..=12).contains(&two(5))
        && (1..=28).contains(&two(8))
        && two(11) < 24
        && two(14) < 60
        && two(17) < 60
}

/// Parses as Go does: a full date, a full time, an offset; nothing may be left out.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let date = text.as_bytes().get(..20)?;
    let fits = date.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(have, want)| match want {
        b'd' => have.is_ascii_digit(),
        other => have == other,
    });
    if fits { text.parse().ok() } else { None }
}

/// Where Go's parser stops, and the part of its layout that it wants there.
fn unparsed(text: &str) -> (&str, &'static str) {
    const PARTS: [(&str, &str); 11] = [
        ("dddd", "2006"),
        ("-", "-"),
        ("dd", "01"),
        ("-", "-"),
        ("dd", "02"),
        ("T", "T"),
        ("dd", "15"),
        (":", ":"),
        ("dd", "04"),
        (":", ":"),
        ("dd", "05"),
    ];
    let mut rest = text;
    for (shape, want) in PARTS {
        let fits = rest.len() >= shape.len()
            && rest.bytes().zip(shape.bytes()).all(|(have, want)| match want {
                b'd' => have.is_ascii_digit(),
                other => have == other,
            });
        if !fits {
            return (rest, want);
        }
        rest = &rest[shape.len()..];
    }
    (rest, "Z07:00")
}

fn canonical_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn canonical_micro_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
