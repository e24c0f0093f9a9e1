//! Roles and bindings, found by whom they are for. Nothing is copied to find them: every request asks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};

use super::GROUP;
use crate::user::{self, User};

/// Where a role or binding is: its namespace (empty for those of the whole cluster) and its name.
pub(super) type Place = (String, String);

/// Whom a binding is for.
#[derive(PartialEq, Eq)]
enum Who<'a> {
    User(Cow<'a, str>),
    Group(&'a str),
}

/// A binding.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) role: RoleRef,
    subjects: Vec<Subject>,
}

/// The roles and bindings as of some moment, by namespace (none: of the whole cluster). Cloning shares what is large.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    roles: BTreeMap<String, BTreeMap<String, Arc<[PolicyRule]>>>,
    bindings: BTreeMap<String, Bindings>,
}

/// The bindings of one namespace, by their names, and the names by whom they are for.
#[derive(Clone, Debug, Default)]
struct Bindings {
    all: BTreeMap<String, Arc<Binding>>,
    of_users: BTreeMap<String, BTreeSet<String>>,
    of_groups: BTreeMap<String, BTreeSet<String>>,
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
    pub(super) fn set_role(&mut self, (namespace, name): Place, rules: Option<Vec<PolicyRule>>) {
        let roles = self.roles.entry(namespace).or_default();
        match rules {
            Some(rules) => roles.insert(name, rules.into()),
            None => roles.remove(&name),
        };
    }

    /// Puts a binding in, or takes it out.
    pub(super) fn set_binding(&mut self, (namespace, name): Place, binding: Option<(RoleRef, Vec<Subject>)>) {
        let bindings = self.bindings.entry(namespace.clone()).or_default();
        bindings.remove(&namespace, &name);
        if let Some((role, subjects)) = binding {
            bindings.insert(&namespace, name, Binding { role, subjects });
        }
        if bindings.all.is_empty() {
            self.bindings.remove(&namespace);
        }
    }

    /// Takes out all roles, or all bindings, of the whole cluster or of namespaces.
    pub(super) fn clear(&mut self, are_roles: bool, are_clusters: bool) {
        match are_roles {
            true => self.roles.retain(|namespace, _| namespace.is_empty() != are_clusters),
            false => self.bindings.retain(|namespace, _| namespace.is_empty() != are_clusters),
        }
    }

    /// The bindings for a user, those of the whole cluster first, then those of the namespace if it is not empty.
    pub(super) fn grants<'a>(
        &'a self,
        user: &'a User,
        namespace: &'a str,
    ) -> impl Iterator<Item = Grant<'a>> {
        let places = [""].into_iter().chain((!namespace.is_empty()).then_some(namespace));
        let places = places.filter_map(|namespace| Some((namespace, self.bindings.get(namespace)?)));
        places.flat_map(move |(namespace, bindings)| {
            let names = bindings.names(user).into_iter();
            names.filter_map(move |name| {
                let binding = &**bindings.all.get(name)?;
                let subject = binding.subjects.iter().find(|subject| is_for(subject, user, namespace))?;
                Some(Grant { namespace, name, binding, subject })
            })
        })
    }

    /// The rules of the role that a binding in `namespace` names; `None` if there is no such role.
    pub(super) fn rules(&self, role: &RoleRef, namespace: &str) -> Option<&Arc<[PolicyRule]>> {
        let namespace = if role.kind == "Role" { namespace } else { "" };
        self.roles.get(namespace)?.get(&role.name)
    }
}

impl Bindings {
    fn insert(&mut self, namespace: &str, name: String, binding: Binding) {
        for subject in &binding.subjects {
            if let Some((names, who)) = self.named(subject, namespace) {
                names.entry(who).or_default().insert(name.clone());
            }
        }
        self.all.insert(name, Arc::new(binding));
    }

    fn remove(&mut self, namespace: &str, name: &str) {
        let Some(old) = self.all.remove(name) else { return };
        for subject in &old.subjects {
            let Some((names, who)) = self.named(subject, namespace) else { continue };
            if let Some(of) = names.get_mut(&who) {
                of.remove(name);
                if of.is_empty() {
                    names.remove(&who);
                }
            }
        }
    }

    /// Where the names of the bindings for a subject are, and by what they are found there.
    fn named(
        &mut self,
        subject: &Subject,
        namespace: &str,
    ) -> Option<(&mut BTreeMap<String, BTreeSet<String>>, String)> {
        Some(match who(subject, namespace)? {
            Who::User(name) => (&mut self.of_users, name.into_owned()),
            Who::Group(name) => (&mut self.of_groups, name.to_owned()),
        })
    }

    /// The names of the bindings for a user, in their order, each once.
    fn names(&self, user: &User) -> Vec<&str> {
        let groups = user.groups.iter().filter_map(|group| self.of_groups.get(group));
        let all = groups.chain(self.of_users.get(&user.name));
        let mut names: Vec<&str> = all.flatten().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn who<'a>(subject: &'a Subject, namespace: &str) -> Option<Who<'a>> {
    let is_ours = subject.api_group.as_deref().is_none_or(|group| group.is_empty() || group == GROUP);
    match subject.kind.as_str() {
        "User" if is_ours => Some(Who::User(Cow::Borrowed(&subject.name))),
        "Group" if is_ours => Some(Who::Group(&subject.name)),
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|own| !own.is_empty()).unwrap_or(namespace);
            let name = || Who::User(Cow::Owned(user::service_account_name(own, &subject.name)));
            (!own.is_empty()).then(name)
        }
        _ => None,
    }
}

fn is_for(subject: &Subject, user: &User, namespace: &str) -> bool {
    match who(subject, namespace) {
        Some(Who::User(name)) => name == user.name,
        Some(Who::Group(name)) => user.groups.iter().any(|group| group == name),
        None => false,
    }
}
