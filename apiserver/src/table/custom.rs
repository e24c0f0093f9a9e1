//! The cells of a custom resource, as its additional printer columns have them.

use jiff::Timestamp;
use steersman_core::tree::Value;

use super::age;
use super::json_path::JsonPath;
use crate::crd::Column;

/// Where a cell finds its value, and what type it shows.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    kind: String,
    /// A path that is none finds nothing.
    path: Option<JsonPath>,
}

impl Cell {
    pub(super) fn new(column: &Column) -> Self {
        Cell { kind: column.kind.clone(), path: JsonPath::parse(&column.json_path) }
    }

    /// How long the object has been there.
    pub(super) fn age() -> Self {
        Cell { kind: "date".to_owned(), path: JsonPath::parse(".metadata.creationTimestamp") }
    }

    /// What the cell shows: the first value that the path leads to, null if that is of another type.
    pub(super) fn show(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.as_ref().and_then(|path| path.find(object).first().copied());
        let Some(value) = found else { return Value::Null };
        match (self.kind.as_str(), value) {
            ("string", Value::String(_)) => value.clone(),
            ("string", Value::Null) => "<no value>".into(),
            ("string", other) => other.to_string().into(),
            ("integer", Value::Number(number)) => {
                number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).into()
            }
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(_)) => match age::since(value, now) {
                unknown if unknown == "<unknown>" => "<invalid>".into(),
                age => age.into(),
            },
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_cell_shows_values_of_its_type() {
        let cell = |kind: &str, value: Value| {
            let column = Column {
                name: String::new(),
                kind: kind.to_owned(),
                format: String::new(),
                description: String::new(),
                priority: 0,
                json_path: ".v".to_owned(),
            };
            Cell::new(&column).show(&json!({ "v": value }), Timestamp::UNIX_EPOCH)
        };
        let cases = [
            ("string", json!(5), json!("5")),
            ("string", json!({"k": 1}), json!("{\"k\":1}")),
            ("string", Value::Null, json!("<no value>")),
            ("integer", json!(1.9), json!(1)),
            ("integer", json!("x"), Value::Null),
            ("boolean", json!("no"), Value::Null),
            ("number", json!(1.5), json!(1.5)),
            ("date", json!("1969-12-31T23:59:50Z"), json!("10s")),
            ("date", json!("yesterday"), json!("<invalid>")),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(cell(kind, value), expected);
        }
    }
}
