//! Texts: short ones live in their place.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use compact_str::{CompactString, ToCompactString, format_compact};
use serde::{Deserialize, Serialize};

/// A string of a tree, or the name of a field. Up to 24 bytes, which most have, need no memory of their own.
#[derive(Clone, Default, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(CompactString);

impl Text {
    /// What lives as long as the program needs no memory either.
    #[inline]
    pub const fn from_static(text: &'static str) -> Self {
        Text(CompactString::const_new(text))
    }

    /// Several texts in a row.
    pub fn concat<const N: usize>(parts: [&str; N]) -> Self {
        let mut text = CompactString::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| text.push_str(part));
        Text(text)
    }

    /// Whatever has a text, as that text.
    pub fn of(shown: &(impl fmt::Display + ?Sized)) -> Self {
        Text(format_compact!("{shown}"))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether two texts are the same: they are looked at in pieces, the last of which overlap, and without a call.
#[inline]
pub(super) fn same(one: &str, two: &str) -> bool {
    let (one, two) = (one.as_bytes(), two.as_bytes());
    one.len() == two.len()
        && match one.len() {
            0..4 => one.iter().eq(two),
            4..8 => one.first_chunk::<4>() == two.first_chunk() && same_end::<4>(one, two),
            8..=16 => one.first_chunk::<8>() == two.first_chunk() && same_end::<8>(one, two),
            _ => {
                let (pieces, others) = (one.as_chunks::<16>().0, two.as_chunks::<16>().0);
                pieces.iter().zip(others).all(|(one, two)| one == two) && same_end::<16>(one, two)
            }
        }
}

#[inline]
fn same_end<const N: usize>(one: &[u8], two: &[u8]) -> bool {
    matches!((one.last_chunk::<N>(), two.last_chunk::<N>()), (Some(one), Some(two)) if one == two)
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        same(self, other)
    }
}

impl Ord for Text {
    /// In the order of their bytes, the first of which mostly tells.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.as_bytes().first(), other.as_bytes().first()) {
            (Some(one), Some(two)) if one != two => one.cmp(two),
            _ => self.as_str().cmp(other),
        }
    }
}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

macro_rules! from {
    ($($kind:ty)*) => {$(
        impl From<$kind> for Text {
            #[inline]
            fn from(text: $kind) -> Self {
                Text(text.into())
            }
        }
    )*};
}

from!(&str &String String Cow<'_, str>);

impl From<char> for Text {
    fn from(c: char) -> Self {
        Text(c.to_compact_string())
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.as_str().to_owned()
    }
}

macro_rules! equals {
    ($($kind:ty)*) => {$(
        impl PartialEq<$kind> for Text {
            fn eq(&self, other: &$kind) -> bool {
                **self == other[..]
            }
        }

        impl PartialEq<Text> for $kind {
            fn eq(&self, other: &Text) -> bool {
                self[..] == **other
            }
        }
    )*};
}

equals!(str &str String);
