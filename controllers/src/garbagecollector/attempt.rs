//! Decides, after asking the server, what becomes of an object that may have to be deleted.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use steersman_core::resource::Scope;
use steersman_core::{Object, Result};

use super::absent::Absent;
use super::graph::{FOREGROUND, Graph, Identity, Node, ORPHAN, Uid};
use super::server::Server;

/// What has become of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// All that could be done was done.
    Done,
    /// The object waits for these dependents, which are to be looked at.
    LookAt(Vec<Uid>),
    /// The object does not exist.
    Absent,
    /// The object cannot be judged, and never will be: it is in no namespace and names an owner that is in one.
    Never,
}

pub(super) struct Attempts<'a> {
    pub(super) server: &'a Server,
    pub(super) absent: &'a Absent,
    pub(super) graph: &'a Mutex<Graph>,
}

/// How an owner stands to its dependents.
enum Owner {
    /// It is there.
    Solid,
    /// It is not there.
    Dangling,
    /// It waits for its dependents to be deleted.
    Waiting,
    /// It cannot be: see [`Attempt::Never`].
    Impossible,
}

impl Attempts<'_> {
    /// Deletes the object if none of its owners is left, and lets it forget those that are gone.
    pub(super) async fn delete(&self, node: &Node) -> Result<Attempt> {
        if node.being_deleted && !node.deleting_dependents {
            return Ok(Attempt::Done);
        }
        let live = match self.server.get(&node.identity).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(Attempt::Absent),
            Err(error) => return Err(error),
        };
        if live.uid() != &*node.identity.uid {
            return Ok(Attempt::Absent);
        }
        if node.deleting_dependents {
            return self.wait_for_dependents(&node.identity).await;
        }
        self.judge(node, &live).await
    }

    async fn judge(&self, node: &Node, live: &Object) -> Result<Attempt> {
        let (mut solid, mut gone, mut waiting) = (0, Vec::new(), 0);
        for reference in &live.metadata().owner_references {
            match self.owner(&node.identity, reference).await? {
                Owner::Solid => solid += 1,
                Owner::Dangling => gone.push(reference.uid.clone()),
                Owner::Waiting => {
                    waiting += 1;
                    gone.push(reference.uid.clone());
                }
                Owner::Impossible => return Ok(Attempt::Never),
            }
        }
        if live.metadata().owner_references.is_empty() || (solid > 0 && gone.is_empty()) {
            return Ok(Attempt::Done);
        }
        if solid > 0 {
            self.server.remove_owners(&node.identity, &gone).await?;
        } else if waiting > 0 && !node.dependents.is_empty() {
            self.break_circle(node).await?;
            self.server.delete(live, "Foreground").await?;
        } else {
            self.server.delete(live, own_policy(live)).await?;
        }
        Ok(Attempt::Done)
    }

    /// An object whose dependents wait for theirs may be part of a circle in which everybody waits. It is enough that
    /// it blocks nobody, and does no harm where there is no circle.
    async fn break_circle(&self, node: &Node) -> Result<()> {
        let waits = {
            let graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
            let mut dependents = node.dependents.iter().filter_map(|uid| graph.node(uid));
            dependents.any(|dependent| dependent.deleting_dependents)
        };
        if waits { self.server.unblock_owners(&node.identity).await } else { Ok(()) }
    }

    /// Lets the object go once no dependent blocks it.
    async fn wait_for_dependents(&self, identity: &Identity) -> Result<Attempt> {
        let blocking: Vec<(Uid, bool)> = {
            let graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
            let nodes = graph.blocking(&identity.uid);
            nodes.into_iter().map(|node| (node.identity.uid.clone(), node.deleting_dependents)).collect()
        };
        if blocking.is_empty() {
            self.server.remove_finalizer(identity, FOREGROUND).await?;
            return Ok(Attempt::Done);
        }
        let idle = blocking.into_iter().filter(|(_, deleting_dependents)| !deleting_dependents);
        Ok(Attempt::LookAt(idle.map(|(uid, _)| uid).collect()))
    }

    async fn owner(&self, dependent: &Identity, reference: &OwnerReference) -> Result<Owner> {
        let named = Identity::of_owner(reference, &dependent.namespace);
        if self.absent.has(&named) {
            return Ok(Owner::Dangling);
        }
        let owner = match self.server.scope(&reference.api_version, &reference.kind)? {
            Scope::Cluster => named.cluster_scoped(),
            Scope::Namespaced if dependent.namespace.is_empty() => return Ok(Owner::Impossible),
            Scope::Namespaced => named,
        };
        match self.server.get(&owner).await {
            Ok(live) if live.uid() == reference.uid => {
                Ok(if waits_for_dependents(&live) { Owner::Waiting } else { Owner::Solid })
            }
            Err(error) if !error.is_not_found() => Err(error),
            _ => {
                self.absent.add(owner);
                Ok(Owner::Dangling)
            }
        }
    }
}

fn waits_for_dependents(owner: &Object) -> bool {
    owner.metadata().is_terminating() && owner.metadata().finalizers.iter().any(|one| one == FOREGROUND)
}

/// How an object without owners goes: as its finalizers ask for.
fn own_policy(object: &Object) -> &'static str {
    let has = |finalizer: &str| object.metadata().finalizers.iter().any(|one| one == finalizer);
    match (has(ORPHAN), has(FOREGROUND)) {
        (true, _) => "Orphan",
        (false, true) => "Foreground",
        (false, false) => "Background",
    }
}
