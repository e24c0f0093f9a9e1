//! Tries a promise on texts that are nearly right: seeds, in which a few pieces are dropped, copied or replaced.
//!
//! Most edits of a text leave no JSON. Where a seed is JSON, every other input is edited as a tree (`grafted`).

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

use crate::grafted;

/// How many inputs a promise is tried on beside the seeds.
const INPUTS: u32 = 5_000;

/// How many edits away from a seed an input is at most.
const EDITS: usize = 4;

/// How many pieces are dropped or copied at once at most.
const RUN: usize = 12;

/// What stands where something else was expected.
const WORDS: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e400",
    "9223372036854775808",
    "\"\"",
    "\"a\"",
    "\"-1\"",
    "\"a/b\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"é\"",
    "{}",
    "[]",
    "[null]",
    "[{}]",
    "{\"a\":null}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    " ",
    "- ",
    "(",
    ")",
    "!",
    "=",
    "~1",
    "\"$patch\"",
    "\"delete\"",
    "\"$retainKeys\"",
    "&a ",
    "*a",
    "1E3",
    "5Ki",
];

#[derive(Clone, Debug)]
enum Edit {
    /// Pieces are left out.
    Drop(usize),
    /// Pieces from elsewhere are said here, too.
    Copy(Index, usize),
    /// A piece is replaced.
    Word(&'static str),
    /// One byte of a piece is replaced.
    Byte(Index, u8),
}

/// Tries the promise on every seed and on inputs like them, and panics with the smallest that breaks it.
pub(crate) fn hold(seeds: &'static [&'static str], promise: impl Fn(&[u8])) {
    seeds.iter().for_each(|seed| promise(seed.as_bytes()));
    let config = ProptestConfig {
        cases: INPUTS,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    };
    let trees = grafted::trees(seeds);
    let inputs = if trees.is_empty() {
        texts(seeds).boxed()
    } else {
        prop_oneof![texts(seeds), grafted::texts(trees)].boxed()
    };
    let tried = TestRunner::new(config).run(&inputs, |text| {
        promise(&text);
        Ok(())
    });
    if let Err(broken) = tried {
        panic!("{broken}");
    }
}

/// Texts a few edits away from a seed.
fn texts(seeds: &'static [&'static str]) -> impl Strategy<Value = Bytes> {
    let edits = vec((any::<Index>(), edit()), 1..=EDITS);
    (select(seeds), edits).prop_map(|(seed, edits)| {
        let bytes = seed.as_bytes().chunk_by(|a, b| is_of_word(*a) && is_of_word(*b));
        let mut pieces: Vec<Vec<u8>> = bytes.map(<[u8]>::to_vec).collect();
        for (at, edit) in &edits {
            apply(&mut pieces, *at, edit);
        }
        Bytes::from(pieces.concat())
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte = prop_oneof![3 => b' '..=b'~', 1 => any::<u8>()];
    prop_oneof![
        (1..=RUN).prop_map(Edit::Drop),
        (any::<Index>(), 1..=RUN).prop_map(|(from, many)| Edit::Copy(from, many)),
        select(WORDS).prop_map(Edit::Word),
        (any::<Index>(), byte).prop_map(|(at, byte)| Edit::Byte(at, byte)),
    ]
}

/// A word or a string without spaces stays in one piece, so that it can be replaced by another.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"\"$-./_".contains(&byte)
}

fn apply(pieces: &mut Vec<Vec<u8>>, at: Index, edit: &Edit) {
    if pieces.is_empty() {
        return;
    }
    let at = at.index(pieces.len());
    let until = |from: usize, many: usize| (from + many).min(pieces.len());
    match edit {
        Edit::Drop(many) => drop(pieces.drain(at..until(at, *many))),
        Edit::Copy(from, many) => {
            let from = from.index(pieces.len());
            let copied = pieces[from..until(from, *many)].to_vec();
            drop(pieces.splice(at..at, copied));
        }
        Edit::Word(word) => pieces[at] = word.as_bytes().to_vec(),
        Edit::Byte(index, byte) => {
            let index = index.index(pieces[at].len());
            pieces[at][index] = *byte;
        }
    }
}
