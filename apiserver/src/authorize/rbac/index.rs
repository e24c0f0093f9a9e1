//! Roles and bindings, found by whom they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};

use super::GROUP;
use crate::user::{self, User};

/// Where a role or binding is: its namespace (empty for those of the whole cluster) and its name.
pub(super) type Place = (String, String);

/// Whom a binding is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    User(String),
    Group(String),
}

/// A binding.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) role: RoleRef,
    subjects: Vec<Subject>,
}

/// The roles and bindings as of some moment. Cloning shares what is large.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    roles: BTreeMap<Place, Arc<[PolicyRule]>>,
    bindings: BTreeMap<Place, Arc<Binding>>,
    /// The names of the bindings in a namespace (or in none) that are for somebody.
    of: BTreeMap<(Who, String), BTreeSet<String>>,
}

/// A binding that is for a user.
pub(super) struct Grant<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) binding: &'a Binding,
    /// The first of its subjects that the user is.
    pub(super) subject: &'a Subject,
}

impl Index {
    /// Puts a role in, or takes it out.
    pub(super) fn set_role(&mut self, place: Place, rules: Option<Vec<PolicyRule>>) {
        match rules {
            Some(rules) => self.roles.insert(place, rules.into()),
            None => self.roles.remove(&place),
        };
    }

    /// Puts a binding in, or takes it out.
    pub(super) fn set_binding(&mut self, place: Place, binding: Option<(RoleRef, Vec<Subject>)>) {
        if let Some(old) = self.bindings.remove(&place) {
            for who in old.everybody(&place.0) {
                let key = (who, place.0.clone());
                if let Some(names) = self.of.get_mut(&key) {
                    names.remove(&place.1);
                    if names.is_empty() {
                        self.of.remove(&key);
                    }
                }
            }
        }
        if let Some((role, subjects)) = binding {
            let binding = Binding { role, subjects };
            for who in binding.everybody(&place.0) {
                self.of.entry((who, place.0.clone())).or_default().insert(place.1.clone());
            }
            self.bindings.insert(place, Arc::new(binding));
        }
    }

    /// Takes out all roles, or all bindings, of the whole cluster or of namespaces.
    pub(super) fn clear(&mut self, are_roles: bool, are_clusters: bool) {
        let is_meant = |place: &Place| place.0.is_empty() == are_clusters;
        let places: Vec<Place> = match are_roles {
            true => self.roles.keys().filter(|place| is_meant(place)).cloned().collect(),
            false => self.bindings.keys().filter(|place| is_meant(place)).cloned().collect(),
        };
        for place in places {
            match are_roles {
                true => self.set_role(place, None),
                false => self.set_binding(place, None),
            }
        }
    }

    /// The bindings for a user, those of the whole cluster first, then those of the namespace if it is not empty.
    pub(super) fn grants<'a>(&'a self, user: &User, namespace: &'a str) -> impl Iterator<Item = Grant<'a>> {
        let places = [""].into_iter().chain((!namespace.is_empty()).then_some(namespace));
        let names: Vec<(&str, BTreeSet<&String>)> =
            places.map(|namespace| (namespace, self.names(user, namespace))).collect();
        let user = user.clone();
        let found = names
            .into_iter()
            .flat_map(|(namespace, names)| names.into_iter().map(move |name| (namespace, name.as_str())));
        found.filter_map(move |(namespace, name)| {
            let binding = &**self.bindings.get(&(namespace.to_owned(), name.to_owned()))?;
            let subject = binding.subjects.iter().find(|subject| is_for(subject, &user, namespace))?;
            Some(Grant { namespace, name, binding, subject })
        })
    }

    fn names(&self, user: &User, namespace: &str) -> BTreeSet<&String> {
        let groups = user.groups.iter().map(|group| Who::Group(group.clone()));
        let all = groups.chain([Who::User(user.name.clone())]);
        all.filter_map(|who| self.of.get(&(who, namespace.to_owned()))).flatten().collect()
    }

    /// The rules of the role that a binding in `namespace` names; `None` if there is no such role.
    pub(super) fn rules(&self, role: &RoleRef, namespace: &str) -> Option<&Arc<[PolicyRule]>> {
        let namespace = if role.kind == "Role" { namespace } else { "" };
        self.roles.get(&(namespace.to_owned(), role.name.clone()))
    }
}

impl Binding {
    fn everybody(&self, namespace: &str) -> Vec<Who> {
        self.subjects.iter().filter_map(|subject| who(subject, namespace)).collect()
    }
}

fn who(subject: &Subject, namespace: &str) -> Option<Who> {
    let is_ours = subject.api_group.as_deref().is_none_or(|group| group.is_empty() || group == GROUP);
    match subject.kind.as_str() {
        "User" if is_ours => Some(Who::User(subject.name.clone())),
        "Group" if is_ours => Some(Who::Group(subject.name.clone())),
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|own| !own.is_empty()).unwrap_or(namespace);
            (!own.is_empty()).then(|| Who::User(user::service_account_name(own, &subject.name)))
        }
        _ => None,
    }
}

fn is_for(subject: &Subject, user: &User, namespace: &str) -> bool {
    match who(subject, namespace) {
        Some(Who::User(name)) => name == user.name,
        Some(Who::Group(name)) => user.groups.contains(&name),
        None => false,
    }
}
