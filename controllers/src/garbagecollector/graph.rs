//! Who depends on whom: a pure graph of all objects by uid, and what each change in it calls for.
//!
//! An owner that somebody names and nobody has seen is in the graph too, as an unobserved node: whether it exists is
//! for the server to say. Objects name their owners by uid, kind and name, and may be wrong in part; such references
//! are checked against the server, and never trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use steersman_core::Object;
use steersman_core::object::Metadata;
use steersman_core::tree::Text;

/// The owner waits until the dependents that block it are gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

/// The owner waits until its dependents do not name it any more.
pub(super) const ORPHAN: &str = "orphan";

/// A uid; cloning shares.
pub(super) type Uid = Arc<str>;

/// Which object is meant, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) uid: Uid,
    pub(super) api_version: Text,
    pub(super) kind: Text,
    pub(super) namespace: Text,
    pub(super) name: Text,
}

/// An object, or an owner that somebody names.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) identity: Identity,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) dependents: BTreeSet<Uid>,
    /// Whether it was seen, rather than named by somebody only.
    pub(super) observed: bool,
    /// Whether its deletion was asked for.
    pub(super) being_deleted: bool,
    /// Whether it waits for its dependents to be deleted.
    pub(super) deleting_dependents: bool,
}

/// What a change calls for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// Look whether these are to be deleted.
    pub(super) delete: Vec<Uid>,
    /// The same, but not at once.
    pub(super) delete_later: Vec<Uid>,
    /// Free the dependents of these.
    pub(super) orphan: Vec<Uid>,
    /// These certainly do not exist.
    pub(super) absent: Vec<Identity>,
    /// These name an owner that is in another namespace.
    pub(super) misplaced: Vec<Misplaced>,
}

/// A dependent, and the owner that it names as if it were in its own namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub(super) dependent: Identity,
    pub(super) owner: Identity,
}

/// All objects that were seen, and all owners that they name.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Uid, Node>,
}

impl Identity {
    /// The identity of an object that was seen.
    pub(super) fn of(object: &Object) -> Self {
        Identity {
            uid: object.uid().into(),
            api_version: object.api_version().into(),
            kind: object.kind().into(),
            namespace: object.namespace().into(),
            name: object.name().into(),
        }
    }

    /// What an object in `namespace` says about its owner.
    pub(super) fn of_owner(owner: &OwnerReference, namespace: &str) -> Self {
        Identity {
            uid: owner.uid.as_str().into(),
            api_version: (&owner.api_version).into(),
            kind: (&owner.kind).into(),
            namespace: namespace.into(),
            name: (&owner.name).into(),
        }
    }

    /// The same, in no namespace.
    pub(super) fn cluster_scoped(&self) -> Self {
        Identity { namespace: Text::default(), ..self.clone() }
    }

    /// Whether the reference says the same, apart from the namespace.
    fn is_named_by(&self, owner: &OwnerReference) -> bool {
        *self.uid == *owner.uid
            && *self.api_version == *owner.api_version
            && *self.kind == *owner.kind
            && *self.name == *owner.name
    }
}

impl Node {
    fn named(identity: Identity) -> Self {
        Node {
            identity,
            owners: Vec::new(),
            dependents: BTreeSet::new(),
            observed: false,
            being_deleted: false,
            deleting_dependents: false,
        }
    }
}

impl Graph {
    pub(super) fn node(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    fn has_observed(&self, uid: &str) -> bool {
        self.nodes.get(uid).is_some_and(|node| node.observed)
    }

    /// The dependents that keep an owner from going before them.
    pub(super) fn blocking(&self, owner: &str) -> Vec<&Node> {
        let dependents = self.nodes.get(owner).into_iter().flat_map(|node| &node.dependents);
        let nodes = dependents.filter_map(|uid| self.nodes.get(uid));
        nodes.filter(|node| node.owners.iter().any(|one| one.uid == owner && blocks(one))).collect()
    }

    /// An object was added or has changed; `before` is what was known of it.
    pub(super) fn see(&mut self, before: Option<&Metadata>, object: &Object) -> Calls {
        let mut calls = Calls::default();
        let now = object.metadata();
        if before.is_some_and(|before| is_the_same(before, now)) && self.has_observed(object.uid()) {
            return calls;
        }
        let identity = Identity::of(object);
        let uid = identity.uid.clone();
        self.observe(&identity, &mut calls);
        let node = self.nodes.entry(uid.clone()).or_insert_with(|| Node::named(identity));
        node.observed = true;
        node.being_deleted |= now.is_terminating();
        let was = std::mem::replace(&mut node.owners, now.owner_references.clone());
        self.change_owners(&uid, &was, &now.owner_references, &mut calls);
        self.begin(before, now, &uid, &mut calls);
        calls
    }

    /// An object is gone.
    pub(super) fn forget(&mut self, object: &Object) -> Calls {
        let mut calls = Calls::default();
        self.remove(&Identity::of(object), &mut calls);
        calls
    }

    /// The server says that there is no such object. Whoever names it so has named nothing; whoever names it
    /// otherwise may still be right.
    pub(super) fn deny(&mut self, identity: &Identity) -> Calls {
        let mut calls = Calls::default();
        let Some(node) = self.nodes.get(&identity.uid) else { return calls };
        let (matching, others) = self.split_dependents(node, identity);
        let known_otherwise = node.observed && node.identity != *identity;
        if !known_otherwise && (node.observed || others.is_empty()) {
            self.remove(identity, &mut calls);
            return calls;
        }
        if !matching.is_empty() {
            calls.absent.push(identity.clone());
            calls.delete.extend(matching);
        }
        if !known_otherwise {
            self.try_another_name(identity, &others);
            calls.delete_later.push(identity.uid.clone());
        }
        calls
    }

    /// A node that was only named so far turns out to be this object.
    fn observe(&mut self, identity: &Identity, calls: &mut Calls) {
        let Some(node) = self.nodes.get(&identity.uid).filter(|node| !node.observed) else { return };
        if node.identity == *identity {
            return;
        }
        for uid in self.split_dependents(node, identity).1 {
            let Some(dependent) = self.nodes.get(&uid) else { continue };
            if !identity.namespace.is_empty() && dependent.identity.namespace != identity.namespace {
                calls.misplaced.extend(misplaced(dependent, &identity.uid));
            }
            calls.delete.push(uid);
        }
        if let Some(node) = self.nodes.get_mut(&identity.uid) {
            node.identity = identity.clone();
        }
    }

    fn change_owners(&mut self, uid: &Uid, was: &[OwnerReference], is: &[OwnerReference], calls: &mut Calls) {
        let in_list =
            |list: &[OwnerReference], owner: &OwnerReference| list.iter().any(|one| one.uid == owner.uid);
        for owner in was {
            let now = is.iter().find(|one| one.uid == owner.uid);
            if blocks(owner) && !now.is_some_and(blocks) && self.nodes.contains_key(&*owner.uid) {
                calls.delete.push(owner.uid.as_str().into());
            }
            if let (None, Some(node)) = (now, self.nodes.get_mut(&*owner.uid)) {
                node.dependents.remove(uid);
            }
        }
        let mut certain = true;
        for owner in is.iter().filter(|owner| !in_list(was, owner)) {
            // One doubt is enough to have the server asked about all owners.
            let known = self.attach(uid, owner, calls);
            certain = certain && (known == Known::OnlyNow || self.names_rightly(uid, owner, calls));
        }
        if !certain {
            calls.delete.push(uid.clone());
        }
    }

    /// Makes an object a dependent of the owner that it names; an owner that nobody knew is to be looked for.
    fn attach(&mut self, uid: &Uid, owner: &OwnerReference, calls: &mut Calls) -> Known {
        let Some(namespace) = self.nodes.get(uid).map(|node| node.identity.namespace.clone()) else {
            return Known::Before;
        };
        if let Some(node) = self.nodes.get_mut(&*owner.uid) {
            node.dependents.insert(uid.clone());
            return Known::Before;
        }
        let mut node = Node::named(Identity::of_owner(owner, &namespace));
        node.dependents.insert(uid.clone());
        calls.delete.push(node.identity.uid.clone());
        self.nodes.insert(node.identity.uid.clone(), node);
        Known::OnlyNow
    }

    /// Whether an object names its owner as that is known.
    fn names_rightly(&self, uid: &Uid, owner: &OwnerReference, calls: &mut Calls) -> bool {
        let (Some(dependent), Some(node)) = (self.nodes.get(uid), self.nodes.get(&*owner.uid)) else {
            return true;
        };
        let is_elsewhere = node.identity.namespace != dependent.identity.namespace;
        let is_namespaced = !node.identity.namespace.is_empty();
        if is_elsewhere && is_namespaced && node.observed {
            let owner = Identity::of_owner(owner, &dependent.identity.namespace);
            calls.misplaced.push(Misplaced { dependent: dependent.identity.clone(), owner });
        }
        // Of an owner that was not seen, somebody without a namespace may have said wrongly that it has none.
        let may_be_there = !is_elsewhere || (!is_namespaced && node.observed);
        may_be_there && node.identity.is_named_by(owner)
    }

    /// Deletion may have begun that waits for the dependents, or for them to be freed.
    fn begin(&mut self, before: Option<&Metadata>, now: &Metadata, uid: &Uid, calls: &mut Calls) {
        if begins(before, now, ORPHAN) {
            calls.orphan.push(uid.clone());
        } else if begins(before, now, FOREGROUND) {
            if let Some(node) = self.nodes.get_mut(uid) {
                node.deleting_dependents = true;
                calls.delete.extend(node.dependents.iter().cloned());
            }
            calls.delete.push(uid.clone());
        }
    }

    fn remove(&mut self, identity: &Identity, calls: &mut Calls) {
        let Some(node) = self.nodes.remove(&identity.uid) else { return };
        for owner in &node.owners {
            let Some(owner) = self.nodes.get_mut(&*owner.uid) else { continue };
            owner.dependents.remove(&identity.uid);
            if owner.deleting_dependents {
                calls.delete.push(owner.identity.uid.clone());
            }
        }
        if !node.dependents.is_empty() {
            calls.absent.push(identity.clone());
            calls.delete.extend(node.dependents);
        }
    }

    /// The dependents that name the owner as `identity` does, and those that name it otherwise.
    fn split_dependents(&self, owner: &Node, identity: &Identity) -> (Vec<Uid>, Vec<Uid>) {
        let (mut matching, mut others) = (Vec::new(), Vec::new());
        for dependent in owner.dependents.iter().filter_map(|uid| self.nodes.get(uid)) {
            let same_place =
                identity.namespace.is_empty() || identity.namespace == dependent.identity.namespace;
            let names = || dependent.owners.iter().filter(|one| *one.uid == *identity.uid);
            if same_place && names().any(|one| identity.is_named_by(one)) {
                matching.push(dependent.identity.uid.clone());
            }
            if !same_place || names().any(|one| !identity.is_named_by(one)) {
                others.push(dependent.identity.uid.clone());
            }
        }
        (matching, others)
    }

    /// Lets an unseen owner be looked for under the next of the other names that dependents have for it, in turn.
    fn try_another_name(&mut self, denied: &Identity, dependents: &[Uid]) {
        let named = |owner: &OwnerReference, namespace: &str| {
            let name = Identity::of_owner(owner, namespace);
            let no_namespace = denied.namespace.is_empty()
                && (&name.api_version, &name.kind) == (&denied.api_version, &denied.kind);
            if no_namespace { name.cluster_scoped() } else { name }
        };
        let names: BTreeSet<Identity> = dependents
            .iter()
            .filter_map(|uid| self.nodes.get(uid))
            .flat_map(|node| node.owners.iter().map(|owner| named(owner, &node.identity.namespace)))
            .filter(|name| name.uid == denied.uid && name != denied)
            .collect();
        let next = names.iter().find(|name| *name > denied).or_else(|| names.first()).cloned();
        if let (Some(next), Some(node)) = (next, self.nodes.get_mut(&denied.uid))
            && node.identity == *denied
        {
            node.identity = next;
        }
    }
}

/// Whether an owner was in the graph before somebody named it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Before,
    OnlyNow,
}

/// Whether the reference keeps the owner from going before its dependent.
fn blocks(owner: &OwnerReference) -> bool {
    owner.block_owner_deletion == Some(true)
}

/// The references of a dependent to an owner that is not where it says.
fn misplaced(dependent: &Node, owner: &str) -> Option<Misplaced> {
    let reference = dependent.owners.iter().find(|one| one.uid == owner)?;
    let owner = Identity::of_owner(reference, &dependent.identity.namespace);
    Some(Misplaced { dependent: dependent.identity.clone(), owner })
}

/// Whether nothing has changed that collecting garbage depends on: most changes are of something else.
fn is_the_same(before: &Metadata, now: &Metadata) -> bool {
    before.is_terminating() == now.is_terminating()
        && before.owner_references == now.owner_references
        && before.finalizers == now.finalizers
}

/// Whether the object now is being deleted with a finalizer, and was not before.
fn begins(before: Option<&Metadata>, now: &Metadata, finalizer: &str) -> bool {
    let waits = |metadata: &Metadata| {
        metadata.is_terminating() && metadata.finalizers.iter().any(|one| one == finalizer)
    };
    waits(now) && !before.is_some_and(waits)
}

#[cfg(test)]
mod tests;
