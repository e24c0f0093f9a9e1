//! Whether what stands in a certificate signing request is one: its frame, read as Go's `asn1` reads it, and in its words.
//!
//! What is within its smallest parts (names, keys, extensions) is not read, and the signature is not checked.

/// What Go expects at a place.
enum Form {
    /// A sequence of the fields of a struct of that name.
    Sequence(&'static str, &'static [Form]),
    /// A single value of a type of that name, and with that number.
    Single(&'static str, u32),
    /// Anything.
    Any,
    /// Anything, or nothing.
    Optional,
    /// The attributes, which have a number of their own.
    Attributes,
}

const REQUEST: Form = Form::Sequence("certificateRequest", &[TO_BE_SIGNED, ALGORITHM, BITS]);
const TO_BE_SIGNED: Form =
    Form::Sequence("tbsCertificateRequest", &[Form::Single("int", 2), Form::Any, KEY, Form::Attributes]);
const KEY: Form = Form::Sequence("publicKeyInfo", &[ALGORITHM, BITS]);
const ALGORITHM: Form =
    Form::Sequence("AlgorithmIdentifier", &[Form::Single("ObjectIdentifier", 6), Form::Optional]);
const BITS: Form = Form::Single("BitString", 3);

/// The number of a sequence.
const SEQUENCE: u32 = 16;

/// How Go writes that nothing special is expected of a field.
const PLAIN: &str = "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> \
                     stringType:0 timeType:0 set:false omitEmpty:false}";

/// What stands before a value.
struct Header {
    class: u8,
    tag: u32,
    length: usize,
    is_compound: bool,
}

/// What is wrong with a request in DER.
pub(super) fn fault(der: &[u8]) -> Option<String> {
    match value(&REQUEST, der, 0) {
        Ok(end) if end < der.len() => Some(syntax("trailing data")),
        outcome => outcome.err(),
    }
}

/// Reads a value of that form; where it ends.
fn value(form: &Form, bytes: &[u8], at: usize) -> Result<usize, String> {
    if at == bytes.len() {
        return if matches!(form, Form::Optional) { Ok(at) } else { Err(syntax("sequence truncated")) };
    }
    let (header, start) = header(bytes, at)?;
    check_tag(form, &header, start)?;
    let end = start.checked_add(header.length).filter(|end| *end <= bytes.len());
    let end = end.ok_or_else(|| syntax("data truncated"))?;
    if let Form::Sequence(_, fields) = form {
        let inner = &bytes[start..end];
        fields.iter().try_fold(0, |at, field| value(field, inner, at))?;
    }
    Ok(end)
}

fn check_tag(form: &Form, header: &Header, at: usize) -> Result<(), String> {
    let Header { class, tag, length, is_compound } = header;
    let (name, wanted, is_wanted_compound) = match form {
        Form::Any | Form::Optional => return Ok(()),
        Form::Attributes if (*class, *tag, *is_compound) == (2, 0, true) => return Ok(()),
        Form::Attributes => ("", 0, true),
        Form::Sequence(name, _) => (*name, SEQUENCE, true),
        Form::Single(name, tag) => (*name, *tag, false),
    };
    let fits = *class == 0 && *tag == wanted && *is_compound == is_wanted_compound;
    if fits && !matches!(form, Form::Attributes) {
        return Ok(());
    }
    let found = format!("{{class:{class} tag:{tag} length:{length} isCompound:{is_compound}}}");
    Err(structure(&format!("tags don't match ({wanted} vs {found}) {PLAIN} {name} @{at}")))
}

/// Reads what stands before a value; where the value begins.
fn header(bytes: &[u8], at: usize) -> Result<(Header, usize), String> {
    let (first, mut at) = (bytes[at], at + 1);
    let mut tag = u32::from(first & 0x1f);
    if tag == 0x1f {
        (tag, at) = long_tag(bytes, at)?;
    }
    let (length, at) = length(bytes, at)?;
    Ok((Header { class: first >> 6, tag, length, is_compound: first & 0x20 != 0 }, at))
}

fn long_tag(bytes: &[u8], start: usize) -> Result<(u32, usize), String> {
    let mut tag: u64 = 0;
    for (count, byte) in bytes[start..].iter().enumerate() {
        if count == 5 {
            return Err(structure("base 128 integer too large"));
        }
        if count == 0 && *byte == 0x80 {
            return Err(syntax("integer is not minimally encoded"));
        }
        tag = tag << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let tag = i32::try_from(tag).map_err(|_| structure("base 128 integer too large"))?;
            let is_long = tag >= 0x1f;
            return if is_long {
                Ok((tag.unsigned_abs(), start + count + 1))
            } else {
                Err(syntax("non-minimal tag"))
            };
        }
    }
    Err(syntax("truncated base 128 integer"))
}

fn length(bytes: &[u8], at: usize) -> Result<(usize, usize), String> {
    let truncated = || syntax("truncated tag or length");
    let first = *bytes.get(at).ok_or_else(truncated)?;
    if first & 0x80 == 0 {
        return Ok((usize::from(first), at + 1));
    }
    if first == 0x80 {
        return Err(syntax("indefinite length found (not DER)"));
    }
    let (mut length, end) = (0, at + 1 + usize::from(first & 0x7f));
    for at in at + 1..end {
        let byte = *bytes.get(at).ok_or_else(truncated)?;
        if length >= 1 << 23 {
            return Err(structure("length too large"));
        }
        length = length << 8 | usize::from(byte);
        if length == 0 {
            return Err(structure("superfluous leading zeros in length"));
        }
    }
    if length < 0x80 { Err(structure("non-minimal length")) } else { Ok((length, end)) }
}

fn syntax(why: &str) -> String {
    format!("asn1: syntax error: {why}")
}

fn structure(why: &str) -> String {
    format!("asn1: structure error: {why}")
}

/// A request with nothing in it but its frame.
#[cfg(test)]
pub(super) const BARE: &[u8] = &[
    0x30, 0x1b, 0x30, 0x11, 2, 1, 0, 0x30, 0, 0x30, 8, 0x30, 3, 6, 1, 0x2a, 3, 1, 0, 0xa0, 0, 0x30, 3, 6, 1,
    0x2a, 3, 1, 0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_told_as_go_tells_it() {
        let found =
            |found: &str, of: &str| format!("asn1: structure error: tags don't match ({found}) {PLAIN} {of}");
        let text = "16 vs {class:1 tag:14 length:111 isCompound:true}";
        let number = "16 vs {class:0 tag:2 length:1 isCompound:false}";
        let cases: [(&[u8], Option<String>); 10] = [
            (BARE, None),
            (b"", Some(syntax("sequence truncated"))),
            (b"not a request", Some(found(text, "certificateRequest @2"))),
            (&[0x30], Some(syntax("truncated tag or length"))),
            (&[0x30, 5, 1], Some(syntax("data truncated"))),
            (&[0x30, 0x80], Some(syntax("indefinite length found (not DER)"))),
            (&[0x30, 0x81, 5], Some(structure("non-minimal length"))),
            (&[0x30, 3, 2, 1, 0], Some(found(number, "tbsCertificateRequest @2"))),
            (&[BARE, &[0]].concat(), Some(syntax("trailing data"))),
            (&BARE[..20], Some(syntax("data truncated"))),
        ];
        for (der, expected) in cases {
            assert_eq!(fault(der), expected, "{der:?}");
        }
    }
}
