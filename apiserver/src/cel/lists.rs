//! Functions on lists, and those on text that upstream names alike.

use std::cmp::Ordering;

use super::eval::Outcome;
use super::failure::Failure;
use super::functions::{items, shared};
use super::value::{List, Value};

/// No range is longer than this: what an expression may cost at most, as each element costs one unit.
const MAX_RANGE: i64 = 1_000_000;

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(match (function, args) {
        ("isSorted", [Value::List(list)]) => is_sorted(&items(list)),
        ("sum", [Value::List(list)]) => sum(&items(list)),
        ("min", [Value::List(list)]) => extreme(&items(list), Ordering::Less, "min"),
        ("max", [Value::List(list)]) => extreme(&items(list), Ordering::Greater, "max"),
        ("indexOf", [Value::List(list), value]) => {
            Ok(position(list.iter().position(|item| item.equals(value))))
        }
        ("lastIndexOf", [Value::List(list), value]) => {
            Ok(position(items(list).iter().rposition(|item| item.equals(value))))
        }
        ("indexOf" | "lastIndexOf", [Value::String(text), Value::String(part), from @ ..]) => {
            in_text(function, text.as_str(), part.as_str(), from.first())
        }
        ("join", [Value::List(list), separator @ ..]) => join(list, separator.first()),
        ("slice", [Value::List(list), Value::Int(start), Value::Int(end)]) => {
            slice(&items(list), *start, *end)
        }
        ("distinct", [Value::List(list)]) => Ok(Value::list(distinct(list))),
        ("reverse", [Value::List(list)]) => {
            let mut items = items(list);
            items.reverse();
            Ok(Value::list(items))
        }
        ("sort", [Value::List(list)]) => {
            let items = items(list);
            sorted(items.clone(), &items)
        }
        ("@sortByAssociatedKeys", [Value::List(list), Value::List(keys)]) => {
            sorted(items(list), &items(keys))
        }
        ("first", [Value::List(list)]) => Ok(list.get(0).map_or(Value::Optional(None), Value::some)),
        ("last", [Value::List(list)]) => {
            let last = list.len().checked_sub(1).and_then(|index| list.get(index));
            Ok(last.map_or(Value::Optional(None), Value::some))
        }
        ("lists.range", [Value::Int(count)]) if *count <= MAX_RANGE => {
            Ok(Value::list((0..*count).map(Value::Int).collect()))
        }
        ("lists.range", [Value::Int(_)]) => Err(Failure::TooCostly),
        ("sets.contains", [Value::List(a), Value::List(b)]) => Ok(Value::Bool(holds(a, b))),
        ("sets.equivalent", [Value::List(a), Value::List(b)]) => Ok(Value::Bool(holds(a, b) && holds(b, a))),
        ("sets.intersects", [Value::List(a), Value::List(b)]) => {
            Ok(Value::Bool(a.iter().any(|item| b.iter().any(|other| other.equals(&item)))))
        }
        _ => return None,
    })
}

fn position<'a>(index: Option<usize>) -> Value<'a> {
    Value::Int(index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))
}

/// Whether every element of `b` is in `a`.
fn holds(a: &List<'_>, b: &List<'_>) -> bool {
    b.iter().all(|item| a.iter().any(|own| own.equals(&item)))
}

fn is_sorted<'a>(items: &[Value<'a>]) -> Outcome<'a> {
    for pair in items.windows(2) {
        match pair[0].compare(&pair[1]) {
            Some(Ordering::Greater) => return Ok(Value::Bool(false)),
            Some(_) => {}
            None => return Err(Failure::no_overload()),
        }
    }
    Ok(Value::Bool(true))
}

fn sum<'a>(items: &[Value<'a>]) -> Outcome<'a> {
    let Some((first, rest)) = items.split_first() else { return Ok(Value::Int(0)) };
    rest.iter().try_fold(first.clone(), |sum, item| {
        super::functions::call("_+_", &[sum, item.clone()]).unwrap_or_else(|| Err(Failure::no_overload()))
    })
}

fn extreme<'a>(items: &[Value<'a>], wanted: Ordering, name: &str) -> Outcome<'a> {
    let Some((first, rest)) = items.split_first() else {
        return Err(Failure::Error(format!("{name} called on empty list")));
    };
    rest.iter().try_fold(first.clone(), |best, item| match item.compare(&best) {
        Some(order) if order == wanted => Ok(item.clone()),
        Some(_) => Ok(best),
        None => Err(Failure::no_overload()),
    })
}

/// Where a part begins in a text, counted in characters.
fn in_text<'a>(function: &str, text: &str, part: &str, from: Option<&Value<'a>>) -> Outcome<'a> {
    let text: Vec<char> = text.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let from = match from {
        Some(Value::Int(from)) => match usize::try_from(*from) {
            Ok(index) if index <= text.len() => Some(index),
            _ => return Err(Failure::Error(format!("index out of range: {from}"))),
        },
        _ => None,
    };
    let fits = |at: &usize| text[*at..].starts_with(&part);
    let last = text.len().checked_sub(part.len());
    Ok(position(match (function, last) {
        (_, None) => None,
        ("indexOf", Some(last)) => (from.unwrap_or_default()..=last).find(fits),
        (_, Some(last)) => (0..=from.unwrap_or(last).min(last)).rev().find(fits),
    }))
}

fn join<'a>(list: &List<'a>, separator: Option<&Value<'a>>) -> Outcome<'a> {
    let separator = match separator {
        Some(Value::String(separator)) => separator.as_str(),
        None => "",
        Some(_) => return Err(Failure::no_overload()),
    };
    let mut joined = String::new();
    for (index, item) in list.iter().enumerate() {
        let Value::String(text) = item else { return Err(Failure::no_overload()) };
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text.as_str());
    }
    Ok(shared(joined))
}

fn slice<'a>(items: &[Value<'a>], start: i64, end: i64) -> Outcome<'a> {
    let fail = |why: String| Err(Failure::Error(why));
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(end)) else {
        return fail(format!("cannot slice({start}, {end}), negative indexes not supported"));
    };
    if from > to {
        return fail(format!(
            "cannot slice({start}, {end}), start index must be less than or equal to end index"
        ));
    }
    if to > items.len() {
        return fail(format!("cannot slice({start}, {end}), list is length {}", items.len()));
    }
    Ok(Value::list(items[from..to].to_vec()))
}

fn distinct<'a>(list: &List<'a>) -> Vec<Value<'a>> {
    let mut kept: Vec<Value<'a>> = Vec::new();
    for item in list.iter() {
        if !kept.iter().any(|own| own.equals(&item)) {
            kept.push(item);
        }
    }
    kept
}

/// The items in the order of their keys.
fn sorted<'a>(items: Vec<Value<'a>>, keys: &[Value<'a>]) -> Outcome<'a> {
    let first = keys.first();
    if keys.len() != items.len()
        || keys.iter().any(|key| first.is_some_and(|first| first.compare(key).is_none()))
    {
        return Err(Failure::Error("list elements must have the same type".to_owned()));
    }
    let mut paired: Vec<(&Value<'a>, Value<'a>)> = keys.iter().zip(items).collect();
    paired.sort_by(|(a, _), (b, _)| a.compare(b).unwrap_or(Ordering::Equal));
    Ok(Value::list(paired.into_iter().map(|(_, item)| item).collect()))
}
