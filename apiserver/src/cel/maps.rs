//! The maps that expressions look into, and their keys.

use super::value::{Key, Map, Text, Value, element};

impl<'a> Map<'a> {
    /// The value of a key; `None` if there is none.
    pub(super) fn get(&self, key: &Key) -> Option<Value<'a>> {
        match self {
            Map::Made(entries) | Map::Message(_, entries) => entries.get(key).cloned(),
            Map::Object(..) | Map::Json(..) => match key {
                Key::String(name) => self.field(name),
                _ => None,
            },
        }
    }

    /// The value of a field, by the name that expressions have for it.
    pub(super) fn field(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Map::Object(fields, object) => {
                let field = object.fields.get(name)?;
                fields.get(&field.name).map(|value| Value::of(value, &field.declared))
            }
            Map::Json(fields, declared) => fields.get(name).map(|value| Value::of(value, element(declared))),
            Map::Made(entries) | Map::Message(_, entries) => {
                entries.get(&Key::String(name.to_owned())).cloned()
            }
        }
    }

    /// The keys and values.
    pub(super) fn entries(&self) -> Vec<(Value<'a>, Value<'a>)> {
        match self {
            Map::Object(_, object) => {
                let own = object.fields.iter();
                own.filter_map(|(name, _)| Some((Value::text(name.as_str()), self.field(name)?))).collect()
            }
            Map::Json(fields, declared) => fields
                .iter()
                .map(|(name, value)| {
                    (Value::String(Text::Borrowed(name)), Value::of(value, element(declared)))
                })
                .collect(),
            Map::Made(entries) | Map::Message(_, entries) => {
                entries.iter().map(|(key, value)| (key.value(), value.clone())).collect()
            }
        }
    }

    /// Whether both have the same keys and equal values.
    pub(super) fn equals(&self, other: &Map<'a>) -> bool {
        let (own, others) = (self.entries(), other.entries());
        own.len() == others.len()
            && own.iter().all(|(key, value)| {
                let other = key.key().and_then(|key| other.get(&key));
                other.is_some_and(|other| other.equals(value))
            })
    }
}

impl Key {
    pub(super) fn value<'a>(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => i64::try_from(*value)
                .map_or_else(|_| Value::Uint(u64::try_from(*value).unwrap_or_default()), Value::Int),
            Key::String(text) => Value::text(text.as_str()),
        }
    }
}
