//! Merges an applied configuration into a live object, by the rules of its schema.

use steersman_core::tree::Value;

use super::element::Element;
use super::place::{Form, Place, elements, entries};
use super::set::Set;
use crate::schema::{ListKind, Schema};

/// What a live object becomes when `config`, which was found well typed, is merged into it.
pub(super) fn merge(schema: &Schema, live: &Value, config: &Value) -> Value {
    let mut merged = live.clone();
    into(Place::root(schema), &mut merged, config);
    merged
}

/// The values that merging `config` into `live` replaces as a whole, if it does nothing else; of lists in another order it
/// may be said that it does.
pub(super) fn replaced<'v>(schema: &Schema, live: &Value, config: &'v Value) -> Option<Set<'v>> {
    let mut set = replaced_at(Place::root(schema), live, config)?;
    set.member = false;
    Some(set)
}

fn replaced_at<'v>(place: Place<'_>, live: &Value, over: &'v Value) -> Option<Set<'v>> {
    let (some_live, some_over) = (Some(live), Some(over));
    match (place.form(live), place.form(over)) {
        (Form::Map, Form::Map) if entries(some_live).is_some() || entries(some_over).is_some() => {
            let mut below = Vec::new();
            for (key, over) in entries(some_over).into_iter().flatten() {
                let set = replaced_at(place.child(key), live.get(key)?, over)?;
                if !set.is_empty() {
                    below.push((Element::field(key), set));
                }
            }
            Some(Set::new(false, below))
        }
        (Form::List(kind), Form::List(_))
            if !(elements(some_live).is_empty() && elements(some_over).is_empty()) =>
        {
            replaced_in(place, kind, elements(some_live), elements(some_over))
        }
        _ if live == over => Some(Set::default()),
        _ => Some(Set::here()),
    }
}

/// A list stays in its form if all elements of the configuration are there, in the same order.
fn replaced_in<'v>(
    place: Place<'_>,
    kind: &ListKind,
    live: &[Value],
    config: &'v [Value],
) -> Option<Set<'v>> {
    let side = Side::of(place, kind, live);
    if side.order.len() < live.len() || !side.is_distinct() {
        return None;
    }
    let mut rest = side.order.into_iter().zip(side.values);
    let mut below = Vec::new();
    for over in config {
        let step = place.identity(kind, over).ok()?;
        let (_, value) = rest.find(|(own, _)| *own == step)?;
        let set = replaced_at(place.items(), value, over)?;
        if !set.is_empty() {
            below.push((step, set));
        }
    }
    Some(Set::new(false, below))
}

fn into(place: Place<'_>, live: &mut Value, over: &Value) {
    let some_over = Some(over);
    match (place.form(live), place.form(over)) {
        (Form::Map, Form::Map) if entries(Some(live)).is_some() || entries(some_over).is_some() => {
            for (key, over) in entries(some_over).into_iter().flatten() {
                let fields = crate::tree::fields(live);
                match fields.get_mut(key) {
                    Some(value) => into(place.child(key), value, over),
                    None => drop(fields.insert(key.clone(), over.clone())),
                }
            }
        }
        (Form::List(kind), Form::List(_))
            if !(elements(Some(live)).is_empty() && elements(some_over).is_empty()) =>
        {
            lists(place, kind, live, elements(some_over));
        }
        _ if live == over => {}
        _ => *live = over.clone(),
    }
}

/// An element, with another of its identity merged into it.
fn merged(place: Place<'_>, live: Option<&Value>, over: Option<&Value>) -> Option<Value> {
    let (Some(value), Some(over)) = (live, over) else { return live.or(over).cloned() };
    let mut value = value.clone();
    into(place, &mut value, over);
    Some(value)
}

/// The elements of one side of a merge.
struct Side<'a> {
    /// Their identities, in order.
    order: Vec<Element<'static>>,
    /// The elements in the same order.
    values: Vec<&'a Value>,
    /// Where they stand in that order, by their identities.
    sorted: Vec<usize>,
}

impl<'a> Side<'a> {
    fn of(place: Place<'_>, kind: &ListKind, list: &'a [Value]) -> Self {
        let known = |value| Some((place.identity(kind, value).ok()?, value));
        let (order, values): (Vec<_>, Vec<_>) = list.iter().filter_map(known).unzip();
        let mut sorted: Vec<usize> = (0..order.len()).collect();
        sorted.sort_by(|a, b| order[*a].cmp(&order[*b]));
        Side { order, values, sorted }
    }

    /// Whether no two share an identity.
    fn is_distinct(&self) -> bool {
        self.sorted.is_sorted_by(|a, b| self.order[*a] < self.order[*b])
    }

    /// The elements of that identity.
    fn with(&self, step: &Element<'_>) -> &[usize] {
        let start = self.sorted.partition_point(|index| self.order[*index] < *step);
        let count = self.sorted[start..].iter().take_while(|index| self.order[**index] == *step).count();
        &self.sorted[start..start + count]
    }

    /// Where each element of another list has its like in this one, if they all have one and stand in the same order.
    fn places_of(&self, other: &Side<'_>) -> Option<Vec<usize>> {
        let place = |step| match self.with(step) {
            [one] => Some(*one),
            _ => None,
        };
        let places: Vec<usize> = other.order.iter().map(place).collect::<Option<_>>()?;
        places.is_sorted_by(|a, b| a < b).then_some(places)
    }

    fn has(&self, step: &Element<'_>) -> bool {
        !self.with(step).is_empty()
    }

    /// The only element of that identity.
    fn get(&self, step: &Element<'_>) -> Option<&'a Value> {
        match self.with(step) {
            [one] => Some(self.values[*one]),
            _ => None,
        }
    }
}

fn lists(place: Place<'_>, kind: &ListKind, live: &mut Value, config: &[Value]) {
    let (ours, theirs) = (Side::of(place, kind, elements(Some(live))), Side::of(place, kind, config));
    let places = ours.places_of(&theirs).filter(|_| ours.order.len() == elements(Some(live)).len());
    let Some(places) = places else {
        let woven = woven(place, &ours, &theirs);
        *live = woven.into();
        return;
    };
    for (at, over) in places.into_iter().zip(theirs.values) {
        into(place.items(), &mut live[at], over);
    }
}

/// Both orders are kept as far as they agree; where they do not, the configuration's wins.
fn woven(place: Place<'_>, live: &Side<'_>, config: &Side<'_>) -> Vec<Value> {
    let items = place.items();
    let mut shared = config.order.iter().filter(|step| live.has(step)).peekable();
    let mut all = Vec::with_capacity(live.order.len().max(config.order.len()));
    let (mut left, mut right) = (0, 0);
    while left < live.order.len() || right < config.order.len() {
        let (ours, theirs) = (live.order.get(left), config.order.get(right));
        if let Some(ours) = ours {
            let is_shared = config.has(ours);
            if theirs == Some(ours) {
                left += 1;
            } else if !is_shared {
                all.push(live.values[left].clone());
                left += 1;
                continue;
            } else if theirs.is_none() || shared.peek().is_none_or(|next| *next != ours) {
                // It was merged already, or will be where the configuration has it.
                left += 1;
                if shared.peek().is_some() || theirs.is_none() {
                    continue;
                }
            }
        }
        let Some(theirs) = theirs else { continue };
        all.extend(merged(items, live.get(theirs), config.get(theirs)));
        right += 1;
        if shared.peek() == Some(&theirs) {
            shared.next();
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::testing::schema;
    use super::*;
    use steersman_core::tree::json;

    fn names(live: &[&str], config: &[&str]) -> String {
        let list = |names: &[&str]| {
            let items: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"spec": {"containers": items}})
        };
        let merged = merge(&schema("v1", "Pod"), &list(live), &list(config));
        let (live, config) = (list(live), list(config));
        let stays = replaced(&schema("v1", "Pod"), &live, &config).is_some_and(|set| set.is_empty());
        assert_eq!(stays, merged == live);
        let items = merged["spec"]["containers"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_keep_both_orders_and_the_configuration_has_the_last_word() {
        assert_eq!(names(&["a", "b", "c"], &["c", "a", "b"]), "c a b");
        assert_eq!(names(&["c", "a", "b"], &["z", "b"]), "c a z b");
        assert_eq!(names(&["a", "b"], &["c"]), "a b c");
        assert_eq!(names(&["a", "b", "c"], &["b", "x"]), "a b c x");
        assert_eq!(names(&[], &["b", "a"]), "b a");
        assert_eq!(names(&["a", "b", "c"], &["a", "c"]), "a b c");
        assert_eq!(names(&["a", "b", "c", "d"], &["d", "x", "b"]), "a c d x b");
    }

    #[test]
    fn maps_merge_lists_without_keys_are_replaced_and_empty_is_not_absent() {
        let live = json!({"data": {"a": "1", "b": "2"}, "metadata": {"finalizers": ["x/a"]}});
        let config = json!({"data": {"b": "3"}, "metadata": {"finalizers": ["x/b"], "labels": {}}});
        assert_eq!(
            merge(&schema("v1", "ConfigMap"), &live, &config),
            json!({"data": {"a": "1", "b": "3"}, "metadata": {"finalizers": ["x/a", "x/b"], "labels": {}}})
        );
        let live = json!({"spec": {"selector": {"a": "1"}, "externalIPs": ["1"]}});
        let config = json!({"spec": {"selector": {"b": "1"}, "externalIPs": ["2"]}});
        assert_eq!(merge(&schema("v1", "Service"), &live, &config), config);
    }
}
