//! Paths of fields that the program knows.

use super::element::Element;

/// Paths of fields, as seen from a place that they all lead through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paths<'a> {
    /// Each is a list of names; those that begin alike stand together.
    paths: &'a [&'a [&'a str]],
    /// How many steps lead to the place.
    depth: usize,
}

impl<'a> Paths<'a> {
    /// None at all.
    pub(super) const NONE: Self = Paths::from_root(&[]);

    /// Paths from the whole object.
    pub(super) const fn from_root(paths: &'a [&'a [&'a str]]) -> Self {
        Paths { paths, depth: 0 }
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.paths.is_empty()
    }

    /// Whether one of them ends here.
    #[inline]
    pub(super) fn end_here(self) -> bool {
        self.paths.iter().any(|path| path.len() == self.depth)
    }

    /// Those that lead on through a field.
    #[inline]
    pub(super) fn below(self, field: &str) -> Self {
        if self.is_empty() { self } else { self.leading_on(field) }
    }

    fn leading_on(self, field: &str) -> Self {
        let leads_on = |path: &&[&str]| path.get(self.depth) == Some(&field);
        let Some(start) = self.paths.iter().position(leads_on) else { return Paths::NONE };
        let count = self.paths[start..].iter().take_while(|path| leads_on(path)).count();
        Paths { paths: &self.paths[start..start + count], depth: self.depth + 1 }
    }

    /// Those that lead on through a step; none through an element of a list.
    pub(super) fn beyond(self, step: &Element<'_>) -> Self {
        step.field_name().map_or(Paths::NONE, |field| self.below(field))
    }
}
