//! Reads and canonicalises single values as Go's types do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use steersman_core::quantity::{InvalidQuantity, Quantity};
use steersman_core::tree::{Text, Value};

use super::fault::Fault;
use super::shape::Scalar;
use crate::moment;

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

/// Whether Go's type for it decodes itself.
pub(super) fn decodes_itself(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::Quantity | Scalar::IntOrString | Scalar::Time | Scalar::MicroTime)
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
        Scalar::Time => time(value, "2006-01-02T15:04:05Z07:00", moment::seconds),
        Scalar::MicroTime => time(value, "2006-01-02T15:04:05.000000Z07:00", moment::microseconds),
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

/// Rounds the quantities of a map, which are in their canonical form, to thousandths.
pub(super) fn round_to_milli(amounts: &mut Value) {
    let Some(amounts) = amounts.as_object_mut() else { return };
    // Only where a text ends in these can it be finer, or has a fraction or a negative exponent.
    let may_be_finer = |text: &str| text.ends_with(['u', 'n']) || text.contains(['.', 'e', 'E']);
    for amount in amounts.values_mut() {
        let Some(text) = amount.as_str().filter(|text| may_be_finer(text)) else { continue };
        let Ok(quantity) = text.parse::<Quantity>() else { continue };
        let rounded = quantity.rounded_to_milli().to_string();
        if rounded != text {
            *amount = rounded.into();
        }
    }
}

fn bytes(value: &mut Value) -> Result<(), Fault> {
    let Value::String(text) = value else { return Err(Fault::mismatch(value, "[]uint8", "slice")) };
    // Go's decoder skips line breaks.
    if text.contains(['\r', '\n']) {
        *text = text.replace(['\r', '\n'], "").into();
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

fn time(value: &mut Value, layout: &str, canonical: fn(Timestamp) -> Text) -> Result<(), Fault> {
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
    has_form(text, "dddd-dd-ddTdd:dd:ddZ")
        && (1..=12).contains(&two(5))
        && (1..=28).contains(&two(8))
        && two(11) < 24
        && two(14) < 60
        && two(17) < 60
}

/// Parses as Go does: a full date, a full time, an offset; nothing may be left out, and nothing else may follow.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let (time, rest) = text.split_at_checked(19)?;
    let fraction = rest
        .strip_prefix('.')
        .map_or(0, |digits| 1 + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    let offset = &rest[fraction..];
    let is_offset = offset == "Z" || offset.starts_with(['+', '-']) && has_form(&offset[1..], "dd:dd");
    let fits = has_form(time, "dddd-dd-ddTdd:dd:dd") && fraction != 1 && is_offset;
    if fits { text.parse().ok() } else { None }
}

/// Whether a text looks like that, where `d` stands for a digit. Without a branch, so that all bytes are looked at
/// together.
#[inline]
fn has_form(text: &str, form: &str) -> bool {
    let fits = |have: u8, want: u8| (have == want) & (want != b'd') | (want == b'd') & have.is_ascii_digit();
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).fold(true, |all, (have, want)| all & fits(have, want))
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
        let fits = rest.get(..shape.len()).is_some_and(|start| has_form(start, shape));
        if !fits {
            return (rest, want);
        }
        rest = &rest[shape.len()..];
    }
    (rest, "Z07:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conformed(value: Value, scalar: Scalar) -> Result<Value, String> {
        let mut value = value;
        conform(&mut value, scalar, "go").map(|()| value).map_err(|fault| fault.to_string())
    }

    #[test]
    fn times_are_read_as_go_reads_them() {
        let written = |text: &str| conformed(text.into(), Scalar::Time).ok();
        for (text, canonical) in [
            ("2020-01-31T23:59:59Z", "2020-01-31T23:59:59Z"),
            ("2020-01-01T00:00:00.999Z", "2020-01-01T00:00:00Z"),
            ("2020-01-01T00:00:00-01:30", "2020-01-01T01:30:00Z"),
        ] {
            assert_eq!(written(text), Some(canonical.into()));
        }
        for text in [
            "",
            "2020-01-01",
            "2020-02-30T00:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+0100",
            "2020-01-01T00:00:00Z[UTC]",
            "2020-01-01t00:00:00Z",
            "2020-01-01 00:00:00Z",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn where_a_time_stops_being_one_is_told() {
        assert_eq!(
            conformed("2020-01".into(), Scalar::Time).unwrap_err(),
            "parsing time \"2020-01\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"-\""
        );
    }

    #[test]
    fn quantities_are_written_in_canonical_form() {
        assert_eq!(conformed("1000m".into(), Scalar::Quantity), Ok("1".into()));
        assert_eq!(conformed(2.into(), Scalar::Quantity), Ok("2".into()));
        assert_eq!(conformed("1024Ki".into(), Scalar::Quantity), Ok("1Mi".into()));
        assert!(conformed("one".into(), Scalar::Quantity).is_err());
    }

    #[test]
    fn integers_must_fit() {
        assert_eq!(conformed(5.into(), Scalar::Int32), Ok(5.into()));
        assert_eq!(
            conformed(3_000_000_000_i64.into(), Scalar::Int32).unwrap_err(),
            "json: cannot unmarshal number 3000000000 into Go value of type go"
        );
        assert_eq!(conformed("80%".into(), Scalar::IntOrString), Ok("80%".into()));
        assert!(conformed(true.into(), Scalar::IntOrString).is_err());
    }
}
