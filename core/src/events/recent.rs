//! Remembers the values that were used last, up to a bound.

#[expect(
    clippy::disallowed_types,
    reason = "values are found by it; they are forgotten in the order of their use"
)]
use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many values are remembered: upstream's bound.
const BOUND: usize = 4096;

/// A map that forgets what was used longest ago.
pub(super) struct Recent<V> {
    values: Values<V>,
    /// Every use of a value, the oldest first: only the last one of each counts. At most twice as many as values may be
    /// remembered.
    order: VecDeque<(u64, Arc<str>)>,
    uses: u64,
}

/// Each value, and when it was used last. Keys begin alike and are long: a hash is quicker than an order.
#[expect(
    clippy::disallowed_types,
    reason = "values are found by it; they are forgotten in the order of their use"
)]
type Values<V> = HashMap<Arc<str>, (u64, V)>;

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Recent { values: Values::default(), order: VecDeque::new(), uses: 0 }
    }
}

impl<V> Recent<V> {
    /// The value of a key, to read and to change; a new one where it was forgotten.
    pub(super) fn used(&mut self, key: &str, new: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        if self.values.len() == BOUND && !self.values.contains_key(key) {
            self.forget_oldest();
        }
        if self.order.len() == 2 * BOUND {
            self.order.retain(|(used, key)| is_last(&self.values, *used, key));
        }
        let key: Arc<str> = key.into();
        self.order.push_back((self.uses, key.clone()));
        let (used, value) = self.values.entry(key).or_insert_with(|| (0, new()));
        *used = self.uses;
        value
    }

    fn forget_oldest(&mut self) {
        while let Some((used, key)) = self.order.pop_front() {
            if is_last(&self.values, used, &key) {
                self.values.remove(&key);
                return;
            }
        }
    }
}

/// Whether a value was not used again later.
fn is_last<V>(values: &Values<V>, used: u64, key: &str) -> bool {
    values.get(key).is_some_and(|(last, _)| *last == used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let mut recent = Recent::default();
        for n in 0..BOUND {
            recent.used(&n.to_string(), || n);
        }
        recent.used("0", || 1);
        recent.used("new", || 0);
        assert_eq!(recent.values.get("0").map(|(_, value)| *value), Some(0));
        assert_eq!((recent.values.contains_key("1"), recent.values.len()), (false, BOUND));
    }

    #[test]
    fn however_often_values_are_used_there_is_a_bound() {
        let mut recent = Recent::default();
        for n in 0..10 * BOUND {
            recent.used(&(n % 3).to_string(), || n);
        }
        assert!(recent.values.len() == 3 && recent.order.len() <= 2 * BOUND);
    }
}
