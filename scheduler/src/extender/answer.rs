//! Reads what an extender answers, as Go would: names of fields are matched whatever their case, `null` is nothing, and
//! what follows the first value is not looked at.

use serde::de::DeserializeOwned;
use steersman_core::tree::{Value, from_value};

/// An answer, or a part of one.
pub(super) struct Answer(Value);

impl Answer {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not JSON.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        match serde_json::Deserializer::from_slice(body).into_iter::<Value>().next() {
            Some(value) => value.map(Answer).map_err(|error| error.to_string()),
            None => Err("EOF".to_owned()),
        }
    }

    /// The value as it is; the default where it is `null`.
    ///
    /// # Errors
    /// It has another type.
    pub(super) fn all<T: DeserializeOwned + Default>(&self) -> Result<T, String> {
        if self.0.is_null() {
            return Ok(T::default());
        }
        from_value(&self.0).map_err(|error| error.to_string())
    }

    /// A field; the default where it is missing or `null`.
    ///
    /// # Errors
    /// It has another type, or what should have fields is no object.
    pub(super) fn get<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, String> {
        match (&self.0, self.0.as_object()) {
            (Value::Null, _) => Ok(T::default()),
            (_, None) => Err(format!("expected an object with the field {name}")),
            (_, Some(fields)) => {
                let mut named = fields.iter().filter(|(key, _)| key.as_str().eq_ignore_ascii_case(name));
                named.next_back().map_or(Ok(T::default()), |(_, value)| Answer(value.clone()).all())
            }
        }
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Answer(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_their_case() {
        for body in [r#"{"NodeNames": ["n"]}"#, r#"{"nodenames": ["n"]}"#, "{\"nodeNames\": [\"n\"]}\n{"] {
            assert_eq!(
                Answer::read(body.as_bytes()).unwrap().get::<Vec<String>>("NodeNames").unwrap(),
                ["n"],
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_missing_or_null_is_nothing_and_what_is_of_another_type_an_error() {
        for body in ["{}", "null", r#"{"NodeNames": null}"#] {
            let answer = Answer::read(body.as_bytes()).unwrap();
            assert_eq!(answer.get::<Option<Vec<String>>>("NodeNames").unwrap(), None, "{body}");
        }
        assert!(Answer::read(b"null").unwrap().all::<Vec<Value>>().unwrap().is_empty());
        for body in ["[]", r#"{"NodeNames": "n"}"#] {
            assert!(
                Answer::read(body.as_bytes()).unwrap().get::<Vec<String>>("NodeNames").is_err(),
                "{body}"
            );
        }
        assert!(Answer::read(b"").is_err() && Answer::read(b"{").is_err());
    }
}
