//! Trees into whatever serde writes, and trees from typed values.

use std::fmt::Display;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::{List, Map, Text, Value};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => number.serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(list) => list.serialize(serializer),
            Value::Object(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

/// Writes a typed value as a tree.
///
/// # Errors
/// The value has what JSON has no form for, or fails to be written.
pub fn to_value(value: impl Serialize) -> Result<Value, Error> {
    value.serialize(Tree)
}

struct Tree;

impl Serializer for Tree {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    fn serialize_bool(self, flag: bool) -> Result<Value, Error> {
        Ok(flag.into())
    }

    fn serialize_i8(self, number: i8) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_i64(self, number: i64) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_u8(self, number: u8) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_u64(self, number: u64) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Error> {
        Ok(f64::from(number).into())
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Error> {
        Ok(number.into())
    }

    fn serialize_char(self, c: char) -> Result<Value, Error> {
        Ok(Value::String(c.into()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(text.into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(bytes.into())
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(Value::String(Text::from_static(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(of_variant(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Items, Error> {
        Ok(Items { variant: None, values: Vec::with_capacity(count.unwrap_or(0)) })
    }

    fn serialize_tuple(self, count: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(count))
    }

    fn serialize_tuple_struct(self, _: &'static str, count: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(count))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Items, Error> {
        Ok(Items { variant: Some(variant), values: Vec::with_capacity(count) })
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Fields, Error> {
        Ok(Fields { variant: None, fields: Vec::with_capacity(count.unwrap_or(0)), name: Text::default() })
    }

    fn serialize_struct(self, _: &'static str, count: usize) -> Result<Fields, Error> {
        self.serialize_map(Some(count))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Fields, Error> {
        Ok(Fields { variant: Some(variant), fields: Vec::with_capacity(count), name: Text::default() })
    }

    fn collect_str<T: Display + ?Sized>(self, text: &T) -> Result<Value, Error> {
        Ok(Value::String(Text::of(text)))
    }
}

/// What belongs to a variant stands below its name.
fn of_variant(variant: Option<&'static str>, content: Value) -> Value {
    match variant {
        Some(name) => Value::Object(Map::from([(Text::from_static(name), content)])),
        None => content,
    }
}

/// A list in the making.
struct Items {
    variant: Option<&'static str>,
    values: Vec<Value>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.values.push(value.serialize(Tree)?);
        Ok(())
    }

    fn done(self) -> Result<Value, Error> {
        Ok(of_variant(self.variant, Value::Array(self.values.into())))
    }
}

macro_rules! items {
    ($($kind:ident $push:ident)*) => {$(
        impl $kind for Items {
            type Ok = Value;
            type Error = Error;

            fn $push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        }
    )*};
}

items! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

/// An object in the making.
struct Fields {
    variant: Option<&'static str>,
    fields: Vec<(Text, Value)>,
    /// The name of the field whose value comes next.
    name: Text,
}

impl Fields {
    fn push<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.fields.push((Text::from_static(name), value.serialize(Tree)?));
        Ok(())
    }

    fn done(self) -> Result<Value, Error> {
        Ok(of_variant(self.variant, Value::Object(Map::of_fields(self.fields))))
    }
}

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.name = name.serialize(Name)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let name = std::mem::take(&mut self.name);
        self.fields.push((name, value.serialize(Tree)?));
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        self.done()
    }
}

macro_rules! fields {
    ($($kind:ident)*) => {$(
        impl $kind for Fields {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.push(name, value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        }
    )*};
}

fields!(SerializeStruct SerializeStructVariant);

/// The name of a field: a string, or what JSON writes as one.
struct Name;

type No = Impossible<Text, Error>;

fn no_name<T>() -> Result<T, Error> {
    Err(Error::custom("key must be a string"))
}

macro_rules! names {
    ($($method:ident $kind:ty)*) => {$(
        fn $method(self, it: $kind) -> Result<Text, Error> {
            Ok(Text::of(&it))
        }
    )*};
}

impl Serializer for Name {
    type Ok = Text;
    type Error = Error;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    names! {
        serialize_bool bool serialize_char char serialize_i8 i8 serialize_i16 i16 serialize_i32 i32
        serialize_i64 i64 serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64
    }

    fn serialize_str(self, text: &str) -> Result<Text, Error> {
        Ok(text.into())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Text, Error> {
        Ok(Text::from_static(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Text, Error> {
        value.serialize(self)
    }

    fn collect_str<T: Display + ?Sized>(self, text: &T) -> Result<Text, Error> {
        Ok(Text::of(text))
    }

    fn serialize_f32(self, _: f32) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_f64(self, _: f64) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_none(self) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_unit(self) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Text, Error> {
        no_name()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<No, Error> {
        no_name()
    }

    fn serialize_tuple(self, _: usize) -> Result<No, Error> {
        no_name()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, Error> {
        no_name()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, Error> {
        no_name()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<No, Error> {
        no_name()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<No, Error> {
        no_name()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, Error> {
        no_name()
    }
}
