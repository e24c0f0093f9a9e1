//! Functions on text, whose places are counted in characters.

use super::eval::Outcome;
use super::failure::Failure;
use super::functions::shared;
use super::value::Value;

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let (Value::String(text), rest) = args.split_first()? else { return None };
    let text = text.as_str();
    Some(match (function, rest) {
        ("contains", [Value::String(part)]) => Ok(Value::Bool(text.contains(part.as_str()))),
        ("startsWith", [Value::String(part)]) => Ok(Value::Bool(text.starts_with(part.as_str()))),
        ("endsWith", [Value::String(part)]) => Ok(Value::Bool(text.ends_with(part.as_str()))),
        ("lowerAscii", []) => Ok(shared(text.to_ascii_lowercase())),
        ("upperAscii", []) => Ok(shared(text.to_ascii_uppercase())),
        ("jsonpatch.escapeKey", []) => Ok(Value::text(text.replace('~', "~0").replace('/', "~1"))),
        ("trim", []) => Ok(Value::text(text.trim())),
        ("charAt", [Value::Int(index)]) => char_at(text, *index),
        ("substring", [Value::Int(start)]) => substring(text, *start, None),
        ("substring", [Value::Int(start), Value::Int(end)]) => substring(text, *start, Some(*end)),
        ("replace", [Value::String(from), Value::String(to)]) => {
            Ok(shared(text.replace(from.as_str(), to.as_str())))
        }
        ("replace", [Value::String(from), Value::String(to), Value::Int(count)]) => {
            Ok(shared(match usize::try_from(*count) {
                Ok(count) => text.replacen(from.as_str(), to.as_str(), count),
                Err(_) => text.replace(from.as_str(), to.as_str()),
            }))
        }
        ("split", [Value::String(separator)]) => Ok(split(text, separator.as_str(), None)),
        ("split", [Value::String(separator), Value::Int(limit)]) => {
            Ok(split(text, separator.as_str(), usize::try_from(*limit).ok()))
        }
        _ => return None,
    })
}

fn out_of_range<'a>(index: i64) -> Outcome<'a> {
    Err(Failure::Error(format!("index out of range: {index}")))
}

fn char_at<'a>(text: &str, index: i64) -> Outcome<'a> {
    let Ok(place) = usize::try_from(index) else { return out_of_range(index) };
    match text.chars().nth(place) {
        Some(c) => Ok(shared(c.to_string())),
        None if place == text.chars().count() => Ok(Value::text("")),
        None => out_of_range(index),
    }
}

fn substring<'a>(text: &str, start: i64, end: Option<i64>) -> Outcome<'a> {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let end = end.unwrap_or(count);
    if !(0..=count).contains(&start) {
        return out_of_range(start);
    }
    if !(0..=count).contains(&end) {
        return out_of_range(end);
    }
    if start > end {
        return Err(Failure::Error(format!("invalid substring range. start: {start}, end: {end}")));
    }
    let (start, length) = (start.unsigned_abs(), (end - start).unsigned_abs());
    let to_size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(shared(text.chars().skip(to_size(start)).take(to_size(length)).collect()))
}

/// Without a separator, each character by itself; with a limit, the last part has all the rest.
fn split<'a>(text: &str, separator: &str, limit: Option<usize>) -> Value<'a> {
    let limit = limit.unwrap_or(usize::MAX);
    let parts: Vec<&str> = if limit == 0 {
        Vec::new()
    } else if separator.is_empty() {
        let starts = text.char_indices().map(|(at, _)| at);
        let mut parts: Vec<usize> = starts.take(limit).collect();
        parts.push(text.len());
        parts
            .windows(2)
            .enumerate()
            .map(|(index, pair)| if index + 1 == limit { &text[pair[0]..] } else { &text[pair[0]..pair[1]] })
            .collect()
    } else {
        text.splitn(limit, separator).collect()
    };
    Value::list(parts.into_iter().map(Value::text).collect())
}
