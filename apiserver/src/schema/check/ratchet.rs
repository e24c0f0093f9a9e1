//! Tells what an update left alone: what is wrong with that was wrong before, and is let pass (KEP-4008).

use std::collections::BTreeMap;

use steersman_core::tree::Value;

use super::Check;

/// The elements of a list that an update replaces, by what tells them apart. Only lists with keys have any.
pub(crate) struct Counterparts<'a> {
    keys: &'a [String],
    olds: BTreeMap<String, &'a Value>,
}

impl<'a> Counterparts<'a> {
    /// Those of a list with keys.
    pub(crate) fn of(keys: &'a [String], old: &'a Value) -> Self {
        let olds = old.as_array().into_iter().flatten();
        // The first of two that are alike counts.
        let olds = olds.rev().map(|old| (identity(old, keys), old)).collect();
        Counterparts { keys, olds }
    }

    /// The one that an element replaces.
    pub(crate) fn get(&self, item: &Value) -> Option<&'a Value> {
        self.olds.get(&identity(item, self.keys)).copied()
    }
}

fn identity(item: &Value, keys: &[String]) -> String {
    keys.iter().map(|key| format!("{};", item[key.as_str()])).collect()
}

impl Check {
    /// The rules of a property, or of the values of a map.
    pub(crate) fn property(&self, name: &str) -> Option<&Check> {
        self.object.properties.get(name).or(self.object.values.as_deref())
    }

    /// The rules of the elements of a list.
    pub(crate) fn items(&self) -> Option<&Check> {
        self.list.items.as_deref()
    }

    /// What the elements of a list replace; `None` if that cannot be told.
    pub(crate) fn counterparts<'a>(&'a self, old: Option<&'a Value>) -> Option<Counterparts<'a>> {
        Some(Counterparts::of(self.list.keys.as_ref()?, old?))
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
            (Value::Array(list), Value::Array(olds)) => match self.counterparts(Some(old)) {
                None => new == old,
                Some(counterparts) => {
                    list.len() == olds.len()
                        && list.iter().all(|item| {
                            let (rules, old) = (self.items(), counterparts.get(item));
                            rules.zip(old).is_some_and(|(rules, old)| rules.is_unchanged(item, old))
                        })
                }
            },
            (new, old) => new == old,
        }
    }
}
