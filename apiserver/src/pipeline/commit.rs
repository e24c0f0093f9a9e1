//! Reads the current version of an object, and stores the next one if nobody was faster.

use bytes::Bytes;
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
    fn of(object: Object) -> Result<Self> {
        let stored = Stored::of(&object)?;
        Ok(Current::new(object, stored))
    }

    fn new(object: Object, stored: Stored) -> Self {
        let Stored { tree, owners, parts } = stored;
        Current { tree, owners, parts, revision: revision_of(&object), object }
    }

    fn entry(entry: &Entry) -> Result<Self> {
        Self::of(encode::read(&entry.value, entry.modified)?)
    }
}

impl Core {
    /// The newest version of an object.
    pub(super) async fn newest(&self, collection: &Collection, key: &str) -> Result<Option<Current>> {
        self.cache.current().await?;
        collection.get(key).map(|object| self.current(collection, key, object)).transpose()
    }

    /// What `object` holds, the version of that key that was written last.
    pub(super) fn current(&self, collection: &Collection, key: &str, object: Object) -> Result<Current> {
        match self.recent.get(&store_key(collection, key), revision_of(&object)) {
            Some(stored) => Ok(Current::new(object, stored)),
            None => Current::of(object),
        }
    }

    /// Stores an object in place of `over`; of nothing, if it is new.
    pub(super) async fn put(
        &self,
        row: &Served,
        collection: &Collection,
        key: &str,
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
        let key = store_key(collection, key);
        let ttl = row.strategy.time_to_live();
        let write = Write::Put { key: key.clone(), value: encoded.json.clone(), ttl };
        match self.commit(key.clone(), write, over.map(|old| old.revision)).await? {
            Commit::Done(revision) => {
                let object = encode::finish(&encoded, &tree, *metadata, revision);
                if let Some(old) = over {
                    known::tell((&old.object, &old.tree), (&object, &tree));
                }
                let version = collection.written(object.clone(), &tree);
                self.cache.offer(revision, key.clone(), version);
                // What goes by itself is seldom written again.
                if ttl.is_none() {
                    let stored = Stored { tree, owners, parts: encoded.parts };
                    self.recent.keep(key, revision, stored, encoded.json.len());
                }
                Ok(Outcome::Stored(object))
            }
            Commit::Refused(entries) => Ok(Outcome::Lost(lost(&entries)?)),
        }
    }

    /// Removes an object that was last written at `revision`. `Stored` holds its last state, at the revision of the
    /// removal.
    pub(super) async fn remove(
        &self,
        collection: &Collection,
        key: &str,
        current: &Current,
    ) -> Result<Outcome> {
        let key = store_key(collection, key);
        match self.commit(key.clone(), Write::Delete { key }, Some(current.revision)).await? {
            Commit::Done(revision) => {
                self.cache.pump();
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
        let committed = self.store.commit(Transaction { compares: vec![compare], writes: vec![write] });
        async { committed.await.map_err(fault::store) }
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
