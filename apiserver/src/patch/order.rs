//! Puts the elements of a merged list in order: as the patch orders them, then as they stood before.

use steersman_core::tree::Value;

/// What tells the elements of a list apart.
#[derive(Clone, Copy)]
pub(super) enum Identity<'a> {
    /// The elements themselves.
    Whole,
    /// The value of this field.
    Key(&'a str),
}

impl Identity<'_> {
    /// What stands for an element in comparisons.
    pub(super) fn of<'v>(&self, element: &'v Value) -> Option<&'v Value> {
        match self {
            Identity::Whole => Some(element),
            Identity::Key(key) => element.get(key),
        }
    }

    /// What stands for each element of a list.
    pub(super) fn all(&self, list: &[Value]) -> Vec<Option<Value>> {
        list.iter().map(|element| self.of(element).cloned()).collect()
    }

    /// Where the list has an element that is told apart from none other than this.
    pub(super) fn position(&self, list: &[Value], element: &Value) -> Option<usize> {
        let wanted = self.of(element);
        list.iter().position(|one| self.of(one) == wanted)
    }

    fn place(&self, order: &[Option<Value>], element: &Value) -> Option<usize> {
        let wanted = self.of(element);
        order.iter().position(|one| one.as_ref() == wanted)
    }
}

/// Orders `merged`: elements that `patch` names in its order, the others as in `server`; between the two, an element
/// of the server's goes first where it stood before the other, and after it in doubt.
pub(super) fn ordered(
    merged: Vec<Value>,
    patch: &[Option<Value>],
    server: &[Option<Value>],
    identity: Identity<'_>,
) -> Vec<Value> {
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|element| identity.place(patch, element).is_some());
    sort(&mut named, patch, identity);
    sort(&mut others, server, identity);
    interleave(others, named, server, identity)
}

fn sort(list: &mut [Value], order: &[Option<Value>], identity: Identity<'_>) {
    list.sort_by_key(|element| identity.place(order, element).unwrap_or(usize::MAX));
}

fn interleave(
    left: Vec<Value>,
    right: Vec<Value>,
    server: &[Option<Value>],
    identity: Identity<'_>,
) -> Vec<Value> {
    let is_before = |left: &Value, right: &Value| {
        let places = (identity.place(server, left), identity.place(server, right));
        matches!(places, (Some(left), Some(right)) if left < right)
    };
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut all = Vec::with_capacity(left.len() + right.len());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) if is_before(one, other) => left.next(),
            (_, Some(_)) => right.next(),
            (_, None) => left.next(),
        };
        match next {
            Some(element) => all.push(element),
            None => return all,
        }
    }
}
