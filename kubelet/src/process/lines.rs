//! Cuts what a process prints into lines.

use bytes::Bytes;

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

/// Longer lines are cut, as container runtimes do.
const LINE: usize = 16 * 1024;

impl Lines {
    /// The lines that `piece` completes; with each, whether it was cut.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<(Bytes, bool)> {
        let mut complete = Vec::new();
        for byte in piece {
            let (ends, is_full) = (*byte == b'\n', self.0.len() == LINE);
            if ends || is_full {
                complete.push((Bytes::from(std::mem::take(&mut self.0)), !ends));
            }
            if !ends {
                self.0.push(*byte);
            }
        }
        complete
    }

    /// The last line, if it was not ended.
    pub(super) fn rest(self) -> Option<(Bytes, bool)> {
        (!self.0.is_empty()).then(|| (Bytes::from(self.0), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        let whole = |text: &'static str| (Bytes::from(text), false);
        assert_eq!(lines.take(b"one\ntw"), [whole("one")]);
        assert_eq!(lines.take(b"o\n\nrest"), [whole("two"), whole("")]);
        assert_eq!(lines.rest().unwrap(), (Bytes::from("rest"), true));
        let long = "x".repeat(LINE + 1);
        assert_eq!(Lines::default().take(long.as_bytes()), [(Bytes::from("x".repeat(LINE)), true)]);
    }
}
