//! Puts documents together: paths, and every schema that they refer to.

use std::collections::BTreeMap;

use steersman_core::tree::{Map, Value, json};

use super::builtin::Builtin;
use super::custom::Custom;
use super::dialect::Dialect;
use super::names;
use super::paths::{self, Paths};
use crate::discovery::{Groups, Version};
use crate::registry::Served;

/// Documents about the server itself: the path, without its first slash, and the type of the answer.
pub(super) const PLAIN: &[(&str, Option<&str>)] = &[
    (".well-known/openid-configuration", None),
    ("api", Some("meta.v1.APIVersions")),
    ("apis", Some("meta.v1.APIGroupList")),
    ("openid/v1/jwks", None),
    ("version", Some("version.Info")),
];

/// What documents are made from.
pub(super) struct Source {
    pub(super) groups: Groups,
    /// The CustomResourceDefinitions.
    pub(super) definitions: Vec<Value>,
}

impl Source {
    /// The OpenAPI 3 document of a path as the index names it: `apis/apps/v1`, `version`; `None` if there is no such.
    pub(super) fn part(&self, path: &str) -> Option<Value> {
        let dialect = Dialect::V3;
        let (mut paths, mut schemas) = (Paths::new(), BTreeMap::new());
        let mut own = ("", "");
        let mut info = json!({"title": "Kubernetes", "version": "1.36"});
        match path.split('/').collect::<Vec<_>>().as_slice() {
            _ if PLAIN.iter().any(|(known, _)| *known == path) => {
                let schema = PLAIN.iter().find(|row| row.0 == path).and_then(|row| row.1);
                paths::add_document(&mut paths, &format!("/{path}/"), schema, dialect);
            }
            ["apis", group] => {
                self.groups.find(group).filter(|group| !group.is_custom())?;
                paths::add_document(&mut paths, &format!("/{path}/"), Some("meta.v1.APIGroup"), dialect);
            }
            ["api", version] => own = ("", *version),
            ["apis", group, version] => own = (*group, *version),
            _ => return None,
        }
        if !own.1.is_empty() {
            let version = self.groups.find(own.0)?.version(own.1)?;
            self.version(version, &format!("/{path}/"), dialect, &mut paths, &mut schemas);
            if version.is_custom() {
                info = json!({"title": "Kubernetes CRD Swagger", "version": "v0.1.0"});
            }
        }
        let mut document = json!({"openapi": "3.0.0", "info": info, "paths": paths});
        let schemas = closed(&document, schemas, own, dialect);
        document["components"] = json!({"schemas": schemas});
        Some(document)
    }

    /// Everything in one OpenAPI 2 document.
    pub(super) fn whole(&self) -> Value {
        let dialect = Dialect::V2;
        let (mut paths, mut schemas) = (Paths::new(), BTreeMap::new());
        for (path, schema) in PLAIN {
            paths::add_document(&mut paths, &format!("/{path}/"), *schema, dialect);
        }
        for group in self.groups.all() {
            let base =
                if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) };
            if !group.name.is_empty() && !group.is_custom() {
                paths::add_document(&mut paths, &format!("{base}/"), Some("meta.v1.APIGroup"), dialect);
            }
            for version in &group.versions {
                self.version(
                    version,
                    &format!("{base}/{}/", version.name),
                    dialect,
                    &mut paths,
                    &mut schemas,
                );
            }
        }
        let mut document = json!({
            "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths,
        });
        document["definitions"] = closed(&document, schemas, ("", "v1"), dialect).into();
        document
    }

    fn version(
        &self,
        version: &Version,
        root: &str,
        dialect: Dialect,
        paths: &mut Paths,
        schemas: &mut BTreeMap<String, Value>,
    ) {
        if !version.is_custom() {
            paths::add_document(paths, root, Some("meta.v1.APIResourceList"), dialect);
        }
        for row in &version.rows {
            paths::add(paths, row, dialect);
            if row.custom {
                schemas.extend(self.custom(row, dialect));
            }
        }
    }

    /// The schemas of a custom resource; none for a Rust type's, which has no definition.
    fn custom(&self, row: &Served, dialect: Dialect) -> Vec<(String, Value)> {
        let resource = row.group_resource();
        let definition = self.definitions.iter().find(|one| crate::pipeline::resource_of(one) == resource);
        let Some(definition) = definition else { return Vec::new() };
        let mut versions = definition["spec"]["versions"].as_array().into_iter().flatten();
        let version = versions.find(|version| version["name"].as_str() == Some(&row.kind.version));
        version.map(|version| Custom { definition, version }.schemas(dialect).to_vec()).unwrap_or_default()
    }
}

/// Adds to some schemas the built-in ones that they, or the document, refer to.
fn closed(
    document: &Value,
    own: BTreeMap<String, Value>,
    group_version: (&str, &str),
    dialect: Dialect,
) -> Map {
    let builtin = Builtin::load();
    let mut wanted = Vec::new();
    references(document, &mut wanted);
    own.values().for_each(|schema| references(schema, &mut wanted));
    let mut found = own;
    // Ends because every schema is looked at once.
    while let Some(name) = wanted.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let schema =
            names::of_published(&name).and_then(|name| builtin.schema(&name, group_version, dialect));
        // What a Rust type's resource is made of, nobody has said.
        let schema =
            schema.unwrap_or_else(|| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
        references(&schema, &mut wanted);
        found.insert(name, schema);
    }
    found.into_iter().collect()
}

/// The names of the schemas that something refers to.
fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                into.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            fields.values().for_each(|value| references(value, into));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}
