//! Remembers the values that were used last, up to a bound.

use std::collections::BTreeMap;

/// How many values are remembered: upstream's bound.
const BOUND: usize = 4096;

/// A map that forgets what was written longest ago.
pub(super) struct Recent<V> {
    values: BTreeMap<String, (u64, V)>,
    order: BTreeMap<u64, String>,
    writes: u64,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Recent { values: BTreeMap::new(), order: BTreeMap::new(), writes: 0 }
    }
}

impl<V> Recent<V> {
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    pub(super) fn put(&mut self, key: String, value: V) {
        self.writes += 1;
        if let Some((write, _)) = self.values.insert(key.clone(), (self.writes, value)) {
            self.order.remove(&write);
        }
        self.order.insert(self.writes, key);
        if self.values.len() > BOUND
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_longest_ago_is_forgotten_first() {
        let mut recent = Recent::default();
        (0..BOUND).for_each(|n| recent.put(n.to_string(), n));
        recent.put("0".to_owned(), 0);
        recent.put("new".to_owned(), 0);
        assert!(recent.get("0").is_some() && recent.get("1").is_none());
        assert_eq!(recent.values.len(), BOUND);
    }
}
