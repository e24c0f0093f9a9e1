//! Field paths and the errors that name them, worded as Kubernetes words them.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/util/validation/field`.

use std::fmt;

use crate::tree::Value;

/// The place of a value inside an object: `spec.containers[0].ports[1].name`.
///
/// A path is built on the stack and borrows its parent, so walking an object allocates nothing until an error is
/// reported.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The object itself. Prints as the empty string.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// A path that starts at `name`.
    pub const fn new(name: &'a str) -> Self {
        Path { parent: None, step: Step::Field(name) }
    }

    /// The field `name` of the value at this path.
    pub const fn child<'b>(&'b self, name: &'b str) -> Path<'b> {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// The element `index` of the list at this path.
    pub const fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// The entry `key` of the map at this path: prints as `path[key]`.
    pub const fn key<'b>(&'b self, key: &'b str) -> Path<'b> {
        Path { parent: Some(self), step: Step::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) if self.parent.is_some_and(|parent| !parent.is_root()) => write!(f, ".{name}"),
            Step::Field(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key}]"),
        }
    }
}

impl Path<'_> {
    fn is_root(&self) -> bool {
        matches!(self.step, Step::Root) && self.parent.is_none()
    }
}

/// What is wrong with a field; upstream's `field.ErrorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorType {
    /// A value that must be there is not: `Required value`.
    Required,
    /// A value that must be unique is repeated: `Duplicate value`.
    Duplicate,
    /// A malformed or out-of-range value: `Invalid value`.
    Invalid,
    /// A value of an enumeration that is not one of its members: `Unsupported value`.
    NotSupported,
    /// A value that is valid but not allowed here: `Forbidden`.
    Forbidden,
    /// A value that names something which does not exist: `Not found`.
    NotFound,
    /// A string that is too long: `Too long`.
    TooLong,
    /// A list that is too long: `Too many`.
    TooMany,
    /// A value of another type than the schema's; prints as `Invalid value`.
    TypeInvalid,
    /// A failure that is not the caller's: `Internal error`.
    Internal,
}

impl ErrorType {
    /// The machine-readable `reason` of a status cause: `FieldValueRequired`, …
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }
}

/// One thing that is wrong with one field; upstream's `field.Error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The kind of fault.
    pub kind: ErrorType,
    /// The field, as [`Path`] prints it.
    pub field: String,
    /// The offending value, already printed as upstream prints it; empty where the message shows none.
    pub value: String,
    /// What is wrong with it, in a few words; may be empty.
    pub detail: String,
}

impl Error {
    fn new(kind: ErrorType, path: &Path<'_>, value: String, detail: impl Into<String>) -> Self {
        Error { kind, field: path.to_string(), value, detail: detail.into() }
    }

    // Errors are rare: what leads to one is kept out of the way of what goes well.

    /// `path: Required value: detail`.
    #[cold]
    pub fn required(path: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, path, String::new(), detail)
    }

    /// `path: Invalid value: value: detail`.
    #[cold]
    pub fn invalid(path: &Path<'_>, value: impl Shown, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, path, value.shown(), detail)
    }

    /// `path: Invalid value: value: detail`, for a value of the wrong type.
    #[cold]
    pub fn type_invalid(path: &Path<'_>, value: impl Shown, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::TypeInvalid, path, value.shown(), detail)
    }

    /// `path: Duplicate value: value`.
    #[cold]
    pub fn duplicate(path: &Path<'_>, value: impl Shown) -> Self {
        Self::new(ErrorType::Duplicate, path, value.shown(), "")
    }

    /// `path: Unsupported value: value: supported values: "a", "b"`. The list is printed in the order given.
    #[cold]
    pub fn not_supported(path: &Path<'_>, value: impl Shown, supported: &[&str]) -> Self {
        let detail = match supported {
            [] => String::new(),
            all => {
                let quoted: Vec<String> = all.iter().map(|one| quote(one)).collect();
                format!("supported values: {}", quoted.join(", "))
            }
        };
        Self::new(ErrorType::NotSupported, path, value.shown(), detail)
    }

    /// `path: Forbidden: detail`.
    #[cold]
    pub fn forbidden(path: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, path, String::new(), detail)
    }

    /// `path: Not found: value`.
    #[cold]
    pub fn not_found(path: &Path<'_>, value: impl Shown) -> Self {
        Self::new(ErrorType::NotFound, path, value.shown(), "")
    }

    /// `path: Too long: may not be more than N bytes`. The value is left out, as upstream does.
    #[cold]
    pub fn too_long(path: &Path<'_>, max_bytes: usize) -> Self {
        let bytes = if max_bytes == 1 { "byte" } else { "bytes" };
        Self::new(
            ErrorType::TooLong,
            path,
            String::new(),
            format!("may not be more than {max_bytes} {bytes}"),
        )
    }

    /// `path: Too many: actual: must have at most max items`.
    #[cold]
    pub fn too_many(path: &Path<'_>, actual: usize, max: usize) -> Self {
        let items = if max == 1 { "item" } else { "items" };
        Self::new(ErrorType::TooMany, path, actual.to_string(), format!("must have at most {max} {items}"))
    }

    /// `path: Internal error: detail`.
    #[cold]
    pub fn internal(path: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Internal, path, String::new(), detail)
    }

    /// The message without the field: what a status cause carries.
    pub fn body(&self) -> String {
        let mut body = self.kind.words().to_owned();
        for part in [&self.value, &self.detail] {
            if !part.is_empty() {
                body.push_str(": ");
                body.push_str(part);
            }
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for Error {}

/// All that is wrong with an object, in the order found.
pub type ErrorList = Vec<Error>;

/// All of them as one message, each text once and in brackets if there are several; upstream's `ToAggregate`.
pub fn aggregate(errors: &[Error]) -> String {
    let mut seen: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    if let [only] = seen.as_slice() { only.clone() } else { format!("[{}]", seen.join(", ")) }
}

/// How a value is shown inside an error: strings quoted as Go's `%q` does, the rest as JSON.
pub trait Shown {
    /// The printed value.
    fn shown(&self) -> String;
}

impl Shown for str {
    fn shown(&self) -> String {
        quote(self)
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        quote(self)
    }
}

impl Shown for Value {
    fn shown(&self) -> String {
        match self {
            Value::String(text) => quote(text),
            other => other.to_string(),
        }
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

macro_rules! shown_as_printed {
    ($($number:ty),*) => {$(
        impl Shown for $number {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
shown_as_printed!(i32, i64, u16, u32, u64, usize, f64, bool);

/// Quotes a string as Go's `%q` does.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_upstream_prints_them() {
        let spec = Path::new("spec");
        let ports = spec.child("ports");
        let first = ports.index(0);
        assert_eq!(first.child("name").to_string(), "spec.ports[0].name");
        assert_eq!(Path::ROOT.child("spec").to_string(), "spec");
        assert_eq!(Path::new("metadata").child("labels").key("a/b").to_string(), "metadata.labels[a/b]");
    }

    #[test]
    fn errors_print_as_upstream_prints_them() {
        let at = Path::new("spec");
        let cases = [
            (Error::required(&at, ""), "spec: Required value"),
            (Error::invalid(&at, "a\"b", "bad"), r#"spec: Invalid value: "a\"b": bad"#),
            (Error::invalid(&at, -1, "must be positive"), "spec: Invalid value: -1: must be positive"),
            (Error::duplicate(&at, "x"), r#"spec: Duplicate value: "x""#),
            (
                Error::not_supported(&at, "x", &["A", "B"]),
                r#"spec: Unsupported value: "x": supported values: "A", "B""#,
            ),
            (Error::forbidden(&at, "no"), "spec: Forbidden: no"),
            (Error::too_many(&at, 3, 1), "spec: Too many: 3: must have at most 1 item"),
            (Error::too_long(&at, 63), "spec: Too long: may not be more than 63 bytes"),
            (Error::too_long(&at, 1), "spec: Too long: may not be more than 1 byte"),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
