//! The envelope of every message: what kind it is, behind a prefix that says that it is an envelope.

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
    fn what_goes_into_an_envelope_comes_out_of_it() {
        let (before, behind) = around("apps/v1", "Deployment", 3);
        let bytes = [before.as_slice(), b"abc", behind].concat();
        let expected = Envelope { api_version: "apps/v1", kind: "Deployment", message: b"abc" };
        assert_eq!(Envelope::open(&bytes), Ok(expected));
        assert!(Envelope::open(b"{}").is_err());
        assert!(Envelope::open(&bytes[..bytes.len() - 5]).is_err());
    }
}
