//! Says what is wrong with a YAML text in the words of upstream's parser, for what ours is known to find.

const MAPPING: &str = "mapping values are not allowed in this context";
const CHARACTER: &str = "found character that cannot start any token";

/// The words of ours, and those of upstream's scanner, which tells the line in which it stood.
const SCANNER: [(&str, &str); 5] = [
    (MAPPING, MAPPING),
    ("tabs disallowed within this context", CHARACTER),
    ("unexpected character: ", CHARACTER),
    ("unclosed quote", "found unexpected end of stream"),
    ("simple key expected ':'", "could not find expected ':'"),
];

/// What upstream says where ours says `error` of `text`; anything else as ours says it.
pub(super) fn worded(error: &str, text: &str) -> String {
    let Some((line, what)) = first_line(error) else { return error.to_owned() };
    if what.contains("unclosed bracket") {
        return unclosed(text);
    }
    if what.contains("alias references unknown anchor") {
        return unknown_anchor(error, text);
    }
    match SCANNER.iter().find(|(ours, _)| what.contains(ours)) {
        Some((_, theirs)) => at(line - 1, line, theirs),
        None => error.to_owned(),
    }
}

/// The line of which an error is, from one, and what it says: `error: line 2 column 3: unclosed quote`.
fn first_line(error: &str) -> Option<(usize, &str)> {
    let (_, rest) = error.lines().next()?.split_once("line ")?;
    let (place, what) = rest.split_once(": ")?;
    let line = place.split(' ').next()?.parse().ok()?;
    (line > 0).then_some((line, what))
}

/// Upstream tells no line where the place, counted from zero, is the first.
fn at(place: usize, line: usize, what: &str) -> String {
    if place == 0 { what.to_owned() } else { format!("line {line}: {what}") }
}

/// What is missing at the end of a text that leaves a bracket open: a value, or what closes the last such bracket. The
/// line is that of the bracket, counted from zero, unless that is the first: then it is that of the end.
fn unclosed(text: &str) -> String {
    let end = text.lines().count();
    if text.trim_end().ends_with(['[', '{', ',', ':']) {
        return format!("line {end}: did not find expected node content");
    }
    let (place, closing) = last_open(text);
    let line = if place == 0 { end } else { place };
    format!("line {line}: did not find expected ',' or '{closing}'")
}

/// The line of the last bracket that nothing closes, counted from zero, and what would close it.
fn last_open(text: &str) -> (usize, char) {
    let (mut open, mut quote) = (Vec::new(), None);
    for (place, line) in text.lines().enumerate() {
        for c in line.chars() {
            match (quote, c) {
                (Some(mark), _) if mark == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '[') => open.push((place, ']')),
                (None, '{') => open.push((place, '}')),
                (None, ']' | '}') => drop(open.pop()),
                _ => {}
            }
        }
    }
    open.pop().unwrap_or((0, '}'))
}

/// Upstream names the anchor and tells no line.
fn unknown_anchor(error: &str, text: &str) -> String {
    let place = error.lines().next().and_then(|first| first.split_once("column "));
    let column = place.and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok()).unwrap_or(1);
    let line = first_line(error).map_or(1, |(line, _)| line);
    let alias = text.lines().nth(line - 1).unwrap_or_default().chars().skip(column - column.min(1));
    let name: String =
        alias.skip_while(|c| *c == '*').take_while(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
    format!("unknown anchor '{name}' referenced")
}

#[cfg(test)]
mod tests {
    use crate::schema::decode;

    #[test]
    fn what_is_wrong_with_a_text_is_said_as_upstream_says_it() {
        let cases = [
            ("a: b: c", "mapping values are not allowed in this context"),
            ("kind: x\na: b: c", "line 2: mapping values are not allowed in this context"),
            ("a: b\n  c: d", "line 2: mapping values are not allowed in this context"),
            ("a:\n\tb: c", "line 2: found character that cannot start any token"),
            ("@a", "found character that cannot start any token"),
            ("kind: 'x", "found unexpected end of stream"),
            ("a: b\nc: \"x", "line 2: found unexpected end of stream"),
            ("a: |\n b\nc", "line 3: could not find expected ':'"),
            ("kind: *b", "unknown anchor 'b' referenced"),
            ("kind: [", "line 1: did not find expected node content"),
            ("{\"a\": ", "line 1: did not find expected node content"),
            ("{a: b", "line 1: did not find expected ',' or '}'"),
            ("[a, b\n", "line 1: did not find expected ',' or ']'"),
            ("a:\n  {b: [1]", "line 1: did not find expected ',' or '}'"),
        ];
        for (text, words) in cases {
            let told = decode::yaml(text).unwrap_err();
            assert_eq!(told, format!("error converting YAML to JSON: yaml: {words}"), "{text:?}");
        }
    }
}
