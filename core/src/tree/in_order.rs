//! Fields of an object that are asked for in the order of their names: one look each, where others need a search.

use super::text::same;
use super::{Fields, Map, Text, Value};

/// Looks up fields whose names come in their order, no name twice.
#[derive(Clone, Default)]
pub struct InOrder<'a> {
    next: Option<(&'a Text, &'a Value)>,
    rest: Fields<'a>,
}

impl<'a> InOrder<'a> {
    /// The fields of an object; none of what is no object.
    #[inline]
    pub fn of(value: Option<&'a Value>) -> Self {
        value.and_then(Value::as_object).map(Map::in_order).unwrap_or_default()
    }

    /// The value of a field, whose name is greater than those that were asked for before.
    #[inline]
    pub fn get(&mut self, name: &str) -> Option<&'a Value> {
        while let Some((own, value)) = self.next {
            let is_it = same(own, name);
            if !is_it && own.as_str() > name {
                return None;
            }
            self.next = self.rest.next();
            if is_it {
                return Some(value);
            }
        }
        None
    }
}

impl Map {
    /// The fields, for one who asks for them in the order of their names.
    #[inline]
    pub fn in_order(&self) -> InOrder<'_> {
        let mut rest = self.iter();
        InOrder { next: rest.next(), rest }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_asked_for_in_order_is_what_a_search_finds(
            fields in btree_set("[a-c]{0,3}", 0..20), asked in btree_set("[a-c]{0,3}", 0..20)
        ) {
            let map: Map = fields.iter().map(|name| (name.as_str(), name.as_str())).collect();
            let mut in_order = map.in_order();
            for name in asked {
                prop_assert_eq!(in_order.get(&name), map.get(&name));
            }
        }
    }
}
