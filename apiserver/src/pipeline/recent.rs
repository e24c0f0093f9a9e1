//! Keeps the trees of the objects that were written last: what is written is often written again soon, and need not be
//! parsed for it.

use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "objects are found by it, never walked through")]
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use foldhash::quality::RandomState;
use steersman_core::store::Revision;
use steersman_core::tree::Value;

use crate::encode::Parts;
use crate::stored::Stored;

/// How many bytes the objects may have, as they are stored; their trees take several times that.
const LIMIT: usize = 256 << 10;

/// The objects written last, by their keys in the store.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
#[expect(clippy::disallowed_types, reason = "objects are found by it, never walked through")]
struct Kept {
    objects: HashMap<Bytes, One, RandomState>,
    /// The keys in the order of the writes.
    order: BTreeMap<Revision, Bytes>,
    size: usize,
}

struct One {
    revision: Revision,
    stored: Stored,
    size: usize,
}

impl Recent {
    /// An object as it was written at that revision, if it is kept.
    pub(super) fn get(&self, key: &[u8], revision: Revision) -> Option<Stored> {
        let kept = self.kept();
        let one = kept.objects.get(key).filter(|one| one.revision == revision)?;
        Some(one.stored.clone())
    }

    /// Keeps an object of that size in place of an older version, and lets go of those that were written longest ago.
    pub(super) fn keep(&self, key: Bytes, revision: Revision, stored: Stored, size: usize) {
        let mut kept = self.kept();
        kept.forget(&key);
        if size > LIMIT {
            return;
        }
        kept.size += size;
        kept.order.insert(revision, key.clone());
        kept.objects.insert(key, One { revision, stored, size });
        while kept.size > LIMIT
            && let Some((_, oldest)) = kept.order.first_key_value()
        {
            let oldest = oldest.clone();
            kept.forget(&oldest);
        }
    }

    /// Has an object that is kept as it was at `from` be kept as `change` makes it, at `to`.
    pub(super) fn change(
        &self,
        key: &Bytes,
        (from, to): (Revision, Revision),
        size: usize,
        change: impl FnOnce(&mut Value),
    ) {
        let old = self.kept().forget(key).filter(|one| one.revision == from);
        if let Some(One { mut stored, .. }) = old {
            change(&mut stored.tree);
            stored.parts = Parts::default();
            self.keep(key.clone(), to, stored, size);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, key: &Bytes) -> Option<One> {
        let old = self.objects.remove(key)?;
        self.order.remove(&old.revision);
        self.size -= old.size;
        Some(old)
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;
    use crate::ownership::Owners;

    fn stored(name: &str) -> Stored {
        Stored { tree: json!(name), owners: Owners::default(), parts: Parts::default() }
    }

    #[test]
    fn only_the_version_that_was_written_last_is_kept() {
        let recent = Recent::default();
        recent.keep("a".into(), Revision(1), stored("a1"), 10);
        recent.keep("a".into(), Revision(2), stored("a2"), 10);
        assert_eq!(recent.get(b"a", Revision(1)), None);
        assert_eq!(recent.get(b"a", Revision(2)), Some(stored("a2")));
    }

    #[test]
    fn only_the_version_that_is_changed_is_kept_as_changed() {
        let recent = Recent::default();
        recent.keep("a".into(), Revision(1), stored("a1"), 10);
        recent.change(&"a".into(), (Revision(1), Revision(2)), 20, |tree| *tree = json!("a2"));
        assert_eq!(recent.get(b"a", Revision(2)), Some(stored("a2")));
        assert_eq!(recent.kept().size, 20);
        recent.change(&"a".into(), (Revision(1), Revision(3)), 20, |tree| *tree = json!("a3"));
        assert_eq!((recent.get(b"a", Revision(2)), recent.get(b"a", Revision(3))), (None, None));
    }

    #[test]
    fn what_was_written_longest_ago_makes_room() {
        let recent = Recent::default();
        for (key, revision) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            recent.keep(key.into(), Revision(revision), stored(key), LIMIT / 2);
        }
        assert_eq!(recent.get(b"b", Revision(2)), None);
        assert_eq!(recent.get(b"a", Revision(3)), Some(stored("a")));
        recent.keep("c".into(), Revision(5), stored("c"), LIMIT + 1);
        assert_eq!(recent.get(b"c", Revision(5)), None);
        assert_eq!(recent.kept().size, LIMIT / 2);
    }
}
