//! Whom to wake when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

/// How many timers that were taken back may always be left among the others.
const FEW: usize = 64;

/// The timers that are set. One that is taken back frees its place at once; that it was to ring is noted until its time
/// comes, or until there is more of this than there are timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    rings: BinaryHeap<Reverse<Ring>>,
    places: Vec<Option<(u64, Waker)>>,
    free: Vec<usize>,
    /// How many were set so far.
    count: u64,
}

/// When, in nanoseconds; which of all timers by number: those of one time ring as they were set; and at which place.
type Ring = (u64, u64, usize);

/// A timer that was set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    number: u64,
    place: usize,
}

impl Timers {
    pub(crate) fn set(&mut self, deadline: u64, waker: Waker) -> Timer {
        self.count += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some((self.count, waker));
        self.rings.push(Reverse((deadline, self.count, place)));
        Timer { number: self.count, place }
    }

    /// Lets a timer that is still set wake another, and gives back whom it would have woken.
    pub(crate) fn replace(&mut self, timer: Timer, waker: Waker) -> Option<Waker> {
        let (_, woken) =
            self.places.get_mut(timer.place)?.as_mut().filter(|(set, _)| *set == timer.number)?;
        Some(std::mem::replace(woken, waker))
    }

    /// Takes a timer back, if it has not rung.
    pub(crate) fn cancel(&mut self, timer: Timer) -> Option<Waker> {
        let waker = self.vacate(timer);
        if self.rings.len() > 2 * (self.places.len() - self.free.len()) + FEW {
            let places = &self.places;
            self.rings.retain(|Reverse((_, number, place))| is_set(places, *number, *place));
        }
        waker
    }

    /// When the next one rings.
    pub(crate) fn next(&mut self) -> Option<u64> {
        while let Some(Reverse((deadline, number, place))) = self.rings.peek() {
            if is_set(&self.places, *number, *place) {
                return Some(*deadline);
            }
            self.rings.pop();
        }
        None
    }

    /// Takes out the next one if it rings at that time.
    pub(crate) fn ring(&mut self, at: u64) -> Option<Waker> {
        self.next().filter(|next| *next == at)?;
        let Reverse((_, number, place)) = self.rings.pop()?;
        self.vacate(Timer { number, place })
    }

    /// Takes all of them back.
    pub(crate) fn clear(&mut self) -> Vec<Waker> {
        self.rings.clear();
        self.free.clear();
        self.places.drain(..).flatten().map(|(_, waker)| waker).collect()
    }

    fn vacate(&mut self, timer: Timer) -> Option<Waker> {
        let (_, waker) = self.places.get_mut(timer.place)?.take_if(|(set, _)| *set == timer.number)?;
        self.free.push(timer.place);
        Some(waker)
    }
}

fn is_set(places: &[Option<(u64, Waker)>], number: u64, place: usize) -> bool {
    matches!(&places[place], Some((set, _)) if *set == number)
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn timers_ring_in_their_order_unless_they_are_taken_back() {
        let mut timers = Timers::default();
        let [late, soon, gone] = [9, 5, 1].map(|deadline| timers.set(deadline, noop_waker()));
        assert!(timers.cancel(gone).is_some() && timers.cancel(gone).is_none());
        assert_eq!(timers.next(), Some(5));
        assert!(timers.ring(4).is_none() && timers.ring(5).is_some());
        assert!(timers.replace(soon, noop_waker()).is_none(), "it has rung");
        assert!(timers.replace(late, noop_waker()).is_some());
        assert_eq!((timers.next(), timers.clear().len(), timers.next()), (Some(9), 1, None));
        assert!(timers.cancel(late).is_none());
    }

    #[test]
    fn timers_that_are_taken_back_do_not_pile_up() {
        let mut timers = Timers::default();
        let kept = timers.set(7, noop_waker());
        for _ in 0..1000 {
            let timer = timers.set(1_000_000, noop_waker());
            timers.cancel(timer);
        }
        assert!(timers.rings.len() <= FEW + 2 && timers.places.len() == 2);
        assert_eq!(timers.next(), Some(7));
        assert!(timers.cancel(kept).is_some());
    }
}
