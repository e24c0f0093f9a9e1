//! A few fields: an array sorted by their names, with a mark of each name by which it is found.

use super::text::same;
use super::{Text, Value};

/// A field: its name and its value.
pub(super) type Field = (Text, Value);

/// Marks that are looked at together.
const WORD: usize = size_of::<u64>();

/// Up to this many fields are found by their marks; more, by halving.
const MARKED: usize = 2 * WORD;

type Marks = [[u8; WORD]; 2];

/// Fields in the order of their names, each name once.
#[derive(Clone, Default)]
pub(super) struct Rows {
    /// A byte that names of fields mostly differ in, of each of the fields if there are no more than are marked.
    marks: Marks,
    fields: Vec<Field>,
}

impl Rows {
    pub(super) fn with_capacity(fields: usize) -> Self {
        Rows { marks: Marks::default(), fields: Vec::with_capacity(fields) }
    }

    /// These fields, which are sorted.
    pub(super) fn sorted(fields: Vec<Field>) -> Self {
        let mut rows = Rows { marks: Marks::default(), fields };
        rows.mark();
        rows
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// To change their values, and nothing else.
    pub(super) fn fields_mut(&mut self) -> &mut [Field] {
        &mut self.fields
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        self.fields
    }

    /// A field of this name, which has this mark, and where it is.
    #[inline]
    pub(super) fn find(&self, name: &str, mark: u8) -> Option<(usize, &Field)> {
        let marked = equal_bytes(self.marks[0], mark);
        if marked == 0 && self.fields.len() <= WORD {
            return None;
        }
        // Mostly the first that has the mark is it; and whatever has the name is it.
        let place = marked.trailing_zeros() as usize / 8;
        match self.fields.get(place) {
            Some(field) if same(&field.0, name) => Some((place, field)),
            _ => self.search(name, mark),
        }
    }

    /// The same, wherever it is.
    #[inline(never)]
    fn search(&self, name: &str, mark: u8) -> Option<(usize, &Field)> {
        let field = |place| self.fields.get(place).map(|field| (place, field));
        if self.fields.len() > MARKED {
            let place = self.fields.binary_search_by(|(one, _)| one.as_str().cmp(name)).ok()?;
            return field(place);
        }
        for (word, marks) in self.marks.iter().enumerate() {
            let mut marked = equal_bytes(*marks, mark);
            while marked != 0 {
                let found = field(word * WORD + marked.trailing_zeros() as usize / 8);
                if let Some((_, (one, _))) = found
                    && same(one, name)
                {
                    return found;
                }
                marked &= marked - 1;
            }
        }
        None
    }

    /// Where a field that is not there would be.
    pub(super) fn place(&self, name: &Text) -> usize {
        match self.fields.last() {
            Some((last, _)) if last > name => self.fields.partition_point(|(one, _)| one < name),
            _ => self.fields.len(),
        }
    }

    /// Puts a field where it belongs.
    pub(super) fn insert(&mut self, place: usize, field: Field) {
        if self.fields.len() < MARKED {
            let marks = self.marks.as_flattened_mut();
            marks.copy_within(place..MARKED - 1, place + 1);
            marks[place] = mark(&field.0);
        }
        self.fields.insert(place, field);
    }

    pub(super) fn remove(&mut self, place: usize) -> Field {
        let removed = self.fields.remove(place);
        if self.fields.len() < MARKED {
            self.marks.as_flattened_mut().copy_within(place + 1.., place);
        } else {
            self.mark();
        }
        removed
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&mut Field) -> bool) {
        let before = self.fields.len();
        self.fields.retain_mut(keep);
        if self.fields.len() != before {
            self.mark();
        }
    }

    fn mark(&mut self) {
        if self.fields.len() <= MARKED {
            let marks = self.marks.as_flattened_mut().iter_mut();
            marks.zip(&self.fields).for_each(|(own, (name, _))| *own = mark(name));
        }
    }
}

/// Its length and its ends tell one name of an object from most others. Of a name that is written in a program, a
/// compiler knows them.
#[inline]
pub(super) fn mark(name: &str) -> u8 {
    match name.as_bytes() {
        [] => 0,
        [only] => *only,
        [first, .., last] => {
            first.wrapping_mul(3) ^ last.wrapping_mul(7) ^ (name.len() as u8).wrapping_mul(37)
        }
    }
}

/// The top bit of each byte that is equal, and perhaps of some above the lowest of them that are not.
#[inline]
fn equal_bytes(bytes: [u8; WORD], wanted: u8) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES << 7;
    let zero_where_equal = u64::from_le_bytes(bytes) ^ (ONES * u64::from(wanted));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & TOPS
}

/// Sorts fields by their names; of those that have the same, the last stays.
pub(super) fn sort(fields: &mut Vec<Field>) {
    if fields.is_sorted_by(|one, two| one.0 < two.0) {
        return;
    }
    fields.sort_by(|one, two| one.0.cmp(&two.0));
    // What goes is the later one, and so it leaves its value to the earlier one.
    fields.dedup_by(|later, kept| {
        let is_same = later.0 == kept.0;
        if is_same {
            std::mem::swap(&mut later.1, &mut kept.1);
        }
        is_same
    });
}
