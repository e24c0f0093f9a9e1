//! Memory that is kept at hand for texts that are put together in it, to be copied from there at their own length.

use std::cell::Cell;
use std::thread::LocalKey;

/// Memory for texts up to this length is kept.
const USUAL: usize = 64 << 10;

/// Where a thread puts texts together, one at a time: whoever begins another in between does it in new memory.
pub(crate) type Workplace = LocalKey<Cell<String>>;

/// Does some work with an empty text.
pub(crate) fn at<T>(place: &'static Workplace, work: impl FnOnce(&mut String) -> T) -> T {
    let mut text = place.take();
    text.clear();
    let done = work(&mut text);
    if text.capacity() <= USUAL {
        place.set(text);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static PLACE: Cell<String> = const { Cell::new(String::new()) };
    }

    fn write(text: &str) -> String {
        at(&PLACE, |out| {
            out.push_str(text);
            out.clone()
        })
    }

    #[test]
    fn each_text_begins_empty_and_the_memory_of_the_usual_ones_is_kept() {
        assert_eq!((write("one").as_str(), write("two").as_str()), ("one", "two"));
        let nested = at(&PLACE, |out| {
            out.push_str(&write("inner"));
            out.clone()
        });
        assert_eq!(nested, "inner");
        let room = || at(&PLACE, |out| out.capacity());
        assert!(room() > 0);
        write(&"x".repeat(USUAL + 1));
        assert_eq!(room(), 0);
    }
}
