//! A store that writes every commit into the event log.

use std::borrow::Cow;
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

/// The line of a write: it stays short and still tells values apart.
fn line(revision: Revision, write: &Write) -> String {
    let (verb, key, value) = match write {
        Write::Put { key, value, .. } => ("put", key, &value[..]),
        Write::Delete { key } => ("delete", key, &b""[..]),
    };
    // Keys are mostly text, which is quicker to tell than to mend.
    let key = std::str::from_utf8(key).map_or_else(|_| String::from_utf8_lossy(key), Cow::Borrowed);
    [revision.0.to_string().as_str(), verb, &key, &log::printed(log::hash(value))].join(" ")
}
