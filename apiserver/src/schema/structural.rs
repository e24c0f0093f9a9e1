//! Compiles the structural schema of a custom resource into shapes: what is kept, defaulted and merged, and how.

use std::sync::Arc;

use steersman_core::tree::Value;

use super::document::Document;
use super::shape::{Field, ListKind, Node, ObjectType, PatchStrategy, Presence, Rest, Scalar, Shape};

/// Compiles an `openAPIV3Schema` that was validated before. The types it makes are added to a new document upon `base`.
pub(super) fn compile(base: &Arc<Document>, schema: &Value) -> (Document, Shape) {
    let mut compiler = Compiler { document: Document::upon(base.clone()) };
    let root = compiler.object(schema, true);
    (compiler.document, root)
}

struct Compiler {
    document: Document,
}

impl Compiler {
    fn node(&mut self, schema: &Value) -> Node {
        Node {
            shape: self.shape(schema),
            nullable: is_set(schema, "nullable"),
            default: schema.get("default").filter(|default| !default.is_null()).cloned(),
            atomic: schema.get("x-kubernetes-map-type").map(|map| map == "atomic"),
        }
    }

    fn shape(&mut self, schema: &Value) -> Shape {
        if is_set(schema, "x-kubernetes-int-or-string") {
            return Shape::Scalar(Scalar::IntOrString);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object_or_map(schema),
            Some("array") => {
                let items = schema.get("items").map_or(Scalar::Any.into(), |items| self.node(items));
                Shape::List(Box::new(items), list_kind(schema))
            }
            Some("string") => Shape::Scalar(Scalar::String),
            Some("boolean") => Shape::Scalar(Scalar::Bool),
            Some("integer") => Shape::Scalar(Scalar::Int64),
            Some("number") => Shape::Scalar(Scalar::Double),
            _ if schema.get("properties").is_some() => self.object(schema, false),
            _ => Shape::Scalar(Scalar::Any),
        }
    }

    fn object_or_map(&mut self, schema: &Value) -> Shape {
        let values = match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Node { nullable: true, ..Scalar::Any.into() }),
            Some(values @ Value::Object(_)) => Some(self.node(values)),
            _ => None,
        };
        match values {
            Some(values) => Shape::Map(Box::new(values)),
            None => self.object(schema, false),
        }
    }

    /// An object of its own has `apiVersion`, `kind` and `metadata`, whatever its schema says of them.
    fn object(&mut self, schema: &Value, is_root: bool) -> Shape {
        let embedded = is_root || is_set(schema, "x-kubernetes-embedded-resource");
        let own = |name: &str| embedded && matches!(name, "apiVersion" | "kind" | "metadata");
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut fields: Vec<Field> = properties
            .into_iter()
            .flatten()
            .filter(|(name, _)| !own(name))
            .map(|(name, schema)| field(name, self.node(schema)))
            .collect();
        if embedded {
            let metadata = self.document.named("meta.v1.ObjectMeta").expect("the table holds ObjectMeta");
            fields.push(field("apiVersion", Scalar::String.into()));
            fields.push(field("kind", Scalar::String.into()));
            fields.push(field("metadata", Node::from(Shape::Object(metadata))));
        }
        let mut object = ObjectType::new("", fields);
        object.embedded = embedded;
        if is_set(schema, "x-kubernetes-preserve-unknown-fields") {
            object.rest = Rest::Kept;
        }
        Shape::Object(self.document.add(object))
    }
}

fn field(name: &str, node: Node) -> Field {
    Field {
        name: name.to_owned(),
        node,
        presence: Presence::Pointer,
        patch: PatchStrategy::default(),
        order: Vec::new(),
        go: String::new(),
    }
}

fn is_set(schema: &Value, flag: &str) -> bool {
    schema.get(flag).and_then(Value::as_bool).unwrap_or(false)
}

fn list_kind(schema: &Value) -> ListKind {
    match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Map(strings(schema.get("x-kubernetes-list-map-keys"))),
        _ => ListKind::Atomic,
    }
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl From<Scalar> for Node {
    fn from(scalar: Scalar) -> Self {
        Shape::Scalar(scalar).into()
    }
}
