//! Tells what an update left alone: what is wrong with that was wrong before, and is let pass (KEP-4008).

use serde_json::Value;

use super::Check;

impl Check {
    /// The rules of a property, or of the values of a map.
    pub(crate) fn property(&self, name: &str) -> Option<&Check> {
        self.object.properties.get(name).or(self.object.values.as_deref())
    }

    /// The rules of the elements of a list.
    pub(crate) fn items(&self) -> Option<&Check> {
        self.list.items.as_deref()
    }

    /// The element of an old list that a new one replaces; only lists with keys tell.
    pub(super) fn counterpart<'a>(&self, item: &Value, old: &'a Value) -> Option<&'a Value> {
        let keys = self.list.keys.as_ref()?;
        old.as_array()?.iter().find(|old| keys.iter().all(|key| old.get(key) == item.get(key)))
    }

    /// Whether a value is what it was: fields that the schema does not know make it another, and so do elements that
    /// have no counterpart.
    pub(crate) fn is_unchanged(&self, new: &Value, old: &Value) -> bool {
        match (new, old) {
            (Value::Object(new), Value::Object(old)) => {
                new.len() == old.len()
                    && new.iter().all(|(name, value)| {
                        let (rules, old) = (self.property(name), old.get(name));
                        rules.zip(old).is_some_and(|(rules, old)| rules.is_unchanged(value, old))
                    })
            }
            (Value::Array(new), Value::Array(olds)) if self.list.keys.is_some() => {
                new.len() == olds.len()
                    && new.iter().all(|item| {
                        let (rules, old) = (self.items(), self.counterpart(item, old));
                        rules.zip(old).is_some_and(|(rules, old)| rules.is_unchanged(item, old))
                    })
            }
            (new, old) => new == old,
        }
    }
}
