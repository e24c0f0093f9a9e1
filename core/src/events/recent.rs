//! Remembers the values that were used last, up to a bound.

#[expect(
    clippy::disallowed_types,
    reason = "values are found by it; they are forgotten in the order of their use"
)]
use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many values are remembered: upstream's bound.
const BOUND: usize = 4096;

/// What a value is found by: a hash of all that it is about, as the texts themselves would be long and many. Two of a
/// few thousand are equal by chance once in millions of millions of times, and then two events are counted as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(u64);

impl Key {
    pub(super) fn of(parts: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        Key(hasher.finish())
    }
}

/// A map that forgets what was used longest ago.
pub(super) struct Recent<V> {
    values: Values<V>,
    /// Every use of a value, the oldest first: only the last one of each counts. At most twice as many as values may be
    /// remembered.
    order: VecDeque<(u64, Key)>,
    uses: u64,
}

/// Each value, and when it was used last.
#[expect(
    clippy::disallowed_types,
    reason = "values are found by it; they are forgotten in the order of their use"
)]
type Values<V> = HashMap<Key, (u64, V)>;

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Recent { values: Values::default(), order: VecDeque::new(), uses: 0 }
    }
}

impl<V> Recent<V> {
    /// The value of a key, to read and to change; a new one where it was forgotten.
    pub(super) fn used(&mut self, key: Key, new: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        if self.values.len() == BOUND && !self.values.contains_key(&key) {
            self.forget_oldest();
        }
        if self.order.len() == 2 * BOUND {
            self.order.retain(|(used, key)| is_last(&self.values, *used, *key));
        }
        self.order.push_back((self.uses, key));
        let (used, value) = self.values.entry(key).or_insert_with(|| (0, new()));
        *used = self.uses;
        value
    }

    fn forget_oldest(&mut self) {
        while let Some((used, key)) = self.order.pop_front() {
            if is_last(&self.values, used, key) {
                self.values.remove(&key);
                return;
            }
        }
    }
}

/// Whether a value was not used again later.
fn is_last<V>(values: &Values<V>, used: u64, key: Key) -> bool {
    values.get(&key).is_some_and(|(last, _)| *last == used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let mut recent = Recent::default();
        for n in 0..BOUND {
            recent.used(Key::of(n), || n);
        }
        recent.used(Key::of(0_usize), || 1);
        recent.used(Key::of("new"), || 0);
        assert_eq!(recent.values.get(&Key::of(0_usize)).map(|(_, value)| *value), Some(0));
        assert_eq!((recent.values.contains_key(&Key::of(1_usize)), recent.values.len()), (false, BOUND));
    }

    #[test]
    fn however_often_values_are_used_there_is_a_bound() {
        let mut recent = Recent::default();
        for n in 0..10 * BOUND {
            recent.used(Key::of(n % 3), || n);
        }
        assert!(recent.values.len() == 3 && recent.order.len() <= 2 * BOUND);
    }
}
