//! Decides which objects of a collection a list or a watch is about.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use steersman_core::api::Target;
use steersman_core::object::{Bare, Metadata};
use steersman_core::selector::{FieldOperator, FieldSelector, LabelSelector};
use steersman_core::tree::{Text, Value};
use steersman_core::{Error, Object, Result};

use crate::registry::Served;
use crate::strategy::Strategy;

/// An object with what it can be selected by. Cloning shares.
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) object: Object,
    /// `None` for a kind that is selected by no fields of its own.
    selectable: Option<Arc<Selectable>>,
}

/// A version without what was decoded of its object.
pub(crate) struct BareVersion {
    object: Bare,
    selectable: Option<Arc<Selectable>>,
}

impl BareVersion {
    /// The version, of whose object nothing is decoded yet.
    pub(crate) fn version(&self) -> Version {
        Version { object: self.object.object(), selectable: self.selectable.clone() }
    }
}

/// The values of selectable fields, once somebody has asked for one: hardly anybody selects by them.
struct Selectable {
    strategy: Arc<dyn Strategy>,
    values: OnceLock<Box<[Text]>>,
}

/// The values of the selectable fields of `tree`, in the order of [`Strategy::selectable_fields`].
fn values_of(tree: &Value, strategy: &dyn Strategy) -> Box<[Text]> {
    let own = strategy.selectable_fields().iter().map(|name| strategy.field(tree, name).into());
    let paths = strategy.selectable_paths().iter().map(|path| at_path(tree, path));
    own.chain(paths).collect()
}

/// The same with other values at some places.
fn with(mut values: Box<[Text]>, changed: Vec<(usize, Text)>) -> Box<[Text]> {
    for (place, value) in changed {
        values[place] = value;
    }
    values
}

impl Version {
    /// A version whose selectable fields are read from the object when somebody asks for one.
    pub(crate) fn new(object: Object, strategy: &Arc<dyn Strategy>) -> Self {
        let has_any = !strategy.selectable_fields().is_empty() || !strategy.selectable_paths().is_empty();
        let unread = || Arc::new(Selectable { strategy: strategy.clone(), values: OnceLock::new() });
        Version { object, selectable: has_any.then(unread) }
    }

    /// A version that somebody else has written; its selectable fields are read at once.
    pub(crate) fn read(object: Object, strategy: &Arc<dyn Strategy>) -> Result<Self> {
        let version = Version::new(object, strategy);
        if version.selectable.is_some() {
            version.tell(&version.object.to_value()?);
        }
        Ok(version)
    }

    /// Reads the selectable fields from `tree`, the tree of the object.
    pub(crate) fn tell(&self, tree: &Value) {
        if let Some(Selectable { strategy, values }) = self.selectable.as_deref() {
            values.get_or_init(|| values_of(tree, &**strategy));
        }
    }

    /// The next version of the object, of whose selectable fields those at some places have changed.
    pub(crate) fn changed(&self, object: Object, changed: Vec<(usize, Text)>) -> Self {
        let next = |old: &Arc<Selectable>| {
            let known = old.values.get().map(|values| with(values.clone(), changed).into());
            Arc::new(Selectable { strategy: old.strategy.clone(), values: known.unwrap_or_default() })
        };
        Version { object, selectable: self.selectable.as_ref().map(next) }
    }

    /// The same without what was decoded of the object.
    pub(crate) fn bare(&self) -> BareVersion {
        BareVersion { object: self.object.bare(), selectable: self.selectable.clone() }
    }

    /// The value of the selectable field at that place; empty if there is none.
    pub(crate) fn field(&self, place: usize) -> &str {
        let Some(Selectable { strategy, values }) = self.selectable.as_deref() else { return "" };
        // What this server has written it can read.
        let read = || values_of(&self.object.to_value().unwrap_or_default(), &**strategy);
        values.get_or_init(read).get(place).map_or("", Text::as_str)
    }
}

/// A namespace and selectors, understood: field names are resolved to the places of [`Version::field`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Only this namespace; empty is all.
    pub(crate) namespace: String,
    /// Only this name; empty is all.
    pub(crate) name: String,
    labels: LabelSelector,
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
    At(usize),
}

impl Selection {
    /// Understands a request's selectors; 400 for a field that the kind cannot be selected by.
    pub(crate) fn new(
        target: &Target,
        row: &Served,
        labels: &LabelSelector,
        fields: &FieldSelector,
    ) -> Result<Self> {
        let mut terms = Vec::new();
        for requirement in fields.requirements() {
            let field = resolve(&requirement.field, row)?;
            terms.push(Term {
                field,
                equal: requirement.operator == FieldOperator::Equals,
                value: requirement.value.clone(),
            });
        }
        let by_name = terms.iter().find(|term| term.field == Field::Name && term.equal);
        let name = match by_name {
            Some(term) if target.name.is_empty() => term.value.clone(),
            _ => target.name.clone(),
        };
        Ok(Selection { namespace: target.namespace.clone(), name, labels: labels.clone(), terms })
    }

    /// Everything in a namespace; in all, if it is empty.
    pub(crate) fn in_namespace(namespace: &str) -> Self {
        Selection { namespace: namespace.to_owned(), ..Selection::default() }
    }

    /// Whether an object is meant.
    pub(crate) fn matches(&self, version: &Version) -> bool {
        let metadata = version.object.metadata();
        (self.namespace.is_empty() || self.namespace == metadata.namespace)
            && (self.name.is_empty() || self.name == metadata.name)
            && self.labels_match(&metadata.labels)
            && self.terms.iter().all(|term| term.matches(metadata, version))
    }

    /// Whether anything besides namespace and name is asked for.
    pub(crate) fn is_selective(&self) -> bool {
        !self.terms.is_empty() || !self.labels.is_everything()
    }

    /// Whether it asks for the values of selectable fields.
    pub(crate) fn asks_for_fields(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.field, Field::At(_)))
    }

    /// A field that must have a value, if there is one: what watchers are indexed by.
    pub(crate) fn indexable(&self) -> Option<(usize, &str)> {
        self.terms.iter().find_map(|term| match term.field {
            Field::At(place) if term.equal && !term.value.is_empty() => Some((place, term.value.as_str())),
            _ => None,
        })
    }

    fn labels_match(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.is_everything() || self.labels.matches(labels)
    }
}

impl Term {
    fn matches(&self, metadata: &Metadata, version: &Version) -> bool {
        let value = match self.field {
            Field::Name => metadata.name.as_str(),
            Field::Namespace => metadata.namespace.as_str(),
            Field::At(place) => version.field(place),
        };
        (value == self.value) == self.equal
    }
}

/// The kinds outside of namespaces of which upstream lists every field that is selected by, so that the namespace is none.
const NOWHERE: [&str; 4] = ["CertificateSigningRequest", "Namespace", "Node", "ResourceSlice"];

fn resolve(field: &str, row: &Served) -> Result<Field> {
    let lists_all = row.custom || NOWHERE.contains(&&*row.kind.kind);
    match field {
        "metadata.name" => return Ok(Field::Name),
        "metadata.namespace" if row.is_namespaced() || !lists_all => return Ok(Field::Namespace),
        _ => {}
    }
    // An older name, which upstream still knows.
    let current = if field == "spec.host" && row.kind.kind == "Pod" { "spec.nodeName" } else { field };
    let stored = row.view.stored_field(current);
    let known = row.strategy.selectable_fields();
    let place = stored.and_then(|field| {
        let paths = row.strategy.selectable_paths().iter().map(String::as_str);
        known.iter().copied().chain(paths).position(|known| known == field)
    });
    let kind = if row.custom { "" } else { &row.kind.kind };
    place.map(Field::At).ok_or_else(|| Error::bad_request(unknown_field(field, kind)))
}

/// The value at a simple path, as selectors compare it; empty if there is none.
fn at_path(tree: &Value, path: &str) -> Text {
    let found = path.split('.').try_fold(tree, |tree, step| tree.get(step));
    match found {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => Text::default(),
        Some(other) => Text::of(other),
    }
}

/// Upstream words the refusal by kind; custom resources have none here.
fn unknown_field(field: &str, kind: &str) -> String {
    match kind {
        ""
        | "CertificateSigningRequest"
        | "Event"
        | "Namespace"
        | "Node"
        | "Pod"
        | "ReplicationController"
        | "Secret"
        | "Service" => {
            format!("field label not supported: {field}")
        }
        "Job" => format!("field label {field:?} not supported for {kind}"),
        "ResourceSlice" => {
            format!("field label not supported for resource.k8s.io/v1, Kind={kind}: {field}")
        }
        _ => {
            format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        }
    }
}
