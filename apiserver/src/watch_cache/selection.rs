//! Decides which objects of a collection a list or a watch is about.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use steersman_core::api::Target;
use steersman_core::object::Metadata;
use steersman_core::selector::{FieldOperator, FieldSelector, LabelSelector};
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use crate::registry::Served;
use crate::strategy::Strategy;

/// An object with the values of its selectable fields, in the order of [`Strategy::selectable_fields`].
#[derive(Clone)]
pub(crate) struct Version {
    pub(crate) object: Object,
    pub(crate) fields: Fields,
}

/// The values of selectable fields. Cloning shares.
#[derive(Clone, Default)]
pub(crate) struct Fields(Option<Arc<Texts>>);

/// Texts in a row, and where each ends.
struct Texts {
    all: Box<str>,
    ends: Box<[usize]>,
}

impl Fields {
    fn of<'t>(texts: impl Iterator<Item = Cow<'t, str>>) -> Self {
        let texts: Vec<Cow<'t, str>> = texts.collect();
        if texts.is_empty() {
            return Fields::default();
        }
        let ends = texts.iter().scan(0, |end, text| {
            *end += text.len();
            Some(*end)
        });
        Fields(Some(Arc::new(Texts { ends: ends.collect(), all: texts.concat().into() })))
    }

    /// The same with other values at some places.
    pub(crate) fn with(&self, changed: &[(usize, String)]) -> Self {
        let count = self.0.as_deref().map_or(0, |texts| texts.ends.len());
        Fields::of((0..count).map(|place| {
            let new = changed.iter().find(|(at, _)| *at == place).map(|(_, value)| value.as_str());
            Cow::Borrowed(new.or_else(|| self.get(place)).unwrap_or_default())
        }))
    }

    /// The value at that place.
    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        let Texts { all, ends } = self.0.as_deref()?;
        let start = place.checked_sub(1).map_or(0, |before| ends[before]);
        all.get(start..*ends.get(place)?)
    }
}

impl Version {
    /// The same without what was decoded of the object.
    pub(crate) fn bare(&self) -> Self {
        Version { object: self.object.bare(), fields: self.fields.clone() }
    }

    /// Reads the selectable fields from `tree`, the tree of `object`.
    pub(crate) fn new(object: Object, tree: &Value, strategy: &dyn Strategy) -> Self {
        let names = strategy.selectable_fields();
        let own = names.iter().map(|name| strategy.field(tree, name));
        let paths = strategy.selectable_paths().iter().map(|path| at_path(tree, path).into());
        Version { object, fields: Fields::of(own.chain(paths)) }
    }

    /// Reads the selectable fields from the object; the tree is only built where there are any.
    pub(crate) fn of(object: Object, strategy: &dyn Strategy) -> Result<Self> {
        if strategy.selectable_fields().is_empty() && strategy.selectable_paths().is_empty() {
            return Ok(Version { object, fields: Fields::default() });
        }
        let tree = object.to_value()?;
        Ok(Self::new(object, &tree, strategy))
    }
}

/// A namespace and selectors, understood: field names are resolved to places in [`Version::fields`].
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
            Field::At(place) => version.fields.get(place).unwrap_or_default(),
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
fn at_path(tree: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(tree, |tree, step| tree.get(step));
    match found {
        Some(Value::String(text)) => text.to_string(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
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
