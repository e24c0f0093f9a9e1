//! Paths of `.name` and `['name']` steps into a schema, as rules and selectable fields have them.

use steersman_core::tree::Value;

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The path as errors write it: `a.b[c]`.
    pub(super) shown: String,
    pub(super) schema: &'a Value,
}

/// Follows a path into a schema; with brackets only where they are allowed.
///
/// # Errors
/// Why it leads nowhere, in upstream's words.
pub(super) fn follow<'a>(path: &str, schema: &'a Value, with_brackets: bool) -> Result<Found<'a>, String> {
    let mut found = Found { shown: String::new(), schema };
    let mut tokens = Tokens(path);
    while let Some(token) = tokens.next() {
        match token {
            "[" if !with_brackets => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let quoted = tokens.next().ok_or("unexpected end of JSON path")?;
                let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let inner = inner.ok_or_else(|| format!("expected single quoted string but got {quoted}"))?;
                found = step(found, &unescape(inner)?)?;
                match tokens.next() {
                    Some("]") => {}
                    None => return Err("unexpected end of JSON path".to_owned()),
                    Some(other) => return Err(format!("expected ] but got {other}")),
                }
            }
            "." => {
                let name = tokens.next().ok_or("unexpected end of JSON path")?;
                found = step(found, name)?;
            }
            other => return Err(format!("expected [ or . but got: {other}")),
        }
    }
    Ok(found)
}

fn step<'a>(at: Found<'a>, name: &str) -> Result<Found<'a>, String> {
    let nowhere = || "does not refer to a valid field".to_owned();
    let properties = at.schema["properties"].as_object().filter(|properties| !properties.is_empty());
    if let Some(properties) = properties {
        let schema = properties.get(name).ok_or_else(nowhere)?;
        let dot = if at.shown.is_empty() { "" } else { "." };
        return Ok(Found { shown: format!("{}{dot}{name}", at.shown), schema });
    }
    let values = &at.schema["additionalProperties"];
    if !values.is_object() {
        return Err(nowhere());
    }
    Ok(Found { shown: format!("{}[{name}]", at.shown), schema: values })
}

/// Delimiters by themselves, quoted text as a whole, and what stands between.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0;
        let first = rest.chars().next()?;
        let length = match first {
            '.' | '[' | ']' => 1,
            '\'' => {
                let bytes = rest.as_bytes();
                let close = (1..bytes.len()).find(|at| bytes[*at] == b'\'' && bytes[at - 1] != b'\\');
                close.map_or(rest.len(), |at| at + 1)
            }
            _ => rest.find(['.', '[', ']']).unwrap_or(rest.len()),
        };
        let (token, rest) = rest.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(c @ ('\'' | '\\')) => c,
            Some(other) => return Err(format!("invalid string literal: invalid escape char \\{other}")),
            None => '\\',
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn paths_lead_to_properties_and_values() {
        let schema = json!({
            "properties": {"a": {"additionalProperties": {"type": "string"}}, "b.c": {"type": "string"}},
        });
        let shown = |path: &str| follow(path, &schema, true).map(|found| found.shown);
        assert_eq!(shown(".a['x']"), Ok("a[x]".to_owned()));
        assert_eq!(shown(".a.x"), Ok("a[x]".to_owned()));
        assert_eq!(shown("['b.c']"), Ok("b.c".to_owned()));
        assert_eq!(shown(".z"), Err("does not refer to a valid field".to_owned()));
        assert_eq!(shown("a"), Err("expected [ or . but got: a".to_owned()));
        assert_eq!(shown(".a["), Err("unexpected end of JSON path".to_owned()));
        assert_eq!(follow("['a']", &schema, false).unwrap_err(), "array notation is not allowed");
    }
}
