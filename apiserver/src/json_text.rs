//! Writes trees as JSON: the text that `serde_json` writes, strings a word at a time.

use std::fmt::Write;

use steersman_core::tree::Value;

/// Bytes of a text that are looked at together.
const WORD: usize = 8;

/// Writes a tree.
pub(crate) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        // A string takes whatever is written into it.
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => quote(text, out),
        Value::Array(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut before = "{\"";
            for (name, item) in map {
                write_name(std::mem::replace(&mut before, ",\""), name, out);
                write(item, out);
            }
            out.push_str(if map.is_empty() { "{}" } else { "}" });
        }
    }
}

/// Writes the name of a field, behind what stands before it: a quote, and what that follows.
#[inline]
pub(crate) fn write_name(before: &str, name: &str, out: &mut String) {
    out.push_str(before);
    push(name, out);
    out.push_str("\":");
}

/// JSON as Go writes it where a page might show it: what could end a script there is escaped.
pub(crate) fn for_pages(json: &str) -> String {
    let escaped = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    escaped.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Writes a text as a string.
#[inline]
pub(crate) fn quote(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    push(text, out);
    out.push('"');
}

/// Writes a text behind a prefix that has nothing to escape, as one string.
#[inline]
pub(crate) fn quote_behind(prefix: &str, text: &str, out: &mut String) {
    out.reserve(prefix.len() + text.len() + 2);
    out.push('"');
    out.push_str(prefix);
    push(text, out);
    out.push('"');
}

fn push(text: &str, out: &mut String) {
    match is_plain(text.as_bytes()) {
        true => out.push_str(text),
        false => escape(text, out),
    }
}

/// Whether nothing must be escaped: texts are looked at in pieces, the last of which overlaps.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    match text.len() {
        0..4 => !text.iter().any(is_special),
        4..8 => special(word::<4>(text.first_chunk()) | word::<4>(text.last_chunk()) << 32) == 0,
        8..16 => special(word::<8>(text.first_chunk())) | special(word::<8>(text.last_chunk())) == 0,
        _ => text.as_chunks().0.iter().all(is_clear) && text.last_chunk().is_some_and(is_clear),
    }
}

/// Bytes of a text as a word, the first the lowest.
#[inline]
fn word<const N: usize>(bytes: Option<&[u8; N]>) -> u64 {
    bytes.into_iter().flatten().rfold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Without a branch, so that all bytes are looked at together.
#[inline]
fn is_clear(bytes: &[u8; 2 * WORD]) -> bool {
    !bytes.iter().fold(false, |found, byte| found | is_special(byte))
}

/// Few texts need it.
#[cold]
fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    loop {
        let (clear, escaped) = rest.split_at(plain(rest));
        out.push_str(clear);
        let Some((special, after)) = escaped.split_at_checked(1) else { break };
        match special {
            "\"" => out.push_str("\\\""),
            "\\" => out.push_str("\\\\"),
            // A control character, which JSON writes in one of several ways.
            control => out.push_str(Value::from(control).to_string().trim_matches('"')),
        }
        rest = after;
    }
}

/// How long the text is before the first quote, backslash or control character, which a string has escaped.
pub(crate) fn plain(text: &str) -> usize {
    let (words, rest) = text.as_bytes().as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return index * WORD + special.trailing_zeros() as usize / 8;
        }
    }
    words.len() * WORD + rest.iter().position(is_special).unwrap_or(rest.len())
}

fn is_special(byte: &u8) -> bool {
    (*byte < b' ') | (*byte == b'"') | (*byte == b'\\')
}

/// The top bit of each of eight bytes that must be escaped, if only of the lowest for sure: a byte is below a bound if
/// subtracting it borrows, and what it borrows is missed by the next. Bytes beyond ASCII are never special.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & TOPS;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | equal(b'"') | equal(b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steersman_core::tree::json;

    use super::*;

    const MOSTLY_PLAIN: &str = "[ !#-\\[\\]-~é🚢]{0,20}[ -~\u{0}-\u{1f}]{0,2}[ !#-\\[\\]-~é🚢]{0,20}";

    fn written(value: &Value) -> String {
        let mut text = String::new();
        write(value, &mut text);
        text
    }

    #[test]
    fn every_kind_of_value_is_written() {
        let value = json!({
            "": null, "a\"b": [true, false, -1, u64::MAX, 1.5, 1e300], "deep": {"empty": {}, "list": []},
            "text": "\\ \" \u{0} \u{8} \n \u{1f} \u{7f} é 🚢, and a long tail without anything to escape"
        });
        assert_eq!(written(&value), value.to_string());
    }

    proptest! {
        #[test]
        fn strings_are_written_as_the_library_writes_them(text in MOSTLY_PLAIN) {
            prop_assert_eq!(written(&json!(text)), json!(text).to_string());
        }
    }
}
