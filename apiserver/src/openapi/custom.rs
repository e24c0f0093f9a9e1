//! Writes the kinds of a CustomResourceDefinition as schemas.

use steersman_core::tree::{Map, Value, json};

use super::dialect::Dialect;
use super::names;

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const LIST_METADATA: &str = "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

/// What OpenAPI 2 has no word for, or older clients stumble over.
const ONLY_V3: &[&str] = &["allOf", "anyOf", "default", "not", "nullable", "oneOf"];

/// A version of a definition.
pub(super) struct Custom<'a> {
    pub(super) definition: &'a Value,
    pub(super) version: &'a Value,
}

impl Custom<'_> {
    fn text(&self, key: &str) -> &str {
        self.definition["spec"]["names"][key].as_str().unwrap_or_default()
    }

    fn group_version(&self) -> (&str, &str) {
        let group = self.definition["spec"]["group"].as_str().unwrap_or_default();
        (group, self.version["name"].as_str().unwrap_or_default())
    }

    /// The published name of one of its kinds.
    fn name(&self, kind: &str) -> String {
        let (group, version) = self.group_version();
        names::custom(group, version, kind)
    }

    /// The schemas of the kind and of its list, by their published names.
    pub(super) fn schemas(&self, dialect: Dialect) -> [(String, Value); 2] {
        let (kind, list) = (self.text("kind"), self.list_kind());
        [(self.name(kind), self.object(kind, dialect)), (self.name(&list), self.list(kind, &list, dialect))]
    }

    fn list_kind(&self) -> String {
        match self.text("listKind") {
            "" => format!("{}List", self.text("kind")),
            given => given.to_owned(),
        }
    }

    fn object(&self, kind: &str, dialect: Dialect) -> Value {
        let mut schema = self.version["schema"]["openAPIV3Schema"].clone();
        if dialect == Dialect::V2 {
            simplify(&mut schema);
        }
        schema["type"] = "object".into();
        let mut metadata = json!({"description": METADATA});
        refer(&mut metadata, "meta.v1.ObjectMeta", dialect);
        for (name, property) in common(metadata) {
            schema["properties"][name] = property;
        }
        schema[KINDS] = self.kinds(kind);
        schema
    }

    fn list(&self, kind: &str, list: &str, dialect: Dialect) -> Value {
        let mut metadata = json!({"description": LIST_METADATA});
        refer(&mut metadata, "meta.v1.ListMeta", dialect);
        let mut properties: Map =
            common(metadata).map(|(name, property)| (name.to_owned(), property)).into_iter().collect();
        let about = format!(
            "List of {}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md",
            self.text("plural")
        );
        let items =
            json!({"description": about, "type": "array", "items": dialect.reference(&self.name(kind))});
        properties.insert("items".to_owned(), items);
        json!({
            "description": format!("{list} is a list of {kind}"),
            "type": "object", "required": ["items"], "properties": properties, KINDS: self.kinds(list),
        })
    }

    fn kinds(&self, kind: &str) -> Value {
        let (group, version) = self.group_version();
        json!([{"group": group, "kind": kind, "version": version}])
    }
}

const KINDS: &str = "x-kubernetes-group-version-kind";

fn common(metadata: Value) -> [(&'static str, Value); 3] {
    let text = |about: &str| json!({"description": about, "type": "string"});
    [("apiVersion", text(API_VERSION)), ("kind", text(KIND)), ("metadata", metadata)]
}

fn refer(schema: &mut Value, name: &str, dialect: Dialect) {
    if let Some(fields) = schema.as_object_mut() {
        dialect.refer(fields, &names::published(name));
    }
}

/// Leaves out of a schema, and of those in it, what only OpenAPI 3 knows.
fn simplify(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    // A value that may be of several types is described as one of any type.
    if fields.get("x-kubernetes-int-or-string").is_some()
        || fields.get("nullable") == Some(&Value::Bool(true))
    {
        fields.remove("type");
    }
    ONLY_V3.iter().for_each(|word| drop(fields.remove(word)));
    for place in ["items", "additionalProperties"] {
        fields.get_mut(place).into_iter().for_each(simplify);
    }
    for property in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        simplify(property.1);
    }
}
