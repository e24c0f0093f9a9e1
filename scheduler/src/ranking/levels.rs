//! What has which raw score: where many have the same, bringing all to one scale costs little.

use crate::plugin::Range;

/// The place of a slot that is in no level.
const NOWHERE: u32 = u32::MAX;
/// The score of a level that was not brought to scale yet.
const FRESH: i64 = i64::MIN;

/// Slots (nodes or domains) by their raw score.
#[derive(Default)]
pub(super) struct Levels {
    /// By raw score.
    levels: Vec<Level>,
    /// Where the level stands that was looked for last: many slots of one level come and go together.
    latest: usize,
    /// By slot, where it stands in the list of its level.
    places: Vec<u32>,
    /// The levels that are new, and perhaps gone again.
    fresh: Vec<i64>,
}

struct Level {
    raw: i64,
    slots: Vec<u32>,
    normalized: i64,
}

impl Levels {
    pub(super) fn new(slots: usize) -> Self {
        Levels { places: vec![NOWHERE; slots], ..Levels::default() }
    }

    /// The lowest and the highest raw score; `None` if there is none.
    pub(super) fn range(&self) -> Option<Range> {
        Some(Range { lowest: self.levels.first()?.raw, highest: self.levels.last()?.raw })
    }

    /// Where a level stands, or would stand.
    fn find(&self, raw: i64) -> Result<usize, usize> {
        match self.levels.get(self.latest) {
            Some(level) if level.raw == raw => Ok(self.latest),
            _ => self.levels.binary_search_by_key(&raw, |level| level.raw),
        }
    }

    /// Puts in a slot, if it is in no level.
    pub(super) fn insert(&mut self, slot: usize, raw: i64) {
        if self.places[slot] != NOWHERE {
            return;
        }
        self.latest = self.find(raw).unwrap_or_else(|at| {
            self.fresh.push(raw);
            self.levels.insert(at, Level { raw, slots: Vec::new(), normalized: FRESH });
            at
        });
        let level = &mut self.levels[self.latest];
        // There are fewer than 2³² slots.
        self.places[slot] = level.slots.len() as u32;
        level.slots.push(slot as u32);
    }

    /// Takes out a slot from the level that it is in, if it is in one.
    pub(super) fn remove(&mut self, slot: usize, raw: i64) {
        let place = std::mem::replace(&mut self.places[slot], NOWHERE);
        let Some(at) = self.find(raw).ok().filter(|_| place != NOWHERE) else { return };
        self.latest = at;
        let level = &mut self.levels[at];
        level.slots.swap_remove(place as usize);
        if let Some(moved) = level.slots.get(place as usize) {
            self.places[*moved as usize] = place;
        }
        if level.slots.is_empty() {
            self.levels.remove(at);
        }
    }

    /// The score of a level.
    pub(super) fn normalized(&self, raw: i64) -> i64 {
        self.find(raw).map_or(0, |at| self.levels[at].normalized)
    }

    /// Brings levels to scale: the new ones, and if the range is not what it was, all. Tells which slots may have another
    /// score now.
    pub(super) fn settle(
        &mut self,
        before: Option<Range>,
        normalize: impl Fn(i64, Range) -> i64,
    ) -> Vec<(usize, i64)> {
        let (fresh, mut changed) = (std::mem::take(&mut self.fresh), Vec::new());
        let Some(range) = self.range() else { return changed };
        let mut settle = |level: &mut Level| {
            let score = normalize(level.raw, range);
            if level.normalized != score {
                level.normalized = score;
                changed.extend(level.slots.iter().map(|slot| (*slot as usize, score)));
            }
        };
        if Some(range) == before {
            for raw in fresh {
                if let Ok(at) = self.find(raw) {
                    settle(&mut self.levels[at]);
                }
            }
        } else {
            self.levels.iter_mut().for_each(settle);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_follows_what_comes_and_goes() {
        let mut levels = Levels::new(3);
        assert_eq!(levels.range(), None);
        for (slot, raw) in [(0, 5), (1, 7), (2, 5)] {
            levels.insert(slot, raw);
        }
        assert_eq!(levels.range(), Some(Range { lowest: 5, highest: 7 }));
        levels.remove(0, 5);
        levels.remove(0, 5);
        levels.insert(0, 9);
        levels.remove(2, 5);
        assert_eq!(levels.range(), Some(Range { lowest: 7, highest: 9 }));
    }

    #[test]
    fn only_levels_with_another_score_are_told() {
        let mut levels = Levels::new(4);
        for (slot, raw) in [(0, 1), (1, 1), (2, 4)] {
            levels.insert(slot, raw);
        }
        let share = |raw: i64, range: Range| raw * 100 / range.highest;
        assert_eq!(levels.settle(None, share), [(0, 25), (1, 25), (2, 100)]);
        let range = levels.range();
        assert_eq!(levels.settle(range, share), []);
        levels.insert(3, 2);
        assert_eq!(levels.settle(range, share), [(3, 50)]);
        levels.remove(2, 4);
        assert_eq!(levels.settle(range, share), [(0, 50), (1, 50), (3, 100)]);
    }
}
