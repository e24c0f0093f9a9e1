//! What one call does cost, from the arguments that it has; the counterpart of the estimate.

use super::price::{LIST, REGEX, TRAVERSAL};
use super::range::scale;
use super::value::Value;

/// No call makes a text of more characters than this, whatever upstream would take for it: memory stays bounded.
const MAX_TEXT: u64 = 64 << 20;

/// The cost of a call; its arguments begin with the target.
pub(super) fn cost(function: &str, args: &[Value<'_>]) -> u64 {
    let size = |index: usize| args.get(index).map_or(1, Value::size);
    let traversal = |index: usize| scale(size(index), TRAVERSAL);
    match function {
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => {
            args.first().map_or(0, traversal_cost)
        }
        "url" | "lowerAscii" | "upperAscii" | "substring" | "trim" | "cidr" | "isIP" | "isCIDR"
        | "quantity" | "isQuantity" | "semver" | "isSemver" | "startsWith" | "endsWith" => traversal(0),
        "ip" | "bytes" | "string" | "strings.quote" | "format" if is_text(args.first()) => traversal(0),
        "replace" if size(0).saturating_add(1).saturating_mul(size(2)) > MAX_TEXT => u64::MAX,
        "replace" | "split" | "ip.isCanonical" => scale(size(0), 2.0 * TRAVERSAL),
        "join" => scale(joined(args), 2.0 * TRAVERSAL),
        "find" | "findAll" | "matches" => {
            scale(size(0).saturating_add(1), TRAVERSAL).saturating_mul(scale(size(1), REGEX))
        }
        "containsIP" | "containsCIDR" => 8,
        "validate" => scale(size(1).saturating_add(1), TRAVERSAL).saturating_mul(32),
        "contains" => traversal(0).saturating_mul(traversal(1)),
        "@in" if matches!(args.get(1), Some(Value::List(_))) => size(1),
        "_==_" | "_!=_" => scale(size(0).min(size(1)), TRAVERSAL),
        "_<_" | "_<=_" | "_>_" | "_>=_" if is_text(args.first()) => scale(size(0).min(size(1)), TRAVERSAL),
        "_+_" if is_text(args.first()) => scale(size(0).saturating_add(size(1)), TRAVERSAL),
        "slice" | "reverse" | "flatten" => size(0).saturating_add(1 + LIST),
        "lists.range" => match args.first() {
            Some(Value::Int(count)) => u64::try_from(*count).unwrap_or_default().saturating_add(1 + LIST),
            _ => 1,
        },
        "distinct" | "sort" | "@sortByAssociatedKeys" => {
            size(0).saturating_mul(size(0)).saturating_mul(2).saturating_add(1 + LIST)
        }
        "sets.contains" | "sets.intersects" => size(0).saturating_mul(size(1)).saturating_add(1),
        "sets.equivalent" => size(0).saturating_mul(size(1)).saturating_mul(2).saturating_add(1),
        _ => 1,
    }
}

fn is_text(value: Option<&Value<'_>>) -> bool {
    matches!(value, Some(Value::String(_) | Value::Bytes(_)))
}

/// How long the text is that joining makes.
fn joined(args: &[Value<'_>]) -> u64 {
    let Some(Value::List(list)) = args.first() else { return 1 };
    let separators = (list.len() as u64).saturating_sub(1);
    let between = args.get(1).map_or(0, Value::size).saturating_mul(separators);
    list.iter().map(|item| item.size()).fold(between, u64::saturating_add)
}

/// What going through a value once costs.
fn traversal_cost(value: &Value<'_>) -> u64 {
    match value {
        Value::String(_) | Value::Bytes(_) => value.size() / 10,
        Value::List(list) => list.iter().map(|item| traversal_cost(&item)).sum(),
        _ => 1,
    }
}

/// How many parts a call has to touch beyond what its cost says: whole lists are copied, and compared to their depths.
pub(super) fn work(function: &str, args: &[Value<'_>]) -> u64 {
    match function {
        "_==_" | "_!=_" | "@in" => args.iter().map(Value::weight).min().unwrap_or_default(),
        "_+_" | "cel.@mapInsert" | "reverse" | "slice" | "flatten" | "distinct" | "format" => {
            args.iter().map(|arg| if is_text(Some(arg)) { 1 } else { arg.size() }).sum()
        }
        _ => 1,
    }
}
