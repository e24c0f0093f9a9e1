//! Describes one operation: its parameters, what it takes and what it answers.

use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Value, json};

use super::dialect::Dialect;
use super::names;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    List,
    Watch,
    Post,
    Put,
    Patch,
    Delete,
    DeleteCollection,
    Connect,
}

/// An operation at a path.
pub(super) struct Operation<'a> {
    pub(super) action: Action,
    pub(super) method: &'a str,
    pub(super) kind: &'a GroupVersionKind,
    /// The published names of the kind and of its list.
    pub(super) body: String,
    pub(super) list: String,
    pub(super) path: &'a str,
    pub(super) subresource: &'a str,
    pub(super) dialect: Dialect,
}

const OBJECTS: &[&str] = &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const STREAMS: &[&str] =
    &["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
const PATCHES: &[&str] = &[
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

const SELECTING: &[(&str, &str)] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const WRITING: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCHING: &[(&str, &str)] =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETING: &[(&str, &str)] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];

impl Operation<'_> {
    pub(super) fn describe(&self) -> Value {
        let (verb, parameters) = self.terms();
        let GroupVersionKind { group, version, kind } = self.kind;
        let mut operation = json!({
            "description": format!("{verb} {kind}"),
            "operationId": self.id(),
            "tags": [format!("{}_{version}", tag(group))],
            "responses": {"401": {"description": "Unauthorized"}},
            "x-kubernetes-action": verb,
            "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
        });
        operation["responses"]["200"] = self.answer();
        if parameters.is_empty() {
            self.take_body(&mut operation);
            return operation;
        }
        let dialect = self.dialect;
        operation["parameters"] =
            parameters.iter().map(|(name, kind)| dialect.parameter("query", name, kind)).collect();
        self.take_body(&mut operation);
        operation
    }

    /// What upstream calls the action, and the parameters it takes.
    fn terms(&self) -> (&'static str, Vec<(&'static str, &'static str)>) {
        match self.action {
            Action::Get => ("get", Vec::new()),
            Action::List => ("list", SELECTING.to_vec()),
            Action::Watch if self.path.ends_with("{name}") => ("watch", SELECTING.to_vec()),
            Action::Watch => ("watchlist", SELECTING.to_vec()),
            Action::Post => ("post", WRITING.to_vec()),
            Action::Put => ("put", WRITING.to_vec()),
            Action::Patch => ("patch", PATCHING.to_vec()),
            Action::Delete => ("delete", DELETING.to_vec()),
            Action::DeleteCollection => ("deletecollection", [DELETING, SELECTING].concat()),
            Action::Connect => ("connect", Vec::new()),
        }
    }

    fn answer(&self) -> Value {
        let status = names::published("meta.v1.Status");
        let event = names::published("meta.v1.WatchEvent");
        match self.action {
            Action::Connect => self.dialect.response(None, &["*/*"]),
            Action::List => self.dialect.response(Some(&self.list), OBJECTS),
            Action::Watch => self.dialect.response(Some(&event), STREAMS),
            Action::Delete | Action::DeleteCollection => self.dialect.response(Some(&status), OBJECTS),
            Action::Get | Action::Post | Action::Put | Action::Patch => {
                self.dialect.response(Some(&self.body), OBJECTS)
            }
        }
    }

    fn take_body(&self, operation: &mut Value) {
        let dialect = self.dialect;
        match self.action {
            Action::Post | Action::Put => dialect.take_body(operation, &self.body, &["*/*"], true),
            Action::Patch => dialect.take_body(operation, &names::published("patch"), PATCHES, true),
            Action::Delete | Action::DeleteCollection => {
                dialect.take_body(operation, &names::published("meta.v1.DeleteOptions"), &["*/*"], false);
            }
            Action::Get | Action::List | Action::Watch | Action::Connect => {}
        }
    }

    /// A name for the operation that no other has.
    fn id(&self) -> String {
        let verb = match self.action {
            Action::Get => "read",
            Action::List => "list",
            Action::Watch => "watch",
            Action::Post => "create",
            Action::Put => "replace",
            Action::Patch => "patch",
            Action::Delete => "delete",
            Action::DeleteCollection => "deleteCollection",
            Action::Connect => "connect",
        };
        let steps = self.path.split('/').filter(|step| !step.is_empty()).map(capitalized);
        let method = if self.action == Action::Connect { capitalized(self.method) } else { String::new() };
        format!("{verb}{method}{}{}", steps.collect::<String>(), capitalized(self.subresource))
    }
}

fn tag(group: &str) -> String {
    match group.split('.').next() {
        None | Some("") => "core".to_owned(),
        Some(first) => first.to_owned(),
    }
}

/// The letters and digits of a step of a path, the first one of each word capital.
fn capitalized(step: &str) -> String {
    let words = step.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}
