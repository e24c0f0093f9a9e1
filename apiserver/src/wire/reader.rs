//! Reads the fields of a protobuf message, one after the other.

use super::Malformed;

/// How deep messages may be nested.
pub(super) const DEPTH: usize = 128;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// The bytes of a string, of bytes or of a message.
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            Wire::Varint(_) | Wire::Fixed64(_) => Err(Malformed("a number where bytes must be")),
        }
    }

    /// The text of a string.
    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a string that is no UTF-8"))
    }

    /// A whole number; those of 32 bits are cut off as Go does.
    pub(super) fn number(self) -> Result<i64, Malformed> {
        match self {
            Wire::Varint(number) => Ok(number as i64),
            Wire::Fixed64(_) | Wire::Bytes(_) => Err(Malformed("no whole number where one must be")),
        }
    }
}

/// The fields of a message that are not read yet.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Reader(message)
    }

    /// The next field and its number. Fields of kinds that Kubernetes does not use are skipped.
    pub(super) fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, Malformed> {
        while !self.0.is_empty() {
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0);
            let number = number.ok_or(Malformed("an illegal tag"))?;
            let value = match tag & 7 {
                0 => Wire::Varint(self.varint()?),
                1 => Wire::Fixed64(self.fixed64()?),
                2 => Wire::Bytes(self.delimited()?),
                5 => {
                    self.take(4)?;
                    continue;
                }
                _ => return Err(Malformed("an illegal wire type")),
            };
            return Ok(Some((number, value)));
        }
        Ok(None)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("an integer overflow"))
    }

    fn fixed64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed("an unexpected EOF"))?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Malformed> {
        let mut reader = Reader::new(message);
        let mut fields = Vec::new();
        while let Some(field) = reader.field()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn fields_come_in_order() {
        let message = [0x08, 0xac, 0x02, 0x1d, 1, 2, 3, 4, 0x12, 1, b'b', 0x19, 1, 0, 0, 0, 0, 0, 0, 0];
        let expected = [(1, Wire::Varint(300)), (2, Wire::Bytes(b"b")), (3, Wire::Fixed64(1))];
        assert_eq!(fields(&message).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_short_or_illegal_is_refused() {
        let too_long = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for message in [&[0x08][..], &[0x12, 5, 1], &[0x00], &[0x0b], &[0x0f], &[0x19, 1], &too_long] {
            assert!(fields(message).is_err(), "{message:?}");
        }
    }
}
