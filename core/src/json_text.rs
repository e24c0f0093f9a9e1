//! Finds the fields in the text of a JSON object without reading their values.

/// The fields of an object, in order: the name of each, as it is written between its quotes, and the text of its value.
pub type Fields<'j> = Vec<(&'j str, &'j str)>;

/// The fields of an object and of those objects in it that `names` names, which have none where there is no such object.
/// The end of `known`, a value's piece of the text, is not searched for. `None` if the text is no JSON object written
/// without spaces.
pub fn opened<'j, const N: usize>(
    object: &'j str,
    names: [&str; N],
    known: Option<&str>,
) -> Option<(Fields<'j>, [Fields<'j>; N])> {
    let (mut outer, mut inner) = (Vec::new(), [const { Vec::new() }; N]);
    let length = walk(object, |name, behind| {
        let place = names.iter().position(|one| *one == name).filter(|_| behind.starts_with('{'));
        let length = match place {
            Some(place) => walk(behind, |name, behind| {
                let length = value_length(behind, known)?;
                inner[place].push((name, behind.get(..length)?));
                Some(length)
            }),
            None => value_length(behind, known),
        }?;
        outer.push((name, behind.get(..length)?));
        Some(length)
    })?;
    (length == object.len()).then_some((outer, inner))
}

/// Walks through the fields of the object that the text begins with: `field` is told the name of each and what is behind
/// its colon, and tells the length of its value. Returns the length of the object.
fn walk<'j>(text: &'j str, mut field: impl FnMut(&'j str, &'j str) -> Option<usize>) -> Option<usize> {
    let mut rest = text.strip_prefix('{')?;
    while !rest.starts_with('}') {
        let (name, behind) = name(rest)?;
        let behind = behind.get(field(name, behind)?..)?;
        rest = match behind.strip_prefix(',') {
            Some(next) if !next.starts_with('}') => next,
            None if behind.starts_with('}') => behind,
            _ => return None,
        };
    }
    Some(text.len() - rest.len() + 1)
}

fn value_length(behind: &str, known: Option<&str>) -> Option<usize> {
    match known {
        Some(known) if std::ptr::eq(known.as_ptr(), behind.as_ptr()) => Some(known.len()),
        _ => value_end(behind.as_bytes()),
    }
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
    let (name, behind) = name(fields)?;
    let (value, rest) = behind.split_at_checked(value_end(behind.as_bytes())?)?;
    Some((name, value, rest))
}

/// The name of the first field, and what is behind its colon.
fn name(fields: &str) -> Option<(&str, &str)> {
    let (key, rest) = fields.split_at_checked(string_end(fields.as_bytes(), 0)?)?;
    Some((&key[1..key.len() - 1], rest.strip_prefix(':')?))
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

    fn fields(object: &str) -> Option<Fields<'_>> {
        opened(object, [], None).map(|(fields, [])| fields)
    }

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
    fn objects_in_an_object_are_opened_on_the_way() {
        let json = r#"{"a":{"x":1,"y":{"z":"}"}},"b":[2],"c":"{","d":{}}"#;
        let known = json.get(12..26).unwrap_or_default();
        assert_eq!(known, r#""y":{"z":"}"}}"#, "a piece that is no value makes no difference");
        for known in [None, Some(known), json.get(16..25)] {
            let (outer, [a, b, none, d]) = opened(json, ["a", "b", "e", "d"], known).unwrap();
            assert_eq!(Some(outer), fields(json));
            assert_eq!(a, [("x", "1"), ("y", r#"{"z":"}"}"#)]);
            assert_eq!((b, none, d), (vec![], vec![], vec![]));
        }
        for odd in [r#"{"a":{"x":1}"#, r#"{"a":{"x":1,}}"#, r#"{"a":{"x":1}} "#] {
            assert_eq!(opened(odd, ["a"], None), None, "{odd}");
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
