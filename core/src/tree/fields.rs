//! The fields of an object: a few in an array, many in a B-tree.

use std::collections::{BTreeMap, btree_map};
use std::{slice, vec};

use super::rows::{Field, Rows, mark, sort};
use super::{Text, Value};

/// From this many on, an array would have to move too many fields to make room for one.
const MANY: usize = 256;

/// Fields in the order of their names, each name once.
#[derive(Clone)]
pub(super) enum Stored {
    Few(Rows),
    Many(BTreeMap<Text, Value>),
}

impl Default for Stored {
    fn default() -> Self {
        Stored::Few(Rows::default())
    }
}

impl Stored {
    pub(super) fn with_capacity(fields: usize) -> Self {
        Stored::Few(Rows::with_capacity(fields.min(MANY)))
    }

    /// Fields in any order; of those that have one name, the last stays.
    pub(super) fn of(mut fields: Vec<Field>) -> Self {
        if fields.len() >= MANY {
            return Stored::Many(fields.into_iter().collect());
        }
        sort(&mut fields);
        Stored::Few(Rows::sorted(fields))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Stored::Few(rows) => rows.fields().len(),
            Stored::Many(map) => map.len(),
        }
    }

    /// The value of the field of this name, which has this mark.
    pub(super) fn get(&self, name: &str, mark: u8) -> Option<&Value> {
        match self {
            Stored::Few(rows) => rows.find(name, mark).map(|(_, (_, value))| value),
            Stored::Many(map) => get_of_many(map, name),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let place = self.find(name, mark(name))?;
        self.at_mut(place, name)
    }

    /// Where the field of this name is, which has this mark, for [`Stored::at_mut`]: in a B-tree it has no place but
    /// its name.
    pub(super) fn find(&self, name: &str, mark: u8) -> Option<usize> {
        match self {
            Stored::Few(rows) => rows.find(name, mark).map(|(place, _)| place),
            Stored::Many(map) => get_of_many(map, name).map(|_| 0),
        }
    }

    #[inline]
    pub(super) fn at_mut(&mut self, place: usize, name: &str) -> Option<&mut Value> {
        match self {
            Stored::Few(rows) => rows.fields_mut().get_mut(place).map(|(_, value)| value),
            Stored::Many(map) => map.get_mut(name),
        }
    }

    /// Adds a field that is not there.
    pub(super) fn add(&mut self, name: Text, value: Value) -> &mut Value {
        if let Stored::Few(rows) = self
            && rows.fields().len() >= MANY
        {
            *self = Stored::Many(std::mem::take(rows).into_fields().into_iter().collect());
        }
        match self {
            Stored::Few(rows) => {
                let place = rows.place(&name);
                rows.insert(place, (name, value));
                &mut rows.fields_mut()[place].1
            }
            Stored::Many(map) => map.entry(name).or_insert(value),
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Field> {
        match self {
            Stored::Few(rows) => {
                let (place, _) = rows.find(name, mark(name))?;
                Some(rows.remove(place))
            }
            Stored::Many(map) => map.remove_entry(name),
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Text, &mut Value) -> bool) {
        match self {
            Stored::Few(rows) => rows.retain(|(name, value)| keep(name, value)),
            Stored::Many(map) => map.retain(keep),
        }
    }

    /// Sets fields, in any order.
    pub(super) fn extend(&mut self, more: impl Iterator<Item = Field>) {
        match self {
            Stored::Few(rows) => {
                let mut fields = std::mem::take(rows).into_fields();
                fields.extend(more);
                *self = Stored::of(fields);
            }
            Stored::Many(map) => map.extend(more),
        }
    }

    pub(super) fn iter(&self) -> Fields<'_> {
        Fields(match self {
            Stored::Few(rows) => Either::Few(rows.fields().iter()),
            Stored::Many(map) => Either::Many(map.iter()),
        })
    }

    pub(super) fn iter_mut(&mut self) -> FieldsMut<'_> {
        FieldsMut(match self {
            Stored::Few(rows) => Either::Few(rows.fields_mut().iter_mut()),
            Stored::Many(map) => Either::Many(map.iter_mut()),
        })
    }
}

/// Few objects have many fields.
#[cold]
fn get_of_many<'v>(fields: &'v BTreeMap<Text, Value>, name: &str) -> Option<&'v Value> {
    fields.get(name)
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Stored::Few(one), Stored::Few(two)) => one.fields() == two.fields(),
            _ => self.len() == other.len() && self.iter().eq(other.iter()),
        }
    }
}

impl IntoIterator for Stored {
    type Item = Field;
    type IntoIter = IntoFields;

    fn into_iter(self) -> IntoFields {
        IntoFields(match self {
            Stored::Few(rows) => Either::Few(rows.into_fields().into_iter()),
            Stored::Many(map) => Either::Many(map.into_iter()),
        })
    }
}

#[derive(Clone)]
enum Either<F, M> {
    Few(F),
    Many(M),
}

/// The fields of an object, in the order of their names.
#[derive(Clone)]
pub struct Fields<'a>(Either<slice::Iter<'a, Field>, btree_map::Iter<'a, Text, Value>>);

/// The fields of an object, to change their values.
pub struct FieldsMut<'a>(Either<slice::IterMut<'a, Field>, btree_map::IterMut<'a, Text, Value>>);

/// The fields of an object that is no more.
pub struct IntoFields(Either<vec::IntoIter<Field>, btree_map::IntoIter<Text, Value>>);

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields(Either::Few([].iter()))
    }
}

impl Default for FieldsMut<'_> {
    fn default() -> Self {
        FieldsMut(Either::Few([].iter_mut()))
    }
}

macro_rules! iterators {
    ($($kind:ty => $item:ty, |$field:ident| $of_few:expr;)*) => {$(
        impl<'a> Iterator for $kind {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    Either::Few(fields) => fields.next().map(|$field| $of_few),
                    Either::Many(fields) => fields.next(),
                }
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                match &self.0 {
                    Either::Few(fields) => fields.size_hint(),
                    Either::Many(fields) => fields.size_hint(),
                }
            }
        }

        impl<'a> DoubleEndedIterator for $kind {
            fn next_back(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    Either::Few(fields) => fields.next_back().map(|$field| $of_few),
                    Either::Many(fields) => fields.next_back(),
                }
            }
        }

        impl<'a> ExactSizeIterator for $kind {}
    )*};
}

iterators! {
    Fields<'a> => (&'a Text, &'a Value), |field| (&field.0, &field.1);
    FieldsMut<'a> => (&'a Text, &'a mut Value), |field| (&field.0, &mut field.1);
}

impl Iterator for IntoFields {
    type Item = Field;

    #[inline]
    fn next(&mut self) -> Option<Field> {
        match &mut self.0 {
            Either::Few(fields) => fields.next(),
            Either::Many(fields) => fields.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Either::Few(fields) => fields.size_hint(),
            Either::Many(fields) => fields.size_hint(),
        }
    }
}

impl DoubleEndedIterator for IntoFields {
    fn next_back(&mut self) -> Option<Field> {
        match &mut self.0 {
            Either::Few(fields) => fields.next_back(),
            Either::Many(fields) => fields.next_back(),
        }
    }
}

impl ExactSizeIterator for IntoFields {}
