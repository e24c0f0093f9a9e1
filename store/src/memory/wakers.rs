//! Who is to be woken once no lock is held, as a woken task may run at once.

use std::task::Waker;

/// Some tasks. Mostly it is one, which needs no room of its own.
#[derive(Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakers {
    /// Adds one, if there is one.
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        match &self.first {
            None => self.first = waker,
            Some(_) => self.others.extend(waker),
        }
    }

    /// Wakes all, in the order in which they were added.
    pub(super) fn wake(self) {
        self.first.into_iter().chain(self.others).for_each(Waker::wake);
    }
}
