//! Tasks that wait until others, who hold the same lock, wake them.

use std::task::{Context, Poll, Waker};

/// Who waits, in the order in which they came, each with what it waits for. Whoever is woken is no longer among them.
#[derive(Debug)]
pub(crate) struct Waiters<T> {
    waiting: Vec<Waiter<T>>,
    entered: u64,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    what: T,
    waker: Option<Waker>,
}

impl<T> Waiters<T> {
    pub(crate) const fn new() -> Self {
        Waiters { waiting: Vec::new(), entered: 0 }
    }

    /// One more, who is asked for by the number that is given back, and must [`leave`](Waiters::leave).
    pub(crate) fn enter(&mut self, what: T) -> u64 {
        self.entered += 1;
        self.waiting.push(Waiter { number: self.entered, what, waker: None });
        self.entered
    }

    /// Ready once the waiter was woken.
    pub(crate) fn poll(&mut self, number: u64, cx: &Context<'_>) -> Poll<()> {
        let Some(waiter) = self.waiting.iter_mut().find(|waiter| waiter.number == number) else {
            return Poll::Ready(());
        };
        match &mut waiter.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => waiter.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Lets a waiter go; tells whether it had been woken.
    pub(crate) fn leave(&mut self, number: u64) -> bool {
        let place = self.waiting.iter().position(|waiter| waiter.number == number);
        place.map(|place| self.waiting.remove(place)).is_none()
    }

    pub(crate) fn any(&self, is_it: impl FnMut(&T) -> bool) -> bool {
        self.waiting.iter().map(|waiter| &waiter.what).any(is_it)
    }

    /// Wakes the first of those who wait for such a thing; `false` if there is none.
    pub(crate) fn wake_one(&mut self, mut is_it: impl FnMut(&T) -> bool) -> bool {
        let place = self.waiting.iter().position(|waiter| is_it(&waiter.what));
        place.map(|place| self.waiting.remove(place).wake()).is_some()
    }

    /// Wakes all who wait for such a thing.
    pub(crate) fn wake_all(&mut self, mut is_it: impl FnMut(&T) -> bool) {
        self.waiting.extract_if(.., |waiter| is_it(&waiter.what)).for_each(Waiter::wake);
    }
}

impl<T> Waiter<T> {
    fn wake(self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn those_who_wait_are_woken_in_their_order_and_leave() {
        let mut waiters = Waiters::new();
        let waker = noop_waker();
        let cx = Context::from_waker(&waker);
        let [one, two, three] = [1, 2, 1].map(|what| waiters.enter(what));
        assert!(waiters.poll(one, &cx).is_pending());
        assert!(waiters.wake_one(|what| *what == 1));
        assert!(waiters.poll(one, &cx).is_ready());
        assert!(waiters.poll(three, &cx).is_pending(), "one is woken at a time");
        waiters.wake_all(|what| *what < 3);
        assert!([two, three].iter().all(|number| waiters.poll(*number, &cx).is_ready()));
        let four = waiters.enter(4);
        assert_eq!([one, four].map(|number| waiters.leave(number)), [true, false]);
        assert!(!waiters.any(|_| true) && !waiters.wake_one(|_| true));
    }
}
