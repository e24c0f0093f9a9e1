//! Writes the paths of a resource and what can be done at each.

use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value, json};

use super::dialect::Dialect;
use super::names;
use super::operation::{Action, Operation};
use crate::registry::Served;
use crate::schema;
use crate::tables::Subresource;

/// Paths with their operations.
pub(super) type Paths = Map;

/// Adds the paths of a resource.
pub(super) fn add(paths: &mut Paths, row: &Served, dialect: Dialect) {
    let resource = Resource { row, dialect };
    resource.collection(paths);
    resource.object(paths);
    for subresource in &row.names.subresources {
        resource.subresource(paths, subresource);
    }
    // Watches by path are obsolete; upstream does not tell of them where there never were any clients.
    if !row.custom && row.api().serves("watch") {
        resource.watches(paths);
    }
}

/// Adds a path whose answer is one document.
pub(super) fn add_document(paths: &mut Paths, path: &str, schema: Option<&str>, dialect: Dialect) {
    let published = schema.map(names::published);
    let media_types = if schema.is_some() { &["application/json"][..] } else { &["text/plain"] };
    let answer = json!({
        "description": "a document about the server",
        "responses": {"200": dialect.response(published.as_deref(), media_types), "401": {"description": "Unauthorized"}},
    });
    paths.insert(path.to_owned(), json!({"get": answer}));
}

struct Resource<'a> {
    row: &'a Served,
    dialect: Dialect,
}

impl Resource<'_> {
    fn base(&self) -> String {
        let kind = &self.row.kind;
        if kind.group.is_empty() {
            format!("/api/{}", kind.version)
        } else {
            format!("/apis/{}/{}", kind.group, kind.version)
        }
    }

    /// Where the objects of a namespace are, or all if there are no namespaces.
    fn home(&self, prefix: &str) -> String {
        let namespace = if self.row.is_namespaced() { "/namespaces/{namespace}" } else { "" };
        format!("{}{prefix}{namespace}/{}", self.base(), self.row.resource().resource)
    }

    fn everywhere(&self, prefix: &str) -> String {
        format!("{}{prefix}/{}", self.base(), self.row.resource().resource)
    }

    fn serves(&self, verb: &str) -> bool {
        self.row.api().serves(verb)
    }

    fn collection(&self, paths: &mut Paths) {
        let own = [
            ("get", Action::List, "list"),
            ("post", Action::Post, "create"),
            ("delete", Action::DeleteCollection, "deletecollection"),
        ];
        let own = own
            .into_iter()
            .filter(|(_, _, verb)| self.serves(verb))
            .map(|(method, action, _)| (method, action));
        self.put(paths, &self.home(""), own.collect(), &self.row.kind, "");
        if self.row.is_namespaced() && self.serves("list") {
            self.put(paths, &self.everywhere(""), vec![("get", Action::List)], &self.row.kind, "");
        }
    }

    fn object(&self, paths: &mut Paths) {
        let own = [
            ("get", Action::Get, "get"),
            ("put", Action::Put, "update"),
            ("patch", Action::Patch, "patch"),
            ("delete", Action::Delete, "delete"),
        ];
        let own = own
            .into_iter()
            .filter(|(_, _, verb)| self.serves(verb))
            .map(|(method, action, _)| (method, action));
        self.put(paths, &format!("{}/{{name}}", self.home("")), own.collect(), &self.row.kind, "");
    }

    fn subresource(&self, paths: &mut Paths, subresource: &Subresource) {
        let path = format!("{}/{{name}}/{}", self.home(""), subresource.name);
        if subresource.kind.kind.ends_with("Options") {
            return self.connect(paths, &path, subresource);
        }
        let all = [
            ("get", Action::Get, "get"),
            ("post", Action::Post, "create"),
            ("put", Action::Put, "update"),
            ("patch", Action::Patch, "patch"),
        ];
        let own =
            all.into_iter().filter(|(_, _, verb)| subresource.verbs.iter().any(|served| served == verb));
        let own = own.map(|(method, action, _)| match subresource.name.as_str() {
            "log" => (method, Action::Connect),
            _ => (method, action),
        });
        self.put(paths, &path, own.collect(), &subresource.kind, &subresource.name);
    }

    /// What is passed on to somebody else: a kubelet, a pod, a service.
    fn connect(&self, paths: &mut Paths, path: &str, subresource: &Subresource) {
        let is_proxy = subresource.name == "proxy";
        let methods: &[&'static str] = if is_proxy {
            &["delete", "get", "head", "options", "patch", "post", "put"]
        } else {
            &["get", "post"]
        };
        let all: Vec<_> = methods.iter().map(|method| (*method, Action::Connect)).collect();
        self.put(paths, path, all.clone(), &subresource.kind, &subresource.name);
        if is_proxy {
            self.put(paths, &format!("{path}/{{path}}"), all, &subresource.kind, &subresource.name);
        }
    }

    fn watches(&self, paths: &mut Paths) {
        let home = self.home("/watch");
        let mut all = vec![home.clone(), format!("{home}/{{name}}")];
        if self.row.is_namespaced() {
            all.push(self.everywhere("/watch"));
        }
        for path in all {
            self.put(paths, &path, vec![("get", Action::Watch)], &self.row.kind, "");
        }
    }

    fn put(
        &self,
        paths: &mut Paths,
        path: &str,
        actions: Vec<(&'static str, Action)>,
        kind: &GroupVersionKind,
        subresource: &str,
    ) {
        if actions.is_empty() {
            return;
        }
        let mut entry = Map::new();
        for (method, action) in actions {
            let operation = Operation {
                action,
                method,
                kind,
                body: self.published(kind),
                list: self
                    .published(&GroupVersionKind { kind: self.row.list_kind.clone().into(), ..kind.clone() }),
                path,
                subresource,
                dialect: self.dialect,
            };
            entry.insert(method.to_owned(), operation.describe());
        }
        let given =
            ["name", "namespace", "path"].into_iter().filter(|name| path.contains(&format!("{{{name}}}")));
        let parameters: Vec<Value> =
            given.map(|name| self.dialect.parameter("path", name, "string")).collect();
        if !parameters.is_empty() {
            entry.insert("parameters".to_owned(), parameters.into());
        }
        paths.insert(path.to_owned(), entry.into());
    }

    fn published(&self, kind: &GroupVersionKind) -> String {
        if self.row.custom && kind.group == self.row.kind.group {
            return names::custom(&kind.group, &kind.version, &kind.kind);
        }
        names::published(&schema::type_name(kind))
    }
}
