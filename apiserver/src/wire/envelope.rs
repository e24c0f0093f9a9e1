//! The envelope of every message: what kind it is, behind a prefix that says that it is an envelope.

use bytes::{BufMut, Bytes, BytesMut};

use super::Malformed;
use super::reader::Reader;
use super::writer::Writer;

/// What every envelope begins with.
const PREFIX: &[u8; 4] = b"k8s\0";

/// What an envelope holds.
#[derive(Debug, Default, PartialEq)]
pub struct Envelope<'a> {
    /// The `apiVersion`; empty if it is not told.
    pub api_version: &'a str,
    /// The kind; empty if it is not told.
    pub kind: &'a str,
    /// The message.
    pub message: &'a [u8],
}

/// What stands before a message of that length, and what stands behind it.
pub fn around(api_version: &str, kind: &str, length: usize) -> (Vec<u8>, &'static [u8]) {
    let mut out = Writer::default();
    out.varint(length as u64);
    out.tag(2, super::writer::Wire::Length);
    let mark = out.mark();
    out.field(2, kind.as_bytes());
    out.field(1, api_version.as_bytes());
    out.close(1, mark);
    out.bytes(PREFIX);
    // How the message is encoded, and its type: both empty.
    (out.written().to_vec(), &[0x1a, 0, 0x22, 0])
}

/// The length of an item of a list, whose message is that long.
pub(crate) fn item_length(message: usize) -> usize {
    let digits = (usize::BITS - message.max(1).leading_zeros()).div_ceil(7) as usize;
    1 + digits + message
}

/// Writes an item of a list: field 2 in every list.
pub(crate) fn put_item(out: &mut Vec<u8>, message: &[u8]) {
    out.push(2 << 3 | super::writer::Wire::Length as u8);
    let mut length = message.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(message);
}

/// An event of a watch, behind its length: four bytes, the highest first. `object` is in an envelope of its own.
pub fn frame(kind: &str, object: &[u8]) -> Bytes {
    let mut out = Writer::default();
    let mark = out.mark();
    out.field(1, object);
    out.close(2, mark);
    out.field(1, kind.as_bytes());
    let event = out.written();
    let mut frame = BytesMut::with_capacity(event.len() + 4);
    // An object is smaller than any request, and that than four gigabytes.
    frame.put_u32(event.len() as u32);
    frame.put_slice(event);
    frame.freeze()
}

impl<'a> Envelope<'a> {
    /// Opens an envelope.
    ///
    /// # Errors
    /// The bytes are no envelope.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let envelope = bytes.strip_prefix(PREFIX).ok_or(Malformed(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ))?;
        let mut found = Envelope::default();
        let mut reader = Reader::new(envelope);
        while let Some((number, value)) = reader.field()? {
            match number {
                1 => (found.api_version, found.kind) = type_meta(value.bytes()?)?,
                2 => found.message = value.bytes()?,
                _ => {}
            }
        }
        Ok(found)
    }
}

fn type_meta(message: &[u8]) -> Result<(&str, &str), Malformed> {
    let (mut api_version, mut kind) = ("", "");
    let mut reader = Reader::new(message);
    while let Some((number, value)) = reader.field()? {
        match number {
            1 => api_version = value.text()?,
            2 => kind = value.text()?,
            _ => {}
        }
    }
    Ok((api_version, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_item_is_known_beforehand() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let mut out = Vec::new();
            put_item(&mut out, &vec![0; length]);
            assert_eq!(out.len(), item_length(length));
        }
    }

    #[test]
    fn a_frame_tells_its_length() {
        let frame = frame("ADDED", b"abc");
        assert_eq!(&frame[..4], [0, 0, 0, 14]);
        assert_eq!(&frame[4..], b"\x0a\x05ADDED\x12\x05\x0a\x03abc");
    }

    #[test]
    fn what_goes_into_an_envelope_comes_out_of_it() {
        let (before, behind) = around("apps/v1", "Deployment", 3);
        let bytes = [before.as_slice(), b"abc", behind].concat();
        let expected = Envelope { api_version: "apps/v1", kind: "Deployment", message: b"abc" };
        assert_eq!(Envelope::open(&bytes), Ok(expected));
        assert!(Envelope::open(b"{}").is_err());
        assert!(Envelope::open(&bytes[..bytes.len() - 5]).is_err());
    }
}
