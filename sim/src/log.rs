//! The event log: everything that happened, folded into one hash, with the last lines kept for people.

use std::collections::VecDeque;
use std::time::Duration;

/// The hash of nothing.
const EMPTY: u64 = 0x9e37_79b9_7f4a_7c15;

/// An odd number with about as many ones as zeros.
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// How many lines are kept; the hash covers all of them.
const KEPT_LINES: usize = 200;

#[derive(Debug)]
pub(crate) struct Log {
    hash: u64,
    /// The last lines, and when they were written.
    recent: VecDeque<(Duration, String)>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log { hash: EMPTY, recent: VecDeque::new() }
    }

    /// Folds in that a task ran, by the hash of its name. Leaves no line: there are too many.
    pub(crate) fn ran(&mut self, at: Duration, task: u64) {
        let seconds = fold(self.hash, at.as_secs());
        self.hash = fold(fold(seconds, u64::from(at.subsec_nanos())), task);
    }

    /// Records the line that `write` writes, where the oldest one was.
    pub(crate) fn record(&mut self, at: Duration, write: impl FnOnce(&mut String)) {
        let oldest = if self.recent.len() == KEPT_LINES { self.recent.pop_front() } else { None };
        let mut line = oldest.map(|(_, line)| line).unwrap_or_default();
        line.clear();
        write(&mut line);
        self.ran(at, hash(line.as_bytes()));
        self.recent.push_back((at, line));
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn recent(&self) -> Vec<String> {
        self.recent.iter().map(|(at, line)| format!("{:>12.3}s {line}", at.as_secs_f64())).collect()
    }
}

/// A hash of bytes that is the same on every machine, taken eight at a time: every write of a simulation is hashed. Good
/// for telling contents apart, not against an adversary.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let read = |word: &[u8; 8]| u64::from_le_bytes(*word);
    let whole = words.iter().fold(EMPTY, |hash, word| fold(hash, read(word)));
    fold(fold(whole, read(&last)), bytes.len() as u64)
}

/// Folds a word in: both halves of a product depend on every bit of both factors.
fn fold(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(FACTOR);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_contents_apart() {
        let contents: [&[u8]; 6] = [b"", b"\0", b"a", b"abcdefgh", b"abcdefgh\0", b"abcdefgi"];
        let hashes: std::collections::BTreeSet<u64> = contents.into_iter().map(hash).collect();
        assert_eq!(hashes.len(), contents.len());
    }

    #[test]
    fn the_last_lines_are_kept_as_they_were_written() {
        let mut log = Log::new();
        for number in 0..=KEPT_LINES {
            log.record(Duration::from_secs(number as u64), |line| line.push_str(&number.to_string()));
        }
        let recent = log.recent();
        let (first, last) = (recent.first().unwrap(), recent.last().unwrap());
        assert_eq!(recent.len(), KEPT_LINES);
        assert_eq!((first.trim(), last.trim()), ("1.000s 1", "200.000s 200"));
    }

    #[test]
    fn a_hash_is_the_same_on_every_machine() {
        assert_eq!(hash(b"steersman"), 0xa487_c5cf_16fc_9c8a);
    }
}
