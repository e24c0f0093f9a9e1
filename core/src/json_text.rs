//! Finds the fields in the text of a JSON object without reading their values.

/// The fields of an object, in order: the name of each, as it is written between its quotes, and the text of its value.
/// `None` if the text is no JSON object written without spaces.
pub fn fields(object: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = object.strip_prefix('{')?;
    let mut fields = Vec::new();
    while rest != "}" {
        let (name, value, behind) = first(rest)?;
        fields.push((name, value));
        rest = match behind.strip_prefix(',') {
            Some(next) if next != "}" => next,
            _ if behind == "}" => behind,
            _ => return None,
        };
    }
    Some(fields)
}

/// The text of the field `name`. `fields` is valid JSON without spaces, behind the brace that opens an object; `None`
/// if the field is not there, or the text is no such JSON.
pub(crate) fn member<'j>(mut fields: &'j str, name: &str) -> Option<&'j str> {
    loop {
        let (key, value, rest) = first(fields)?;
        if key == name {
            return Some(value);
        }
        fields = rest.strip_prefix(',')?;
    }
}

/// The name and the value of the first field, and what is behind it.
fn first(fields: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = fields.split_at_checked(string_end(fields.as_bytes(), 0)?)?;
    let value = rest.strip_prefix(':')?;
    let (value, rest) = value.split_at_checked(value_end(value.as_bytes())?)?;
    Some((&key[1..key.len() - 1], value, rest))
}

/// Where the value ends that the text begins with.
fn value_end(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match json.get(at)? {
            b'"' => {
                at = string_end(json, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Where the string ends that begins at `start`, its quotes included.
fn string_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += plain(json.get(at..)?);
        match json.get(at)? {
            b'"' => return (json[start] == b'"').then_some(at + 1),
            _ => at += 2,
        }
    }
}

/// How many bytes there are before the first quote or backslash, eight looked at together.
fn plain(text: &[u8]) -> usize {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // The highest bit of the first byte that is 0; those behind it may be wrong.
    let zero = |word: u64| word.wrapping_sub(EACH) & !word & (EACH << 7);
    let mut words = text.chunks_exact(8);
    let mut before = 0;
    for word in words.by_ref() {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let found = zero(word ^ (EACH * u64::from(b'"'))) | zero(word ^ (EACH * u64::from(b'\\')));
        if found != 0 {
            return before + found.trailing_zeros() as usize / 8;
        }
        before += 8;
    }
    let rest = words.remainder();
    before + rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_found_in_order() {
        assert_eq!(fields(r#"{"b":[1,{}],"a":"}"}"#), Some(vec![("b", "[1,{}]"), ("a", r#""}""#)]));
        assert_eq!(fields("{}"), Some(vec![]));
        for odd in
            ["", "{", "}", "[]", r#"{"a":1"#, r#"{"a":1,}"#, r#"{"a":1}}"#, r#"{"a": 1, "b":2}"#, "{,}"]
        {
            assert_eq!(fields(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_field_is_found_behind_any_other() {
        let json = r#""a\"":"}\\","b":[1,{"c":"]"}],"c":-1.5,"d":{"e":{}},"é":"ü","f":[]},"g":0}"#;
        let cases = [
            ("b", Some(r#"[1,{"c":"]"}]"#)),
            ("c", Some("-1.5")),
            ("d", Some(r#"{"e":{}}"#)),
            ("é", Some(r#""ü""#)),
            ("f", Some("[]")),
            ("e", None),
            ("g", None),
        ];
        for (name, expected) in cases {
            assert_eq!(member(json, name), expected, "{name}");
        }
        for odd in ["}", "", "\"a\"", "\"a\":", "\"a\":1", "\"a\" : 1}", "\"\\", "a:1}"] {
            assert_eq!(member(odd, "a"), None, "{odd}");
        }
    }
}
