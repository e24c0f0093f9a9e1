//! A store that writes every commit into the event log.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use steersman_core::store::{Observed, Revision, Store, Write};

use crate::{Sim, log};

impl Sim {
    /// `inner`, with every commit recorded in the event log, so that equal logs mean equal histories, byte for byte.
    pub fn recorded(&self, inner: impl Store) -> Observed {
        let log = self.recorder();
        Observed::new(Arc::new(inner), move |revision, writes| {
            writes.iter().for_each(|write| log.record(|to| line(to, revision, write)));
        })
    }
}

/// What a line holds beside the key: two numbers and a word.
const ROOM: usize = 48;

/// Writes the line of a write: it stays short and still tells values apart.
fn line(to: &mut String, revision: Revision, write: &Write) {
    let (verb, key, value) = match write {
        Write::Put { key, value, .. } => ("put", key, &value[..]),
        Write::Delete { key } => ("delete", key, &b""[..]),
    };
    // Keys are mostly text, which is quicker to tell than to mend.
    let key = std::str::from_utf8(key).map_or_else(|_| String::from_utf8_lossy(key), Cow::Borrowed);
    to.reserve(key.len() + ROOM);
    write!(to, "{}", revision.0).expect("a string takes everything");
    [" ", verb, " ", &*key, " "].into_iter().for_each(|part| to.push_str(part));
    push_hex(to, log::hash(value));
}

/// Writes all sixteen digits.
fn push_hex(to: &mut String, number: u64) {
    let digit = |place: u32| char::from(b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf]);
    to.extend((0..16).rev().map(digit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_was_written_where() {
        let mut text = String::new();
        line(&mut text, Revision(7), &Write::Delete { key: b"/pods/a".as_slice().into() });
        assert_eq!(text, format!("7 delete /pods/a {:016x}", log::hash(b"")));
    }
}
