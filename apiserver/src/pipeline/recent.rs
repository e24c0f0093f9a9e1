//! Keeps the trees of the objects that were written last: what is written is often written again soon, and need not be
//! parsed for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use steersman_core::store::Revision;
use steersman_core::tree::Value;

use crate::encode::Parts;
use crate::stored::Stored;

/// How many bytes the objects may have, as they are stored; their trees take several times that.
const LIMIT: usize = 256 << 10;

/// The objects written last.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// In the order of the writes. This server writes one object at a time, so that a revision tells which.
    objects: BTreeMap<Revision, One>,
    size: usize,
}

struct One {
    key: Bytes,
    stored: Stored,
    size: usize,
}

impl Recent {
    /// The object that was written at that revision, if it is kept, and its key in the store.
    pub(super) fn get(&self, revision: Revision) -> Option<(Bytes, Stored)> {
        let kept = self.kept();
        let one = kept.objects.get(&revision)?;
        Some((one.key.clone(), one.stored.clone()))
    }

    /// Keeps an object of that size, and lets go of those that were written longest ago.
    pub(super) fn keep(&self, revision: Revision, key: Bytes, stored: Stored, size: usize) {
        if size > LIMIT {
            return;
        }
        let mut kept = self.kept();
        kept.size += size;
        kept.objects.insert(revision, One { key, stored, size });
        while kept.size > LIMIT
            && let Some((_, oldest)) = kept.objects.pop_first()
        {
            kept.size -= oldest.size;
        }
    }

    /// Lets go of a version that is not the newest any more.
    pub(super) fn forget(&self, revision: Revision) {
        self.kept().forget(revision);
    }

    /// Has an object that is kept as it was at `from` be kept as `change` makes it, at `to`.
    pub(super) fn change(
        &self,
        (from, to): (Revision, Revision),
        size: usize,
        change: impl FnOnce(&mut Value),
    ) {
        let old = self.kept().forget(from);
        if let Some(One { key, mut stored, .. }) = old {
            change(&mut stored.tree);
            stored.parts = Parts::default();
            self.keep(to, key, stored, size);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, revision: Revision) -> Option<One> {
        let old = self.objects.remove(&revision)?;
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

    fn found(recent: &Recent, revision: u64) -> Option<Stored> {
        recent.get(Revision(revision)).map(|(_, stored)| stored)
    }

    #[test]
    fn what_was_written_is_found_by_its_revision_until_it_is_forgotten() {
        let recent = Recent::default();
        recent.keep(Revision(1), "a".into(), stored("a1"), 10);
        assert_eq!(recent.get(Revision(1)), Some(("a".into(), stored("a1"))));
        assert_eq!(found(&recent, 2), None);
        recent.forget(Revision(1));
        assert_eq!((found(&recent, 1), recent.kept().size), (None, 0));
    }

    #[test]
    fn only_the_version_that_is_changed_is_kept_as_changed() {
        let recent = Recent::default();
        recent.keep(Revision(1), "a".into(), stored("a1"), 10);
        recent.change((Revision(1), Revision(2)), 20, |tree| *tree = json!("a2"));
        assert_eq!(recent.get(Revision(2)), Some(("a".into(), stored("a2"))));
        assert_eq!(recent.kept().size, 20);
        recent.change((Revision(1), Revision(3)), 20, |tree| *tree = json!("a3"));
        assert_eq!((found(&recent, 2), found(&recent, 3)), (Some(stored("a2")), None));
    }

    #[test]
    fn what_was_written_longest_ago_makes_room() {
        let recent = Recent::default();
        for (key, revision) in [("a", 1), ("b", 2), ("c", 3)] {
            recent.keep(Revision(revision), key.into(), stored(key), LIMIT / 2);
        }
        assert_eq!((found(&recent, 1), found(&recent, 3)), (None, Some(stored("c"))));
        recent.keep(Revision(4), "d".into(), stored("d"), LIMIT + 1);
        assert_eq!((found(&recent, 4), recent.kept().size), (None, LIMIT));
    }
}
