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
            writes.iter().for_each(|write| log.record(line(revision, write)));
        })
    }
}

/// What a line holds beside the key: two numbers and a word.
const ROOM: usize = 48;

/// The line of a write: it stays short and still tells values apart.
fn line(revision: Revision, write: &Write) -> String {
    let (verb, key, value) = match write {
        Write::Put { key, value, .. } => ("put", key, &value[..]),
        Write::Delete { key } => ("delete", key, &b""[..]),
    };
    // Keys are mostly text, which is quicker to tell than to mend.
    let key = std::str::from_utf8(key).map_or_else(|_| String::from_utf8_lossy(key), Cow::Borrowed);
    let mut line = String::with_capacity(key.len() + ROOM);
    let written = write!(line, "{} {verb} {key} {:016x}", revision.0, log::hash(value));
    written.expect("a string takes everything");
    line
}
