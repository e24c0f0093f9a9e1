//! Writes protobuf from its end to its beginning, so that the length of a message is known when it is written.

/// How a value is written; the low bits of its tag.
#[derive(Clone, Copy)]
pub(crate) enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
}

/// Bytes that grow towards their beginning.
#[derive(Default)]
pub(crate) struct Writer {
    /// What was written stands at the end.
    buffer: Vec<u8>,
    start: usize,
}

/// A place in what was written, by its distance from the end.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Writer {
    /// What was written since the writer was last cleared.
    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Forgets what was written and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.start = self.buffer.len();
    }

    /// The place where the next bytes end.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.buffer.len() - self.start)
    }

    /// Puts bytes before everything else.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let end = self.start;
        self.start -= bytes.len();
        self.buffer[self.start..end].copy_from_slice(bytes);
    }

    /// Puts a number before everything else.
    pub(crate) fn varint(&mut self, mut number: u64) {
        let mut bytes = [0; 10];
        let mut length = 0;
        while number >= 0x80 {
            bytes[length] = number as u8 | 0x80;
            number >>= 7;
            length += 1;
        }
        bytes[length] = number as u8;
        self.bytes(&bytes[..=length]);
    }

    /// Puts the tag of a field before its value.
    pub(crate) fn tag(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number) << 3 | wire as u64);
    }

    /// Makes everything since `mark` one field.
    pub(crate) fn close(&mut self, number: u32, mark: Mark) {
        self.varint((self.mark().0 - mark.0) as u64);
        self.tag(number, Wire::Length);
    }

    /// A field of bytes.
    pub(crate) fn field(&mut self, number: u32, bytes: &[u8]) {
        let mark = self.mark();
        self.bytes(bytes);
        self.close(number, mark);
    }

    /// A field that is a number; negative ones take ten bytes.
    pub(crate) fn number(&mut self, number: u32, value: i64) {
        self.varint(value as u64);
        self.tag(number, Wire::Varint);
    }

    fn reserve(&mut self, length: usize) {
        if length <= self.start {
            return;
        }
        let written = self.buffer.len() - self.start;
        let mut larger = vec![0; (written + length).next_power_of_two().max(4096)];
        let start = larger.len() - written;
        larger[start..].copy_from_slice(self.written());
        (self.buffer, self.start) = (larger, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_written_stands_first() {
        let mut writer = Writer::default();
        let mark = writer.mark();
        writer.field(2, b"b");
        writer.number(1, 300);
        writer.close(16, mark);
        assert_eq!(writer.written(), [0x82, 0x01, 6, 0x08, 0xac, 0x02, 0x12, 1, b'b']);
        writer.clear();
        writer.number(1, -1);
        assert_eq!(writer.written().len(), 11);
    }

    #[test]
    fn it_grows_as_needed() {
        let mut writer = Writer::default();
        for _ in 0..10 {
            writer.bytes(&[7; 1000]);
        }
        assert_eq!(writer.written(), [7; 10_000]);
    }
}
