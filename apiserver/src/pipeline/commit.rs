//! Reads the current version of an object, and stores the next one if nobody was faster.

use std::slice;

use bytes::Bytes;
use futures::{FutureExt, TryFutureExt, future};
use steersman_core::object::Metadata;
use steersman_core::store::{Commit, Compare, Entry, Revision, Transaction, Write};
use steersman_core::tree::Value;
use steersman_core::{Object, Result};

use super::Core;
use crate::encode::{Encoded, Older, Parts};
use crate::ownership::Owners;
use crate::registry::Served;
use crate::stored::Stored;
use crate::watch_cache::Collection;
use crate::{encode, fault, known};

/// The largest object that is stored, in bytes; what etcd takes by default, in whose words one that is larger is refused.
const LARGEST: usize = 1536 * 1024;

/// The stored version of an object.
pub(super) struct Current {
    /// Its whole key.
    pub(super) key: Bytes,
    /// As the cache has it.
    pub(super) object: Object,
    /// Its tree, without the version and the owners.
    pub(super) tree: Value,
    /// The owners of its fields.
    pub(super) owners: Owners,
    /// Where its parts stand in its text.
    pub(super) parts: Parts,
    /// When it was written.
    pub(super) revision: Revision,
}

impl Current {
    /// What of it may be copied into the text of the next.
    fn as_older(&self) -> Older<'_> {
        Older { tree: &self.tree, json: self.object.stored_json(), parts: self.parts }
    }

    /// Fills in the defaults that its kind has got since it was written, which its text lacks.
    pub(super) fn catch_up(&mut self, row: &Served) {
        let written = self.tree.clone();
        row.catch_up(&mut self.tree);
        if self.tree != written {
            self.parts = Parts::default();
        }
    }

    /// Its version, as clients name it.
    pub(super) fn version(&self) -> &str {
        self.object.resource_version()
    }
}

/// An object about to be stored.
pub(super) struct Draft {
    /// Its tree.
    pub(super) tree: Value,
    /// The owners of its fields.
    pub(super) owners: Owners,
    /// What the metadata of the tree says. In a box, as a draft changes hands several times.
    pub(super) metadata: Box<Metadata>,
}

impl Draft {
    /// A draft whose metadata nobody has read yet.
    pub(super) fn new(tree: Value, owners: Owners) -> Result<Self> {
        Ok(Draft { metadata: encode::metadata_of(&tree)?.into(), tree, owners })
    }
}

/// What became of a write.
pub(super) enum Outcome {
    /// It is stored.
    Stored(Object),
    /// Somebody was faster: what is there now.
    Lost(Option<Current>),
}

impl Current {
    fn new(key: Bytes, object: Object, stored: Stored) -> Self {
        let Stored { tree, owners, parts } = stored;
        Current { key, tree, owners, parts, revision: revision_of(&object), object }
    }

    fn entry(entry: &Entry) -> Result<Self> {
        let object = encode::read(&entry.value, entry.modified)?;
        let stored = Stored::of(&object)?;
        Ok(Current::new(entry.key.clone(), object, stored))
    }
}

impl Core {
    /// The newest version of an object.
    pub(super) async fn newest(&self, collection: &Collection, key: &str) -> Result<Option<Current>> {
        self.cache.current().await?;
        collection.get(key).map(|object| self.current(object, || store_key(collection, key))).transpose()
    }

    /// What `object` holds, the version that was written last of the object of that key.
    pub(super) fn current(&self, object: Object, key: impl FnOnce() -> Bytes) -> Result<Current> {
        let (key, stored) = match self.recent.get(revision_of(&object)) {
            Some(kept) => kept,
            None => (key(), Stored::of(&object)?),
        };
        Ok(Current::new(key, object, stored))
    }

    /// Stores a new object.
    pub(super) fn put_new(
        &self,
        row: &Served,
        collection: &Collection,
        key: &str,
        draft: Draft,
    ) -> impl Future<Output = Result<Outcome>> + Send {
        self.put(row, collection, store_key(collection, key), draft, None)
    }

    /// Stores the next version of an object.
    pub(super) fn put_over(
        &self,
        row: &Served,
        collection: &Collection,
        draft: Draft,
        over: &Current,
    ) -> impl Future<Output = Result<Outcome>> + Send {
        self.put(row, collection, over.key.clone(), draft, Some(over))
    }

    /// Stores an object in place of `over`; of nothing, if it is new.
    async fn put(
        &self,
        row: &Served,
        collection: &Collection,
        key: Bytes,
        draft: Draft,
        over: Option<&Current>,
    ) -> Result<Outcome> {
        let Draft { tree, mut owners, metadata } = draft;
        let encoded = match over {
            Some(old) => Encoded::over(&tree, &owners, old.as_older()),
            None => Encoded::of(&tree, &owners),
        };
        // From here on they are a piece of the text.
        owners = encoded.owners();
        check_size(&encoded.json)?;
        let ttl = row.strategy.time_to_live();
        let write = Write::Put { key: key.clone(), value: encoded.json.clone(), ttl };
        match self.commit(key.clone(), write, over.map(|old| old.revision)).await? {
            Commit::Done(revision) => {
                let object = encode::finish(&encoded, &tree, *metadata, revision);
                if let Some(old) = over {
                    known::tell((&old.object, &old.tree), (&object, &tree));
                }
                let version = collection.written(object.clone(), &tree);
                self.cache.offer(revision, version);
                if let Some(old) = over {
                    self.recent.forget(old.revision);
                }
                // What goes by itself is seldom written again.
                if ttl.is_none() {
                    let stored = Stored { tree, owners, parts: encoded.parts };
                    self.recent.keep(revision, key, stored, encoded.json.len());
                }
                Ok(Outcome::Stored(object))
            }
            Commit::Refused(entries) => Ok(Outcome::Lost(lost(&entries)?)),
        }
    }

    /// Removes an object that was last written at `revision`. `Stored` holds its last state, at the revision of the
    /// removal.
    pub(super) async fn remove(&self, current: &Current) -> Result<Outcome> {
        let key = current.key.clone();
        match self.commit(key.clone(), Write::Delete { key }, Some(current.revision)).await? {
            Commit::Done(revision) => {
                self.cache.pump();
                self.recent.forget(current.revision);
                Ok(Outcome::Stored(encode::at_version(&current.object, revision)?))
            }
            Commit::Refused(entries) => Ok(Outcome::Lost(lost(&entries)?)),
        }
    }

    /// Writes if nobody has written since `over`. What it takes is handed on before anybody waits.
    pub(super) fn commit(
        &self,
        key: Bytes,
        write: Write,
        over: Option<Revision>,
    ) -> impl Future<Output = Result<Commit>> + Send {
        let compare = match over {
            Some(revision) => Compare::ModifiedAt(key, revision),
            None => Compare::Absent(key),
        };
        let at_once = self.store.commit_at_once(slice::from_ref(&compare), slice::from_ref(&write));
        let committed = match at_once {
            Some(outcome) => future::ready(outcome).left_future(),
            None => {
                let transaction = Transaction { compares: vec![compare], writes: vec![write] };
                self.store.commit(transaction).right_future()
            }
        };
        committed.map_err(fault::store)
    }
}

/// The revision that wrote an object.
pub(super) fn revision_of(object: &Object) -> Revision {
    Revision(object.resource_version().parse().unwrap_or_default())
}

/// The whole key of an object.
pub(super) fn store_key(collection: &Collection, key: &str) -> Bytes {
    [collection.prefix(), key].concat().into()
}

/// Refuses an object that is too large to be stored.
pub(super) fn check_size(value: &[u8]) -> Result<()> {
    if value.len() > LARGEST { Err(fault::bare("etcdserver: request is too large")) } else { Ok(()) }
}

fn lost(entries: &[Option<Entry>]) -> Result<Option<Current>> {
    entries.first().and_then(Option::as_ref).map(Current::entry).transpose()
}
