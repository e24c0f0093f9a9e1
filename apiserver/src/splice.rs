//! Changes some fields of an object in its text; the others are copied, and never read.

use std::borrow::Cow;

use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result, json_text};

/// The fields of an object, in order, as text.
pub(crate) struct Fields<'j>(Vec<(Cow<'j, str>, Cow<'j, str>)>);

impl<'j> Fields<'j> {
    /// The fields of an object in the server's own writing, and those of the objects in it that are named. The end of
    /// `known`, a value's piece of the text, is not searched for.
    ///
    /// # Errors
    /// 500 if it is in another writing.
    pub(crate) fn opened<const N: usize>(
        object: &'j str,
        names: [&str; N],
        known: Option<&str>,
    ) -> Result<(Self, [Self; N])> {
        let fields = |fields: json_text::Fields<'j>| {
            Fields(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
        };
        let opened = json_text::opened(object, names, known);
        let (outer, inner) =
            opened.ok_or_else(|| Error::internal("an object is not in the server's own writing"))?;
        Ok((fields(outer), inner.map(fields)))
    }

    /// The text of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.0 == name).map(|field| &*field.1)
    }

    /// The value of a field; null if there is none.
    ///
    /// # Errors
    /// 500 if the text is no JSON.
    pub(crate) fn value(&self, name: &str) -> Result<Value> {
        self.get(name).map_or(Ok(Value::Null), |text| serde_json::from_str(text).map_err(Error::internal))
    }

    /// Gives a field, whose name needs no escapes, a text; a new one goes where the names are in order.
    pub(crate) fn set(&mut self, name: &'static str, text: impl Into<Cow<'j, str>>) {
        match self.0.iter_mut().find(|field| field.0 == name) {
            Some(field) => field.1 = text.into(),
            None => {
                let at = self.0.iter().rposition(|field| *field.0 < *name).map_or(0, |before| before + 1);
                self.0.insert(at, (name.into(), text.into()));
            }
        }
    }

    /// Leaves a field out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|field| field.0 != name);
    }

    /// The text of the object.
    pub(crate) fn text(&self) -> String {
        let length = self.0.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let mut text = String::with_capacity(length + 2);
        text.push('{');
        for (at, (name, value)) in self.0.iter().enumerate() {
            text.push_str(if at == 0 { "\"" } else { ",\"" });
            text.push_str(name);
            text.push_str("\":");
            text.push_str(value);
        }
        text.push('}');
        text
    }

    /// Changes a field that is an object, small enough to be read; one that is empty then is left out.
    ///
    /// # Errors
    /// 500 if the text is no JSON.
    pub(crate) fn change(&mut self, name: &'static str, change: impl FnOnce(&mut Map)) -> Result<()> {
        let mut fields = match self.value(name)? {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        change(&mut fields);
        if fields.is_empty() {
            self.remove(name);
        } else {
            self.set(name, serde_json::to_string(&fields).map_err(Error::internal)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn fields(object: &str) -> Fields<'_> {
        Fields::opened(object, [], None).map(|(fields, [])| fields).unwrap()
    }

    #[test]
    fn fields_are_changed_in_their_place() {
        let mut object = fields(r#"{"kind":"K","b":{"x":"}"},"d":[1]}"#);
        object.set("kind", "\"L\"");
        object.set("c", "true");
        object.change("b", |fields| drop(fields.insert("y".to_owned(), json!(2)))).unwrap();
        object.remove("d");
        assert_eq!(object.text(), r#"{"kind":"L","b":{"x":"}","y":2},"c":true}"#);
        assert_eq!((object.get("d"), object.value("c").unwrap()), (None, json!(true)));
    }

    #[test]
    fn what_is_not_there_can_be_added_and_need_not_be() {
        let mut object = fields("{}");
        object.change("a", |_| {}).unwrap();
        assert_eq!(object.text(), "{}");
        object.change("a", |fields| drop(fields.insert("b".to_owned(), json!("c")))).unwrap();
        assert_eq!(object.text(), r#"{"a":{"b":"c"}}"#);
    }

    #[test]
    fn another_writing_is_refused() {
        assert_eq!(Fields::opened("{ \"a\": 1 }", [], None).err().unwrap().code(), 500);
    }
}
