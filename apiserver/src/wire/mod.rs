//! `application/vnd.kubernetes.protobuf`: between the JSON of an object and the protobuf of its kind.
//!
//! One transcoder for every built-in kind, driven by the numbers in the tables of its [`Schema`]. It goes from bytes to
//! bytes: [`Encoder::encode`] builds no tree of the object and keeps its memory from one object to the next. Nothing
//! that a client sends makes it panic, nest without end, or allocate more than a small multiple of what was sent.

mod decode;
mod encode;
mod envelope;
mod reader;
mod scalar;
mod tape;
mod time;
mod writer;

use std::fmt;

use steersman_core::tree::Map;

use crate::schema::Schema;
pub use envelope::{Envelope, around, frame};
pub(crate) use envelope::{item_length, put_item};
pub(crate) use writer::{Wire, Writer};

/// The type that JSON schemas have in the tables.
const SCHEMA: &str = "apiextensions.v1.JSONSchemaProps";

/// Why bytes are not what they are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Writes objects as protobuf, one after the other in the same memory.
#[derive(Default)]
pub struct Encoder {
    tape: Vec<tape::Token>,
    slots: Vec<u32>,
    out: Writer,
}

impl Encoder {
    /// The message of an object, without its envelope.
    ///
    /// # Errors
    /// The text is not JSON, or not an object of that kind. What the server stored is.
    pub fn encode(&mut self, schema: &Schema, json: &[u8]) -> Result<&[u8], Malformed> {
        let root = schema.cursor();
        let object = root.object().ok_or(Malformed("a kind that protobuf does not know"))?;
        tape::read(json, &mut self.tape)?;
        self.slots.clear();
        self.out.clear();
        let mut encoder = encode::Encoder {
            document: root.document(),
            json,
            tape: &self.tape,
            out: &mut self.out,
            slots: &mut self.slots,
        };
        encoder.message(object, Some(0))?;
        Ok(self.out.written())
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// The text of a field of a JSON object, found without building its tree.
///
/// # Errors
/// The text is not JSON.
pub(crate) fn member<'j>(json: &'j [u8], name: &str) -> Result<Option<&'j [u8]>, Malformed> {
    let mut tape = Vec::new();
    tape::read(json, &mut tape)?;
    let object = tape.first().filter(|token| token.kind == tape::Kind::Object);
    let end = object.map_or(0, |object| object.next);
    let mut key = 1;
    while key < end {
        let value = &tape[key as usize + 1];
        if *tape[key as usize].string(json) == *name.as_bytes() {
            return Ok(Some(value.whole(json)));
        }
        key = value.next;
    }
    Ok(None)
}

/// Reads a message into the fields of its object, with zeros where Go writes zeros: [`Schema::admit`] leaves them out.
///
/// # Errors
/// The bytes are no message of that kind.
pub fn decode(schema: &Schema, message: &[u8]) -> Result<Map, Malformed> {
    let root = schema.cursor();
    let object = root.object().ok_or(Malformed("a kind that protobuf does not know"))?;
    let mut fields = Map::new();
    decode::Decoder { document: root.document() }.message(object, message, &mut fields, 0)?;
    Ok(fields)
}
