//! The recent changes of a collection, for watches that start behind: all that came in the last while, within bounds, as
//! upstream's watch cache sizes its buffer.

use std::collections::VecDeque;
use std::time::Duration;

use steersman_core::store::Revision;

use super::event::{BareEvent, Event};

/// A window begins with room for so many changes, and has room for as many at least.
const FEWEST: usize = 100;

/// The room of the largest window. Older versions are held for as long as they are in it, so this bounds the memory of a
/// busy resource to that many superseded objects.
const MOST: usize = 4_096;

/// A full window doubles if its oldest change is younger than this, and halves if three quarters of it are older;
/// upstream's `eventFreshDuration`.
const FRESH: Duration = Duration::from_secs(75);

/// Changes in the order of their revisions.
pub(super) struct Window {
    changes: VecDeque<(Duration, BareEvent)>,
    room: usize,
}

impl Default for Window {
    fn default() -> Self {
        Window { changes: VecDeque::new(), room: FEWEST }
    }
}

impl Window {
    /// Puts a change in that came at a time of the environment's clock. Gives the revision of the newest change that
    /// had to go for it.
    pub(super) fn push(&mut self, change: BareEvent, now: Duration) -> Option<Revision> {
        if self.changes.len() >= self.room {
            self.room = self.fitting_room(now);
        }
        let surplus = (self.changes.len() + 1).saturating_sub(self.room);
        let gone = self.changes.drain(..surplus).next_back().map(|(_, change)| change.revision());
        self.changes.push_back((now, change));
        gone
    }

    /// The changes after a revision.
    pub(super) fn after(&self, revision: Revision) -> impl Iterator<Item = Event> {
        let from = self.changes.partition_point(|(_, change)| change.revision() <= revision);
        self.changes.range(from..).map(|(_, change)| change.event())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
    }

    fn fitting_room(&self, now: Duration) -> usize {
        let is_fresh =
            |at: usize| self.changes.get(at).is_some_and(|(came, _)| now.saturating_sub(*came) < FRESH);
        if is_fresh(0) {
            (self.room * 2).min(MOST)
        } else if is_fresh(self.changes.len() - self.room / 4) {
            self.room
        } else {
            (self.room / 2).max(FEWEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(
        window: &mut Window,
        changes: std::ops::RangeInclusive<u64>,
        every: Duration,
    ) -> Option<Revision> {
        let mut gone = None;
        for revision in changes {
            let change = Event::new(Revision(revision), None, None).bare();
            gone = window.push(change, every * u32::try_from(revision).unwrap()).or(gone);
        }
        gone
    }

    #[test]
    fn a_slow_resource_keeps_its_last_changes() {
        let mut window = Window::default();
        assert_eq!(fill(&mut window, 1..=100, FRESH), None);
        assert_eq!(fill(&mut window, 101..=1000, FRESH), Some(Revision(900)));
        let kept: Vec<u64> = window.after(Revision(998)).map(|change| change.revision().0).collect();
        assert_eq!(kept, [999, 1000]);
    }

    #[test]
    fn a_busy_resource_keeps_what_is_fresh_up_to_a_bound() {
        let mut window = Window::default();
        assert_eq!(fill(&mut window, 1..=MOST as u64, Duration::from_millis(1)), None);
        assert_eq!(fill(&mut window, 4097..=5000, Duration::from_millis(1)), Some(Revision(904)));
    }

    #[test]
    fn a_window_shrinks_when_the_rush_is_over() {
        let mut window = Window::default();
        fill(&mut window, 1..=1000, Duration::from_millis(1));
        fill(&mut window, 1001..=9000, FRESH);
        assert_eq!(window.after(Revision(0)).count(), FEWEST);
    }
}
