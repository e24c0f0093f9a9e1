//! What OpenAPI 2 and OpenAPI 3 write differently.

use steersman_core::tree::{Map, Value, json};

/// The version of OpenAPI that a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

impl Dialect {
    /// A reference to a schema.
    pub(super) fn reference(self, name: &str) -> Value {
        let place = match self {
            Dialect::V2 => "#/definitions/",
            Dialect::V3 => "#/components/schemas/",
        };
        json!({"$ref": format!("{place}{name}")})
    }

    /// Puts a reference into a schema that says more than that; OpenAPI 3 has nothing stand beside a reference.
    pub(super) fn refer(self, schema: &mut Map, name: &str) {
        match (self, self.reference(name)) {
            (Dialect::V2, Value::Object(reference)) => schema.extend(reference),
            (_, reference) => {
                schema.insert("allOf".to_owned(), json!([reference]));
            }
        }
    }

    /// A parameter in the path or behind the question mark.
    pub(super) fn parameter(self, place: &str, name: &str, kind: &str) -> Value {
        let mut parameter = json!({"name": name, "in": place});
        match self {
            Dialect::V2 => parameter["type"] = kind.into(),
            Dialect::V3 => parameter["schema"] = json!({"type": kind}),
        }
        if place == "path" {
            parameter["required"] = true.into();
        }
        parameter
    }

    /// An answer of that schema; of none where the server passes on what somebody else answers.
    pub(super) fn response(self, schema: Option<&str>, media_types: &[&str]) -> Value {
        let schema = schema.map_or_else(|| json!({"type": "string"}), |name| self.reference(name));
        match self {
            Dialect::V2 => json!({"description": "OK", "schema": schema}),
            Dialect::V3 => json!({"description": "OK", "content": content(&schema, media_types)}),
        }
    }

    /// Adds a body of that schema to an operation.
    pub(super) fn take_body(self, operation: &mut Value, name: &str, media_types: &[&str], required: bool) {
        let schema = self.reference(name);
        match self {
            Dialect::V3 => {
                operation["requestBody"] = json!({"content": content(&schema, media_types)});
                if required {
                    operation["requestBody"]["required"] = true.into();
                }
            }
            Dialect::V2 => {
                let mut body = json!({"name": "body", "in": "body", "schema": schema});
                if required {
                    body["required"] = true.into();
                }
                match operation["parameters"].as_array_mut() {
                    Some(parameters) => parameters.push(body),
                    None => operation["parameters"] = json!([body]),
                }
                operation["consumes"] = media_types.into();
            }
        }
    }
}

fn content(schema: &Value, media_types: &[&str]) -> Value {
    media_types.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect::<Map>().into()
}
