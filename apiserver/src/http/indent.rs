//! Indents JSON for people to read, two spaces a level, without reading it into a tree.

/// Indents JSON that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Indent {
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// An opening bracket was just written: what follows tells whether anything is in it.
    opened: bool,
}

impl Indent {
    /// The next piece, indented.
    pub(super) fn piece(&mut self, json: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(json.len() * 2);
        for byte in json {
            if self.in_text {
                out.push(*byte);
                self.in_text = self.escaped || *byte != b'"';
                self.escaped = !self.escaped && *byte == b'\\';
            } else if !byte.is_ascii_whitespace() {
                self.structure(*byte, &mut out);
            }
        }
        out
    }

    fn structure(&mut self, byte: u8, out: &mut Vec<u8>) {
        let was_opened = std::mem::take(&mut self.opened);
        let closes = matches!(byte, b'}' | b']');
        self.depth = self.depth.saturating_sub(usize::from(closes));
        if was_opened != closes {
            self.line(out);
        }
        out.push(byte);
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.line(out),
            b':' => out.push(b' '),
            b'"' => self.in_text = true,
            _ => {}
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', self.depth * 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_serde_writes_it() {
        let value = steersman_core::tree::json!({"a": [1, {"b": "x\"{[,:\\"}], "c": {}, "d": [], "e": null, "f": [[true]]});
        let json = value.to_string();
        let expected = serde_json::to_string_pretty(&value).unwrap();
        let mut whole = Indent::default();
        assert_eq!(String::from_utf8(whole.piece(json.as_bytes())).unwrap(), expected);
        let mut pieces = Indent::default();
        let cut: Vec<u8> = json.as_bytes().chunks(3).flat_map(|piece| pieces.piece(piece)).collect();
        assert_eq!(String::from_utf8(cut).unwrap(), expected);
    }
}
