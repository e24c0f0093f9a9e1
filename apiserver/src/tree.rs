//! Reads and fills the fields of JSON trees.
//!
//! The schema has already left out zero values, or written them, as Go's encoding of the field does.

use steersman_core::tree::{List, Map, Value};

const NULL: Value = Value::Null;

/// Reading: a missing field is the zero of its type.
pub(crate) trait Read {
    /// The value of a field; null if absent.
    fn at(&self, field: &str) -> &Value;

    /// Whether the field is there and not null.
    fn has(&self, field: &str) -> bool {
        !self.at(field).is_null()
    }

    /// A string field; empty if absent.
    fn text(&self, field: &str) -> &str {
        self.at(field).as_str().unwrap_or_default()
    }

    /// A number field, if there.
    fn int(&self, field: &str) -> Option<i64> {
        self.at(field).as_i64()
    }

    /// A boolean field; false if absent.
    fn flag(&self, field: &str) -> bool {
        self.at(field).as_bool().unwrap_or_default()
    }

    /// The items of a list field; none if absent.
    fn items(&self, field: &str) -> &[Value] {
        self.at(field).as_array().map_or(&[], List::as_slice)
    }

    /// The entries of a map field, in key order; none if absent.
    fn entries(&self, field: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.at(field).as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    /// The strings of a list field.
    fn texts(&self, field: &str) -> impl Iterator<Item = &str> {
        self.items(field).iter().map(|item| item.as_str().unwrap_or_default())
    }
}

impl Read for Value {
    #[inline]
    fn at(&self, field: &str) -> &Value {
        self.as_object().and_then(|map| map.get(field)).unwrap_or(&NULL)
    }
}

impl Read for Map {
    #[inline]
    fn at(&self, field: &str) -> &Value {
        self.get(field).unwrap_or(&NULL)
    }
}

/// Writing: nothing happens where the tree is no object, for the schema has already refused that.
pub(crate) trait Fill {
    /// Sets a field.
    fn put(&mut self, field: &str, value: impl Into<Value>);

    /// Removes a field.
    fn drop_field(&mut self, field: &str);

    /// Sets a field that is absent or null: what Go keeps behind a pointer.
    fn fill(&mut self, field: &str, value: impl Into<Value>);

    /// Sets a field that is absent, null, zero or empty: what Go keeps as a plain value.
    fn fill_zero(&mut self, field: &str, value: impl Into<Value>);

    /// The object in a field, made if absent.
    fn object(&mut self, field: &str) -> &mut Map;

    /// The object in a field, if there.
    fn object_mut(&mut self, field: &str) -> Option<&mut Map>;

    /// The objects in a list field.
    fn objects_mut(&mut self, field: &str) -> impl Iterator<Item = &mut Map> {
        self.items_mut(field).iter_mut().filter_map(Value::as_object_mut)
    }

    /// The items of a list field; none if absent.
    fn items_mut(&mut self, field: &str) -> &mut [Value];

    /// The list in a field, made if absent.
    fn list(&mut self, field: &str) -> &mut Vec<Value>;
}

impl Fill for Map {
    fn put(&mut self, field: &str, value: impl Into<Value>) {
        self.insert(field, value.into());
    }

    fn drop_field(&mut self, field: &str) {
        self.remove(field);
    }

    fn fill(&mut self, field: &str, value: impl Into<Value>) {
        if self.at(field).is_null() {
            self.put(field, value);
        }
    }

    fn fill_zero(&mut self, field: &str, value: impl Into<Value>) {
        if is_zero(self.at(field)) {
            self.put(field, value);
        }
    }

    fn object(&mut self, field: &str) -> &mut Map {
        if !self.at(field).is_object() {
            self.put(field, Map::new());
        }
        self.object_mut(field).expect("the line above has put an object there")
    }

    fn object_mut(&mut self, field: &str) -> Option<&mut Map> {
        self.get_mut(field).and_then(Value::as_object_mut)
    }

    fn items_mut(&mut self, field: &str) -> &mut [Value] {
        self.get_mut(field).and_then(Value::as_array_mut).map_or(&mut [], List::as_mut_slice)
    }

    fn list(&mut self, field: &str) -> &mut Vec<Value> {
        if !self.at(field).is_array() {
            self.put(field, Vec::<Value>::new());
        }
        self.get_mut(field).and_then(Value::as_array_mut).expect("the line above has put a list there")
    }
}

/// The fields of an object; an object is put in the place of anything else.
pub(crate) fn fields(value: &mut Value) -> &mut Map {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("the line above has put an object there")
}

/// Whether Go would call the value zero: null, false, 0, "", [] or {}.
pub(crate) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn absent_null_and_zero_are_filled_as_go_fills_them() {
        let mut tree = json!({"pointer": 0, "plain": 0, "null": null});
        let map = fields(&mut tree);
        map.fill("pointer", 1);
        map.fill("null", 1);
        map.fill_zero("plain", 1);
        map.fill_zero("absent", 1);
        assert_eq!(tree, json!({"pointer": 0, "plain": 1, "null": 1, "absent": 1}));
    }
}
