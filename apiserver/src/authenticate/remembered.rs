//! Remembers what was found out about credentials, so that not every request pays for a signature.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of so many credentials it is known what they are; for one more, all are forgotten, and found out again.
const CAPACITY: usize = 4_096;

/// What is known of credentials. What is put in must hold for as long as it may be looked up.
pub(super) struct Remembered<K, V>(Mutex<BTreeMap<K, V>>);

impl<K: Ord, V: Clone> Remembered<K, V> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().get(key).cloned()
    }

    pub(super) fn put(&self, key: K, value: V) {
        let mut known = self.lock();
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(key, value);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Remembered(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_there_may_be() {
        let known = Remembered::default();
        for number in 0..=CAPACITY {
            known.put(number, number);
        }
        assert_eq!(known.lock().len(), 1);
        assert_eq!((known.get(&CAPACITY), known.get(&0)), (Some(CAPACITY), None));
    }
}
