//! Values from what they hold, and comparisons with it.

use std::borrow::Cow;

use super::{List, Map, Number, Text, Value};

macro_rules! from_integers {
    ($($kind:ty)*) => {$(
        impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Value::Number(number.into())
            }
        }
    )*};
}

from_integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl From<f64> for Value {
    /// `null` for what JSON has no number for.
    fn from(number: f64) -> Self {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

macro_rules! from_texts {
    ($($kind:ty)*) => {$(
        impl From<$kind> for Value {
            fn from(text: $kind) -> Self {
                Value::String(text.into())
            }
        }
    )*};
}

from_texts!(&str String &String Text Cow<'_, str>);

impl From<&Text> for Value {
    fn from(text: &Text) -> Self {
        Value::String(text.clone())
    }
}

macro_rules! from_variants {
    ($($kind:ty => $variant:ident)*) => {$(
        impl From<$kind> for Value {
            fn from(it: $kind) -> Self {
                Value::$variant(it)
            }
        }
    )*};
}

from_variants!(Number => Number List => Array Map => Object);

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Self {
        values.into_iter().collect()
    }
}

impl<V: Clone + Into<Value>> From<&[V]> for Value {
    fn from(values: &[V]) -> Self {
        values.iter().cloned().collect()
    }
}

impl<V: Into<Value>, const COUNT: usize> From<[V; COUNT]> for Value {
    fn from(values: [V; COUNT]) -> Self {
        values.into_iter().collect()
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<N: Into<Text>, V: Into<Value>> FromIterator<(N, V)> for Value {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Value::Object(fields.into_iter().collect())
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(flag),
            serde_json::Value::Number(number) => Value::Number(number),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(values) => values.into(),
            serde_json::Value::Object(map) => Value::Object(map.into_iter().collect()),
        }
    }
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text.into()),
            Value::Array(list) => list.into_iter().map(Self::from).collect(),
            Value::Object(map) => {
                Self::Object(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}

macro_rules! equals {
    ($($kind:ty, |$value:ident, $other:ident| $equal:expr;)*) => {$(
        impl PartialEq<$kind> for Value {
            fn eq(&self, $other: &$kind) -> bool {
                let $value = self;
                $equal
            }
        }

        impl PartialEq<Value> for $kind {
            fn eq(&self, other: &Value) -> bool {
                other == self
            }
        }
    )*};
}

equals! {
    str, |value, other| value.as_str() == Some(other);
    &str, |value, other| value.as_str() == Some(other);
    String, |value, other| value.as_str() == Some(other);
    Text, |value, other| value.as_str() == Some(other);
    bool, |value, other| value.as_bool() == Some(*other);
    i32, |value, other| value.as_i64() == Some(i64::from(*other));
    i64, |value, other| value.as_i64() == Some(*other);
    u16, |value, other| value.as_u64() == Some(u64::from(*other));
    u32, |value, other| value.as_u64() == Some(u64::from(*other));
    u64, |value, other| value.as_u64() == Some(*other);
    usize, |value, other| value.as_u64().is_some_and(|held| usize::try_from(held) == Ok(*other));
    f64, |value, other| value.as_f64() == Some(*other);
}

macro_rules! equals_behind_a_reference {
    ($($kind:ty)*) => {$(
        impl PartialEq<$kind> for &Value {
            fn eq(&self, other: &$kind) -> bool {
                **self == *other
            }
        }
    )*};
}

equals_behind_a_reference!(String Text bool i32 i64 u16 u32 u64 usize f64);
