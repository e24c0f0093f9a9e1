//! Reads `managedFields` in the server's own writing, in which almost all of them are: without spaces, the parts of an
//! entry in one order. Any other writing is left to a parser of JSON.

use std::borrow::Cow;

use super::codec::{self, Fields};
use super::element::Element;
use super::managed::Entry;
use super::set::Set;
use crate::json_text::plain;

/// What is nested deeper is no text of ours.
const DEEPEST: usize = 100;

/// So many bytes are looked at together where fields are passed over.
const TOGETHER: usize = 32;

/// The entries of a list, the last of which is `None` if the text is not in our writing.
pub(super) fn entries(list: &str) -> Entries<'_> {
    Entries { text: Text(list), read: |text| text.set(0).map(Some), before: Some("[") }
}

/// The same, with the texts of the fields, which are not read.
pub(super) fn unread_entries(list: &str) -> Entries<'_> {
    Entries { text: Text(list), read: |text| text.pass_fields().map(|()| None), before: Some("[") }
}

/// The fields of an entry that was not read; `None` if they are malformed.
pub(super) fn set(fields: &str) -> Option<Set<'_>> {
    let mut text = Text(fields);
    let mut read = text.set(0).filter(|_| text.0.is_empty());
    // The whole object has no owner.
    read.iter_mut().for_each(|set| set.member = false);
    read.or_else(|| serde_json::from_str(fields).ok().map(|Fields(set)| set))
}

/// Whether a step may be among the outermost of fields that were not read; where not, it stands nowhere in them.
fn names(fields: &str, step: &Element<'_>) -> bool {
    step.field_name().is_none_or(|name| plain(name) < name.len() || fields.contains(name))
}

/// Whether fields that were not read hold something that a set does; nothing where only reading them tells.
pub(super) fn meet(fields: &str, set: &Set<'_>) -> Option<bool> {
    if set.iter().any(|(step, _)| names(fields, step)) { Text(fields).meet(set) } else { Some(false) }
}

/// Writes what fields that were not read and a set hold together; nothing where only reading them tells what that is.
pub(super) fn unite(fields: &str, set: &Set<'_>, out: &mut String) -> Option<()> {
    if set.is_empty() {
        out.push_str(fields);
        return Some(());
    }
    let (mut text, start) = (Text(fields), out.len());
    // The whole object has no owner.
    let is_of_object = fields == "{}" || fields.starts_with(codec::OPEN_HERE);
    let united = if is_of_object { None } else { text.unite(set, out) }.filter(|()| text.0.is_empty());
    if united.is_none() {
        out.truncate(start);
    }
    united
}

/// Whether fields that were not read hold all that a set does. Where the steps of the text do not come in their order, it
/// may be denied.
pub(super) fn hold(fields: &str, set: &Set<'_>) -> bool {
    Text(fields).hold(set).is_some()
}

/// What is not read yet.
struct Text<'a>(&'a str);

/// Reads the fields of an entry, or passes them over.
type ReadFields<'a> = fn(&mut Text<'a>) -> Option<Option<Set<'a>>>;

/// The entries of a list.
pub(super) struct Entries<'a> {
    text: Text<'a>,
    read: ReadFields<'a>,
    /// What stands before the next; nothing if that was the last.
    before: Option<&'static str>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Option<Entry<'a>>;

    fn next(&mut self) -> Option<Option<Entry<'a>>> {
        let before = self.before.take()?;
        Some(self.entry(before))
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self, before: &str) -> Option<Entry<'a>> {
        self.text.eat(before)?;
        let entry = self.text.entry(self.read)?;
        match self.text.0 {
            "]" => {}
            _ => self.before = Some(","),
        }
        Some(entry)
    }
}

impl<'a> Text<'a> {
    #[inline]
    fn eat(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn entry(&mut self, read: ReadFields<'a>) -> Option<Entry<'a>> {
        self.eat("{\"apiVersion\":")?;
        let api_version = self.string()?;
        self.eat(",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":")?;
        let start = self.0;
        let mut set = read(self)?;
        let text = Some(&start[..start.len() - self.0.len()]);
        // The whole object has no owner.
        set.iter_mut().for_each(|set| set.member = false);
        self.eat(",\"manager\":")?;
        let manager = self.string()?;
        self.eat(",\"operation\":")?;
        let operation = self.string()?;
        let subresource = if self.eat(",\"subresource\":").is_some() { self.string()? } else { "".into() };
        let time = if self.eat(",\"time\":").is_some() { Some(self.string()?.into()) } else { None };
        self.eat("}")?;
        let (fields, fields_type) = (set.map(Fields), "FieldsV1".into());
        Some(Entry { api_version, fields_type, fields, manager, operation, subresource, time, text })
    }

    fn set(&mut self, depth: usize) -> Option<Set<'a>> {
        if self.eat("{}").is_some() {
            return Some(Set::here());
        }
        let (mut member, mut below) = (false, Vec::new());
        self.eat("{")?;
        loop {
            let step = self.string().filter(|_| depth < DEEPEST)?;
            self.eat(":")?;
            if step == codec::HERE {
                self.eat("{}")?;
                member = true;
            } else {
                below.push((Element::read(step).ok()?, self.set(depth + 1)?));
            }
            if self.eat("}").is_some() {
                break;
            }
            self.eat(",")?;
        }
        Some(Set::new(member || below.is_empty(), below))
    }

    /// Looks for all that a set holds, as far as the last of it; how many places are left open there.
    fn hold(&mut self, set: &Set<'_>) -> Option<usize> {
        if self.eat("{}").is_some() {
            return set.is_leaf().then_some(0);
        }
        if set.member && !self.0.starts_with(codec::OPEN_HERE) {
            return None;
        }
        self.eat("{")?;
        let mut open = 0;
        for (index, (step, below)) in set.iter().enumerate() {
            if index > 0 {
                self.close(open)?;
                self.eat(",")?;
            }
            while self.eat_step(step).is_none() {
                self.pass_step()?;
                self.eat(",")?;
            }
            self.eat(":")?;
            open = self.hold(below)?;
        }
        Some(open + 1)
    }

    /// Passes over the fields at a place, as far as the first that a set holds, too; whether there is one.
    fn meet(&mut self, set: &Set<'_>) -> Option<bool> {
        if self.eat("{}").is_some() {
            return Some(set.member);
        }
        self.eat("{")?;
        loop {
            let step = self.string()?;
            self.eat(":")?;
            let is_met = if step == codec::HERE {
                self.pass()?;
                set.member
            } else {
                match set.get(&Element::read(step).ok()?) {
                    Some(below) => self.meet(below)?,
                    None => self.pass().map(|()| false)?,
                }
            };
            if is_met {
                return Some(true);
            }
            if self.eat("}").is_some() {
                return Some(false);
            }
            self.eat(",")?;
        }
    }

    /// Passes over the fields at a place, and writes them together with those of a set. Steps that do not come in their order
    /// are left to be read.
    fn unite(&mut self, set: &Set<'_>, out: &mut String) -> Option<()> {
        if self.eat("{}").is_some() {
            codec::encode_here(set, out);
            return Some(());
        }
        let is_member = self.eat(codec::OPEN_HERE).is_some();
        self.eat(if is_member { "," } else { "{" })?;
        out.push_str(if is_member || set.member { codec::OPEN_HERE } else { "{" });
        let (mut more, mut last) = (set.iter().peekable(), None);
        loop {
            let start = self.0;
            let step = Element::read(self.string()?).ok().filter(|step| last.as_ref() < Some(step))?;
            self.eat(":")?;
            while let Some((step, below)) = more.next_if(|(own, _)| **own < step) {
                codec::write_step(step, below, out);
            }
            codec::separate(out);
            out.push_str(&start[..start.len() - self.0.len()]);
            match more.next_if(|(own, _)| **own == step) {
                Some((_, below)) => self.unite(below, out)?,
                None => {
                    let start = self.0;
                    self.pass()?;
                    out.push_str(&start[..start.len() - self.0.len()]);
                }
            }
            if self.eat("}").is_some() {
                break;
            }
            self.eat(",")?;
            last = Some(step);
        }
        more.for_each(|(step, below)| codec::write_step(step, below, out));
        out.push('}');
        Some(())
    }

    /// Passes over a step if it is this one.
    fn eat_step(&mut self, step: &Element<'_>) -> Option<()> {
        let (kind, text) = step.parts();
        let rest = self.0.strip_prefix('"')?.strip_prefix(kind)?;
        self.0 = behind(rest, text)?.strip_prefix('"')?;
        Some(())
    }

    /// Passes over a step and what is below it.
    fn pass_step(&mut self) -> Option<()> {
        self.eat("\"")?;
        self.pass_string()?;
        self.eat(":")?;
        self.pass()
    }

    /// Passes over the fields at a place.
    fn pass(&mut self) -> Option<()> {
        if self.eat("{}").is_some() {
            return Some(());
        }
        self.eat("{")?;
        self.close(1)
    }

    /// Passes over what is left of the places that are open.
    fn close(&mut self, mut open: usize) -> Option<()> {
        while open > 0 {
            let (first, rest) = self.0.split_at_checked(1)?;
            self.0 = rest;
            match first {
                "{" => open += 1,
                "}" => open -= 1,
                "\"" => self.pass_string()?,
                _ => {}
            }
        }
        Some(())
    }

    /// Passes over what is left of a string.
    fn pass_string(&mut self) -> Option<()> {
        loop {
            let rest = &self.0[plain(self.0)..];
            match rest.as_bytes() {
                [b'"', ..] => {
                    self.0 = &rest[1..];
                    return Some(());
                }
                [b'\\', b'"' | b'\\', ..] => self.0 = &rest[2..],
                _ => return None,
            }
        }
    }

    /// Passes over the fields of an entry. What follows them is the first key that begins with `m`: their own keys begin
    /// with a kind of step, and quotes within them are escaped. An entry that ends with its fields is none of ours.
    fn pass_fields(&mut self) -> Option<()> {
        let is_end = |at: &[u8]| (at[0] == b'}') & (at[1] == b',') & (at[2] == b'"') & (at[3] == b'm');
        let is_next_entry = |at: &[u8]| (at[0] == b',') & (at[1] == b'{');
        let is_either = |at: &[u8]| is_end(at) | is_next_entry(at);
        let bytes = self.0.as_bytes();
        let mut start = 0;
        loop {
            // Without a branch, so that many places are looked at together. An entry is longer than they are.
            let block = bytes[start..].first_chunk::<{ TOGETHER + 3 }>()?;
            if (0..TOGETHER).fold(false, |found, at| found | is_either(&block[at..at + 4])) {
                break;
            }
            start += TOGETHER;
        }
        let end = start + bytes[start..].windows(4).position(is_either)?;
        let (fields, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        (fields.starts_with('{') && fields.ends_with('}')).then_some(())
    }

    /// A string in which nothing but quotes and backslashes is escaped.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?;
        let end = plain(inner);
        if inner.as_bytes().get(end) == Some(&b'"') {
            self.0 = &inner[end + 1..];
            return Some(Cow::Borrowed(&inner[..end]));
        }
        let (mut text, mut rest) = (String::with_capacity(64), inner);
        loop {
            let end = plain(rest);
            text.push_str(&rest[..end]);
            match rest.as_bytes()[end..] {
                [b'"', ..] => {
                    self.0 = &rest[end + 1..];
                    return Some(Cow::Owned(text));
                }
                [b'\\', escaped @ (b'"' | b'\\'), ..] => text.push(char::from(escaped)),
                _ => return None,
            }
            rest = &rest[end + 2..];
        }
    }
}

/// What follows the text of a string; nothing if it is another, or has more in it than quotes and backslashes that are
/// escaped.
fn behind<'j>(mut json: &'j str, mut text: &str) -> Option<&'j str> {
    loop {
        let (clear, escaped) = text.split_at(plain(text));
        json = json.strip_prefix(clear)?;
        match escaped.as_bytes() {
            [] => return Some(json),
            [b'"' | b'\\', ..] => json = json.strip_prefix('\\')?.strip_prefix(&escaped[..1])?,
            _ => return None,
        }
        text = &escaped[1..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steersman_core::tree::Value;

    use super::super::managed::Managed;
    use super::*;

    const ENTRY: &str = r#"[{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:\\\"":{},"f:a":{".":{},"k:{\"b\":\"c\"}":{}}},"manager":"m","operation":"Apply","time":"t"}]"#;

    /// What a parser of JSON reads.
    fn parsed(text: &str) -> Option<Managed<'_>> {
        let entries: Vec<Entry<'_>> = serde_json::from_str(text).ok()?;
        Managed::of(entries.into_iter().map(Some))
    }

    #[test]
    fn what_is_read_is_what_a_parser_reads() {
        let more = ENTRY.replace("\"time\"", "\"subresource\":\"status\",\"time\"");
        let two = format!("[{},{}]", &ENTRY[1..ENTRY.len() - 1], &more[1..more.len() - 1]);
        for text in [ENTRY, more.as_str(), two.as_str()] {
            let read = Managed::of(entries(text));
            assert_eq!(read, parsed(text), "{text}");
            assert_eq!(Managed::of(unread_entries(text)), parsed(text), "{text}");
            let mut written = String::new();
            read.unwrap().write(&mut written);
            assert_eq!(written, text);
        }
    }

    #[test]
    fn an_entry_that_ends_with_its_fields_is_not_mixed_with_the_next() {
        let short = r#"{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:a":{}}}"#;
        assert_eq!(Managed::of(unread_entries(&format!("[{short},{}", &ENTRY[1..]))), None);
        assert_eq!(Managed::of(unread_entries(&format!("[{short}]"))), None);
    }

    #[test]
    fn what_is_nested_too_deep_is_left_alone() {
        let fields = |depth: usize| format!("{}{{}}{}", "{\"f:a\":".repeat(depth), "}".repeat(depth));
        let list =
            |depth| ENTRY.replace(r#"{"f:\\\"":{},"f:a":{".":{},"k:{\"b\":\"c\"}":{}}}"#, &fields(depth));
        assert!(Managed::of(entries(&list(DEEPEST))).is_some());
        assert!(Managed::of(entries(&list(DEEPEST + 1))).is_none());
    }

    proptest! {
        #[test]
        fn a_text_of_another_kind_is_never_misread(at in 0..ENTRY.len(), with in "[\\[\\]{}\":,a-f.\\\\ ]{0,3}", cut in 0..3usize) {
            let end = (at + cut).min(ENTRY.len());
            let text = format!("{}{with}{}", &ENTRY[..at], &ENTRY[end..]);
            if let (Some(unread), Some(parsed)) = (Managed::of(unread_entries(&text)), parsed(&text)) {
                prop_assert_eq!(unread, parsed);
            }
            if let Some(read) = Managed::of(entries(&text)) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
                prop_assert_eq!(Some(read), parsed(&text));
            }
        }
    }
}
