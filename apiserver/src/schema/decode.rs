//! Reads JSON and YAML into a tree, noting keys that stand twice in one object.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};
use steersman_core::field::Path;
use steersman_core::tree::{Entry, Map, Number, Value};

use super::syntax;
use super::yaml_fault::worded;

/// No more than this many duplicates are noted; upstream's limit.
const NOTED: usize = 100;

/// What was read from a body.
#[derive(Debug)]
pub struct Decoded {
    /// The tree; of a key that stands twice, the last value.
    pub value: Value,
    /// What a tree cannot tell of the body.
    pub duplicates: Duplicates,
}

/// The keys that stand twice in an object of a body, and the order in which everything stands there. Empty for an
/// object that was never text. In a box, as it travels with a body through many hands.
#[derive(Clone, Debug, Default)]
pub struct Duplicates(Option<Box<Found>>);

/// What was found in a text.
#[derive(Clone, Debug, Default)]
struct Found {
    paths: Vec<String>,
    /// What is told of duplicates in YAML, which upstream finds by line before it looks at fields.
    lines: Vec<String>,
    /// What is told of a patch before anybody looks at what it makes.
    of_patch: Vec<String>,
    /// The body, if it is JSON.
    body: Bytes,
}

/// Reads a JSON body.
///
/// # Errors
/// The body is not JSON, or is nested more than 127 deep: upstream's words for it.
pub fn json(body: impl Into<Bytes>) -> Result<Decoded, String> {
    let body = body.into();
    let paths = RefCell::new(Vec::new());
    let value = read(&body, &|path, _, again| {
        if again && paths.borrow().len() < NOTED {
            paths.borrow_mut().push(path.to_string());
        }
    })?;
    Ok(Decoded { value, duplicates: Found { paths: paths.into_inner(), body, ..Found::default() }.into() })
}

/// Reads the first document of a YAML body.
///
/// # Errors
/// The body is not YAML.
pub fn yaml(body: &str) -> Result<Decoded, String> {
    let lines = RefCell::new(Vec::new());
    let seen = |path: &Path<'_>, line: u64, again: bool| {
        if again && lines.borrow().len() < NOTED {
            let path = path.to_string();
            let key = path.rsplit('.').next().unwrap_or_default();
            lines.borrow_mut().push(format!("line {line}: key {key:?} already set in map"));
        }
    };
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    let node = Node::<Spanned<String>> { path: &Path::ROOT, seen: &seen, merges: false, key: PhantomData };
    let document = first_document(body);
    let value = serde_saphyr::with_deserializer_from_str_with_options(document, options, |deserializer| {
        node.deserialize(deserializer)
    });
    let value = value.map_err(|error| {
        format!("error converting YAML to JSON: yaml: {}", worded(&error.to_string(), document))
    })?;
    Ok(Decoded { value, duplicates: Found { lines: lines.into_inner(), ..Found::default() }.into() })
}

/// What stands before the second document.
fn first_document(body: &str) -> &str {
    let content = body.find(|c: char| !c.is_whitespace()).unwrap_or(0);
    let start = if body[content..].starts_with("---") { content + 3 } else { content };
    body[start..].find("\n---").map_or(body, |end| &body[..start + end + 1])
}

impl From<Found> for Duplicates {
    fn from(found: Found) -> Self {
        Duplicates(Some(found.into()))
    }
}

impl Duplicates {
    fn found(&self) -> &Found {
        static NOTHING: Found =
            Found { paths: Vec::new(), lines: Vec::new(), of_patch: Vec::new(), body: Bytes::new() };
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    pub(super) fn is_empty(&self) -> bool {
        let Found { paths, lines, of_patch, .. } = self.found();
        paths.is_empty() && lines.is_empty() && of_patch.is_empty()
    }

    /// The same of a patch: what is told of it, and of fields that patches do not have, comes before what is told of
    /// the patched object, behind `prefix`.
    pub(crate) fn of_patch(&self, prefix: &str, unknown: &[String]) -> Self {
        let told = if self.found().paths.is_empty() && unknown.is_empty() {
            Vec::new()
        } else {
            self.fields(unknown)
        };
        let of_patch = told.into_iter().map(|told| format!("{prefix}{told}")).collect();
        Found { of_patch, ..Found::default() }.into()
    }

    /// The body as Go reads it into a struct, where objects that stand twice under a key are merged; `None` if there
    /// are none, or nobody knows.
    pub(crate) fn merged(&self) -> Option<Value> {
        if self.found().paths.is_empty() {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(&self.found().body);
        let node = Node::<String> { path: &Path::ROOT, seen: &|_, _, _| {}, merges: true, key: PhantomData };
        node.deserialize(&mut deserializer).ok()
    }

    /// What is told of duplicates in YAML, by line.
    pub(crate) fn lines(&self) -> &[String] {
        &self.found().lines
    }

    /// What is told of the unknown fields and of the duplicates, in the order of the body.
    pub(super) fn told_with(&self, unknown: &[String]) -> Vec<String> {
        let Found { of_patch, lines, .. } = self.found();
        [of_patch, lines, &self.fields(unknown)].into_iter().flatten().cloned().collect()
    }

    /// Which of the paths stands first in the body; the first of them if nobody knows.
    pub(super) fn first_of(&self, paths: &[&str]) -> usize {
        let first = Cell::new(None);
        // The body was read before, so it is well formed.
        let _ = read(&self.found().body, &|key, _, _| {
            if first.get().is_none() {
                let key = key.to_string();
                first.set(paths.iter().position(|path| is_at(path, &key)));
            }
        });
        first.get().unwrap_or(0)
    }

    /// The same as one text.
    pub(super) fn text_with(&self, unknown: &[String]) -> String {
        let Found { of_patch, lines, .. } = self.found();
        let mut told = of_patch.clone();
        if !lines.is_empty() {
            told.push(format!("yaml: unmarshal errors:\n  {}", lines.join("\n  ")));
        }
        told.extend(self.fields(unknown));
        told.join(", ")
    }

    fn fields(&self, unknown: &[String]) -> Vec<String> {
        let Found { paths, body, .. } = self.found();
        if body.is_empty() {
            return unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        }
        let told = RefCell::new(Vec::new());
        // The body was read before, so it is well formed.
        let _ = read(body, &|path, _, again| {
            let path = path.to_string();
            if again && paths.contains(&path) {
                told.borrow_mut().push(format!("duplicate field {path:?}"));
            } else if !again && unknown.contains(&path) {
                told.borrow_mut().push(format!("unknown field {path:?}"));
            }
        });
        told.into_inner()
    }
}

/// Whether a path leads to the value of a key, or to an item of it.
fn is_at(path: &str, key: &str) -> bool {
    let rest = path.strip_prefix(key);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('[') && !rest.contains('.'))
}

/// Called for every key, in the order of the text, with the line it stands in; `true` if the object already has it.
type Seen<'a> = &'a dyn Fn(&Path<'_>, u64, bool);

/// A key of an object, which may know where it stands.
trait Key: DeserializeOwned {
    fn split(self) -> (String, u64);
}

impl Key for String {
    fn split(self) -> (String, u64) {
        (self, 0)
    }
}

impl Key for Spanned<String> {
    fn split(self) -> (String, u64) {
        (self.value, self.referenced.line())
    }
}

fn read(body: &[u8], seen: Seen<'_>) -> Result<Value, String> {
    // A text is looked at once as a whole, and not string by string.
    match std::str::from_utf8(body) {
        Ok(text) => read_from(serde_json::Deserializer::from_str(text), body, seen),
        Err(_) => read_from(serde_json::Deserializer::from_slice(body), body, seen),
    }
}

fn read_from<'b>(
    mut deserializer: serde_json::Deserializer<impl serde_json::de::Read<'b>>,
    body: &[u8],
    seen: Seen<'_>,
) -> Result<Value, String> {
    let node = Node::<String> { path: &Path::ROOT, seen, merges: false, key: PhantomData };
    let value = node.deserialize(&mut deserializer);
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| syntax::explain(body).unwrap_or_else(|| beyond(body, &error)))
}

/// What is wrong with a body that is well formed: a number beyond every type, or nesting beyond the limit.
fn beyond(body: &[u8], error: &serde_json::Error) -> String {
    let numbers = String::from_utf8_lossy(body);
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let mut words = numbers.split(|c| !is_number(c)).filter(|word| word.parse().is_ok_and(f64::is_infinite));
    match words.next() {
        Some(number) => format!("json: cannot unmarshal number {number} into Go value of type float64"),
        None if error.to_string().starts_with("recursion limit") => "exceeded max depth".to_owned(),
        None => error.to_string(),
    }
}

struct Node<'a, K> {
    path: &'a Path<'a>,
    seen: Seen<'a>,
    /// Whether objects under the same key are merged, rather than the last taken.
    merges: bool,
    key: PhantomData<K>,
}

impl<'de, K: Key> DeserializeSeed<'de> for Node<'_, K> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, K: Key> Visitor<'de> for Node<'_, K> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = self.path.index(list.len());
            match items.next_element_seed(Node { path: &path, ..self })? {
                Some(item) => list.push(item),
                None => return Ok(list.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<K>()? {
            let (key, line) = key.split();
            let place = map.entry(key);
            let path = self.path.child(place.key());
            (self.seen)(&path, line, matches!(place, Entry::Occupied(_)));
            let value = entries.next_value_seed(Node { path: &path, ..self })?;
            match place {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(mut first) if self.merges => merge(first.get_mut(), value),
                Entry::Occupied(mut first) => drop(first.insert(value)),
            }
        }
        Ok(Value::Object(map))
    }
}

fn merge(first: &mut Value, again: Value) {
    match (first, again) {
        (Value::Object(first), Value::Object(again)) => {
            for (key, value) in again {
                match first.get_mut(&key) {
                    Some(first) => merge(first, value),
                    None => drop(first.insert(key, value)),
                }
            }
        }
        (first, again) => *first = again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_are_noted_and_the_last_wins() {
        let decoded = json(r#"{"a":{"b":1,"b":2},"l":[{"c":1,"c":3}]}"#).unwrap();
        assert_eq!(decoded.value["a"]["b"], 2);
        assert_eq!(decoded.duplicates.found().paths, ["a.b", "l[0].c"]);
    }

    #[test]
    fn structs_that_stand_twice_are_merged() {
        let decoded =
            json(r#"{"data":{"a":"1","c":{"x":1}},"l":[1],"l":[2],"data":{"b":"2","c":{"y":1}}}"#).unwrap();
        let merged =
            steersman_core::tree::json!({"data": {"a": "1", "b": "2", "c": {"x": 1, "y": 1}}, "l": [2]});
        assert_eq!(decoded.duplicates.merged(), Some(merged));
        assert_eq!(json(r#"{"a":1}"#).unwrap().duplicates.merged(), None);
    }

    #[test]
    fn what_is_told_stands_in_the_order_of_the_body() {
        let decoded = json(r#"{"m":{"z":1,"y":1},"b":1,"a":1,"a":2}"#).unwrap();
        let unknown = ["a", "b", "m.y", "m.z"].map(str::to_owned);
        assert_eq!(
            decoded.duplicates.told_with(&unknown).join(", "),
            r#"unknown field "m.z", unknown field "m.y", unknown field "b", unknown field "a", duplicate field "a""#
        );
    }

    #[test]
    fn duplicates_in_yaml_are_told_by_line() {
        let decoded =
            yaml("kind: ConfigMap\ndata: {a: \"1\"}\ndata: {b: \"2\"}\nzzz: 1\n---\nother: 1\n").unwrap();
        assert_eq!(
            decoded.value,
            steersman_core::tree::json!({"kind": "ConfigMap", "data": {"b": "2"}, "zzz": 1})
        );
        assert_eq!(
            decoded.duplicates.text_with(&["zzz".to_owned()]),
            "yaml: unmarshal errors:\n  line 3: key \"data\" already set in map, unknown field \"zzz\""
        );
    }

    #[test]
    fn yaml_scalars_have_the_types_they_look_like() {
        let decoded = yaml("---\na: 1\nb: 1.5\nc: true\nd: ~\ne: \"1\"\nf: [x, 2]\ng:\n").unwrap();
        let expected = steersman_core::tree::json!({"a": 1, "b": 1.5, "c": true, "d": null, "e": "1", "f": ["x", 2], "g": null});
        assert_eq!(decoded.value, expected);
        assert!(yaml("nope: [").unwrap_err().starts_with("error converting YAML to JSON: yaml: "));
    }
}
