//! Objects: fields, shared until they are changed.

use std::hash::{Hash, Hasher};
use std::ops::Index;
use std::sync::Arc;

use super::fields::{Fields, FieldsMut, IntoFields, Stored};
use super::rows::mark;
use super::{Text, Value};

/// The object of a tree: its fields in the order of their names, each name once. Clones share the fields until one
/// of them changes them.
#[derive(Clone, Default)]
pub struct Map(Option<Arc<Stored>>);

impl Map {
    /// An object without fields.
    pub const fn new() -> Self {
        Map(None)
    }

    /// An object without fields that has room for some.
    pub fn with_capacity(fields: usize) -> Self {
        if fields == 0 { Map(None) } else { Map(Some(Arc::new(Stored::with_capacity(fields)))) }
    }

    /// An object of these fields, in any order; of those that have the same name, the last stays.
    pub(super) fn of_fields(fields: Vec<(Text, Value)>) -> Self {
        Map((!fields.is_empty()).then(|| Arc::new(Stored::of(fields))))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |stored| stored.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name, mark(name))
    }

    /// The value of a field, to change it.
    #[inline]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let place = self.0.as_ref()?.find(name, mark(name))?;
        self.own().at_mut(place, name)
    }

    /// Whether there is such a field.
    #[inline]
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a field, and gives what was there.
    pub fn insert(&mut self, name: impl Into<Text> + AsRef<str>, value: Value) -> Option<Value> {
        let own = self.own();
        if let Some(there) = own.get_mut(name.as_ref()) {
            return Some(std::mem::replace(there, value));
        }
        own.add(name.into(), value);
        None
    }

    /// Removes a field, and gives what was there.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.remove_entry(name).map(|(_, value)| value)
    }

    /// Removes a field, and gives its name and what was there.
    pub fn remove_entry(&mut self, name: &str) -> Option<(Text, Value)> {
        if self.contains_key(name) { self.own().remove(name) } else { None }
    }

    /// Whether both share their fields, and so are equal; objects that share none may be, too.
    pub fn shares(&self, other: &Map) -> bool {
        matches!((&self.0, &other.0), (Some(one), Some(two)) if Arc::ptr_eq(one, two))
    }

    /// Removes all fields.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// Keeps the fields for which it is said.
    pub fn retain(&mut self, keep: impl FnMut(&Text, &mut Value) -> bool) {
        if !self.is_empty() {
            self.own().retain(keep);
        }
    }

    /// The place of a field, whether it is there or not.
    pub fn entry(&mut self, name: impl Into<Text>) -> Entry<'_> {
        let name = name.into();
        match self.contains_key(&name) {
            true => Entry::Occupied(OccupiedEntry { map: self, name }),
            false => Entry::Vacant(VacantEntry { map: self, name }),
        }
    }

    /// Moves all fields of another object into this one; they take the places of those that have their names.
    pub fn append(&mut self, other: &mut Map) {
        self.extend(std::mem::take(other));
    }

    /// The fields, in the order of their names.
    #[inline]
    pub fn iter(&self) -> Fields<'_> {
        self.0.as_ref().map(|stored| stored.iter()).unwrap_or_default()
    }

    /// The fields, to change their values.
    pub fn iter_mut(&mut self) -> FieldsMut<'_> {
        if self.is_empty() { FieldsMut::default() } else { self.own().iter_mut() }
    }

    /// The names, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Text> + ExactSizeIterator + Clone {
        self.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values, to change them.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> + ExactSizeIterator {
        self.iter_mut().map(|(_, value)| value)
    }

    /// The names, in order, for one who does not need the values.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = Text> + ExactSizeIterator {
        self.into_iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names, for one who does not need the names.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator {
        self.into_iter().map(|(_, value)| value)
    }

    #[inline]
    fn own(&mut self) -> &mut Stored {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl Index<&str> for Map {
    type Output = Value;

    /// # Panics
    /// There is no such field.
    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or_else(|| panic!("there is no field {name:?}"))
    }
}

impl Eq for Map {}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two) || one == two,
            _ => self.is_empty() && other.is_empty(),
        }
    }
}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|field| field.hash(state));
    }
}

impl<N: Into<Text>, V: Into<Value>> FromIterator<(N, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Map::of_fields(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<N: Into<Text>, V: Into<Value>> Extend<(N, V)> for Map {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, more: I) {
        let mut more = more.into_iter().map(|(name, value)| (name.into(), value.into())).peekable();
        if more.peek().is_some() {
            self.own().extend(more);
        }
    }
}

impl<N: Into<Text>, V: Into<Value>, const COUNT: usize> From<[(N, V); COUNT]> for Map {
    fn from(fields: [(N, V); COUNT]) -> Self {
        fields.into_iter().collect()
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = IntoFields;

    fn into_iter(self) -> IntoFields {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Text, &'a Value);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a Text, &'a mut Value);
    type IntoIter = FieldsMut<'a>;

    fn into_iter(self) -> FieldsMut<'a> {
        self.iter_mut()
    }
}

/// The place of a field in an object.
pub enum Entry<'a> {
    /// The field is there.
    Occupied(OccupiedEntry<'a>),
    /// It is not.
    Vacant(VacantEntry<'a>),
}

impl<'a> Entry<'a> {
    /// The name of the field.
    pub fn key(&self) -> &Text {
        match self {
            Entry::Occupied(entry) => entry.key(),
            Entry::Vacant(entry) => entry.key(),
        }
    }

    /// The value that is there, or this one, put there.
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    /// The value that is there, or one that is made and put there.
    pub fn or_insert_with(self, make: impl FnOnce() -> Value) -> &'a mut Value {
        match self {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(make()),
        }
    }

    /// Changes the value that is there.
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if let Entry::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }
}

const THERE: &str = "an occupied field is there";

/// A field that is there.
pub struct OccupiedEntry<'a> {
    map: &'a mut Map,
    name: Text,
}

impl<'a> OccupiedEntry<'a> {
    /// Its name.
    pub fn key(&self) -> &Text {
        &self.name
    }

    /// Its value.
    pub fn get(&self) -> &Value {
        self.map.get(&self.name).expect(THERE)
    }

    /// Its value, to change it.
    pub fn get_mut(&mut self) -> &mut Value {
        self.map.get_mut(&self.name).expect(THERE)
    }

    /// Its value, to change it, for as long as the object is there.
    pub fn into_mut(self) -> &'a mut Value {
        self.map.get_mut(&self.name).expect(THERE)
    }

    /// Sets its value, and gives what was there.
    pub fn insert(&mut self, value: Value) -> Value {
        std::mem::replace(self.get_mut(), value)
    }

    /// Removes it, and gives what was there.
    pub fn remove(self) -> Value {
        self.map.remove(&self.name).expect(THERE)
    }
}

/// A field that is not there.
pub struct VacantEntry<'a> {
    map: &'a mut Map,
    name: Text,
}

impl<'a> VacantEntry<'a> {
    /// Its name.
    pub fn key(&self) -> &Text {
        &self.name
    }

    /// Sets its value.
    pub fn insert(self, value: Value) -> &'a mut Value {
        self.map.own().add(self.name, value)
    }
}
