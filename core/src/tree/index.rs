//! What leads from a value to one below it: names of fields, indexes of lists.

use std::ops;

use super::{NULL, Text, Value};

/// What [`Value::get`] and `value[…]` take: the name of a field or an index of a list.
///
/// `value[…]` reads `null` where nothing is; to write, it makes a field that is not there, and an object in the place of
/// `null`.
pub trait Index {
    /// What is there.
    fn reach<'v>(&self, value: &'v Value) -> Option<&'v Value>;

    /// What is there, to change it.
    fn reach_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value>;

    /// What is there, made if it is not.
    ///
    /// # Panics
    /// The value has no such places.
    fn reach_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value;
}

impl Index for str {
    #[inline]
    fn reach<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_object()?.get(self)
    }

    #[inline]
    fn reach_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_object_mut()?.get_mut(self)
    }

    fn reach_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        if value.is_null() {
            *value = Value::Object(super::Map::new());
        }
        match value {
            Value::Object(map) => map.entry(self).or_insert(Value::Null),
            other => panic!("there is no field {self:?} in {other}"),
        }
    }
}

impl Index for usize {
    fn reach<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_array()?.get(*self)
    }

    fn reach_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_array_mut()?.get_mut(*self)
    }

    fn reach_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        match value {
            Value::Array(list) => &mut list[*self],
            other => panic!("there is no index {self} in {other}"),
        }
    }
}

/// Names in other forms, and references, lead where the name does.
macro_rules! as_its_target {
    ([$($generics:ident)?] $kind:ty) => {
        impl$(<$generics: Index + ?Sized>)? Index for $kind {
            #[inline]
            fn reach<'v>(&self, value: &'v Value) -> Option<&'v Value> {
                (**self).reach(value)
            }

            #[inline]
            fn reach_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
                (**self).reach_mut(value)
            }

            fn reach_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
                (**self).reach_or_make(value)
            }
        }
    };
}

as_its_target!([] String);
as_its_target!([] Text);
as_its_target!([I] & I);

impl<I: Index> ops::Index<I> for Value {
    type Output = Value;

    #[inline]
    fn index(&self, index: I) -> &Value {
        index.reach(self).unwrap_or(&NULL)
    }
}

impl<I: Index> ops::IndexMut<I> for Value {
    fn index_mut(&mut self, index: I) -> &mut Value {
        index.reach_or_make(self)
    }
}
