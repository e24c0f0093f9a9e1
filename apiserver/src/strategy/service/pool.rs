//! A pool of numbers, each handed out once.
//!
//! The numbers of the lower band are handed out last, so that who asks for a certain number there is likely to get it
//! (KEP-3070, KEP-3668).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The numbers `0..size`.
#[derive(Debug)]
pub(super) struct Pool {
    size: u64,
    band: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: BTreeSet<u64>,
    /// Where the search above the band goes on: what was just given back is handed out again as late as possible.
    next: u64,
}

impl Pool {
    /// A pool whose lowest `band` numbers are handed out last.
    pub(super) fn new(size: u64, band: u64) -> Self {
        Pool { size, band: band.min(size), state: Mutex::default() }
    }

    /// Takes `number`; false if it is taken already. The caller has checked that it is in range.
    pub(super) fn take(&self, number: u64) -> bool {
        self.lock().taken.insert(number)
    }

    /// Whether `number` is taken.
    pub(super) fn has(&self, number: u64) -> bool {
        self.lock().taken.contains(&number)
    }

    /// Takes any number; `None` if all are taken. Looks at each number at most twice.
    pub(super) fn take_any(&self) -> Option<u64> {
        let mut state = self.lock();
        let from = state.next.clamp(self.band, self.size);
        let free = |range: Range<u64>| range.into_iter().find(|number| !state.taken.contains(number));
        let number =
            free(from..self.size).or_else(|| free(self.band..from)).or_else(|| free(0..self.band))?;
        state.taken.insert(number);
        state.next = number + 1;
        Some(number)
    }

    /// Gives a number back.
    pub(super) fn give_back(&self, number: u64) {
        self.lock().taken.remove(&number);
    }

    /// How many numbers there are.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_band_is_handed_out_last() {
        let pool = Pool::new(4, 2);
        assert!(pool.take(2));
        let rest: Vec<u64> = std::iter::from_fn(|| pool.take_any()).collect();
        assert_eq!(rest, [3, 0, 1]);
    }

    #[test]
    fn a_number_is_held_by_one_until_it_is_given_back() {
        let pool = Pool::new(8, 0);
        assert!(pool.take(5));
        assert!(!pool.take(5));
        pool.give_back(5);
        assert!(pool.take(5));
    }

    #[test]
    fn what_was_given_back_is_handed_out_late() {
        let pool = Pool::new(3, 0);
        assert_eq!(pool.take_any(), Some(0));
        pool.give_back(0);
        assert_eq!(
            [pool.take_any(), pool.take_any(), pool.take_any(), pool.take_any()],
            [Some(1), Some(2), Some(0), None]
        );
    }
}
