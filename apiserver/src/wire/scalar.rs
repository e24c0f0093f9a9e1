//! Single values in protobuf: what their messages hold, and what they are in JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steersman_core::tree::Value;

use super::reader::{Reader, Wire as Read};
use super::tape::{Kind, Token};
use super::writer::{Wire, Writer};
use super::{Malformed, time};
use crate::schema::Scalar;

/// Writes a field from the value that stands in `json` at a token.
pub(super) fn encode(
    out: &mut Writer,
    number: u32,
    scalar: Scalar,
    token: &Token,
    json: &[u8],
) -> Result<(), Malformed> {
    let mark = out.mark();
    match scalar {
        Scalar::Bool => out.number(number, i64::from(token.kind == Kind::True)),
        Scalar::Int32 | Scalar::Int64 => out.number(number, parse(token, json)?),
        Scalar::String => out.field(number, &string(token, json)?),
        Scalar::Bytes => {
            let bytes = STANDARD.decode(string(token, json)?);
            out.field(number, &bytes.map_err(|_| Malformed("bytes that are no base64"))?);
        }
        Scalar::Double => double(out, number, parse(token, json)?),
        Scalar::IntOrString if token.kind == Kind::Number => {
            int_or_string(out, number, (0, parse(token, json)?, b""));
        }
        Scalar::IntOrString => int_or_string(out, number, (1, 0, &string(token, json)?)),
        Scalar::Time | Scalar::MicroTime => {
            let (seconds, nanos) = time::parse(&string(token, json)?, scalar == Scalar::MicroTime)?;
            out.number(2, nanos);
            out.number(1, seconds);
            out.close(number, mark);
        }
        Scalar::Quantity => {
            out.field(1, &string(token, json)?);
            out.close(number, mark);
        }
        Scalar::Any | Scalar::FieldsV1 => {
            out.field(1, token.whole(json));
            out.close(number, mark);
        }
        Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings => {
            return Err(Malformed("a JSON schema that is none"));
        }
    }
    Ok(())
}

/// Writes what Go writes for a value that nothing was read into.
pub(super) fn zero(out: &mut Writer, number: u32, scalar: Scalar) {
    let mark = out.mark();
    match scalar {
        Scalar::Bool | Scalar::Int32 | Scalar::Int64 => out.number(number, 0),
        Scalar::Double => double(out, number, 0.0),
        Scalar::IntOrString => int_or_string(out, number, (0, 0, b"")),
        Scalar::Bytes => {}
        Scalar::Quantity => {
            out.field(1, b"0");
            out.close(number, mark);
        }
        Scalar::String
        | Scalar::Time
        | Scalar::MicroTime
        | Scalar::Any
        | Scalar::FieldsV1
        | Scalar::SchemaOrBool
        | Scalar::SchemaOrArray
        | Scalar::SchemaOrStrings => out.close(number, mark),
    }
}

fn double(out: &mut Writer, number: u32, value: f64) {
    out.bytes(&value.to_le_bytes());
    out.tag(number, Wire::Fixed64);
}

/// Which of both it is, the number, and the text.
fn int_or_string(out: &mut Writer, number: u32, (which, value, text): (i64, i64, &[u8])) {
    let mark = out.mark();
    out.field(3, text);
    out.number(2, value);
    out.number(1, which);
    out.close(number, mark);
}

fn string<'t>(token: &Token, json: &'t [u8]) -> Result<Cow<'t, [u8]>, Malformed> {
    match token.kind {
        Kind::Text | Kind::Escaped => Ok(token.string(json)),
        _ => Err(Malformed("a value that is no string where one must be")),
    }
}

fn parse<T: std::str::FromStr>(token: &Token, json: &[u8]) -> Result<T, Malformed> {
    let text = std::str::from_utf8(token.text(json)).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Malformed("a value that is no number where one must be"))
}

/// The JSON of a field's value.
pub(super) fn decode(scalar: Scalar, value: Read<'_>) -> Result<Value, Malformed> {
    Ok(match scalar {
        Scalar::String => value.text()?.into(),
        Scalar::Bool => (value.number()? != 0).into(),
        Scalar::Int32 => (value.number()? as i32).into(),
        Scalar::Int64 => value.number()?.into(),
        Scalar::Double => match value {
            Read::Fixed64(bits) => f64::from_bits(bits).into(),
            Read::Varint(_) | Read::Bytes(_) => return Err(Malformed("no double where one must be")),
        },
        Scalar::Bytes => STANDARD.encode(value.bytes()?).into(),
        Scalar::Quantity => inner(value, 1)?.map_or(Ok("0"), Read::text)?.into(),
        Scalar::IntOrString => decode_int_or_string(value)?,
        Scalar::Time | Scalar::MicroTime => decode_time(value, scalar)?,
        Scalar::Any | Scalar::FieldsV1 => match inner(value, 1)? {
            None => Value::Null,
            Some(raw) => {
                serde_json::from_slice(raw.bytes()?).map_err(|_| Malformed("a raw value that is no JSON"))?
            }
        },
        Scalar::SchemaOrBool | Scalar::SchemaOrArray | Scalar::SchemaOrStrings => {
            return Err(Malformed("a JSON schema that is none"));
        }
    })
}

/// The last value of a field within a message.
fn inner(message: Read<'_>, wanted: u32) -> Result<Option<Read<'_>>, Malformed> {
    let mut reader = Reader::new(message.bytes()?);
    let mut found = None;
    while let Some((number, value)) = reader.field()? {
        if number == wanted {
            found = Some(value);
        }
    }
    Ok(found)
}

fn decode_int_or_string(message: Read<'_>) -> Result<Value, Malformed> {
    match inner(message, 1)?.map_or(Ok(0), Read::number)? {
        0 => Ok((inner(message, 2)?.map_or(Ok(0), Read::number)? as i32).into()),
        _ => Ok(inner(message, 3)?.map_or(Ok(""), Read::text)?.into()),
    }
}

/// An empty message is no time.
fn decode_time(message: Read<'_>, scalar: Scalar) -> Result<Value, Malformed> {
    if message.bytes()?.is_empty() {
        return Ok(Value::Null);
    }
    let seconds = inner(message, 1)?.map_or(Ok(0), Read::number)?;
    let nanos = inner(message, 2)?.map_or(Ok(0), Read::number)?;
    Ok(time::print(seconds, nanos, scalar == Scalar::MicroTime)?.into())
}
