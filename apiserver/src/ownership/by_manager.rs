//! What each manager owns, in the order of the managers. They are few, so this is a list.

use super::managed::{Manager, Owned};

/// Managers, each once, and what they own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ByManager<'a>(Vec<(Manager<'a>, Owned<'a>)>);

impl<'a> ByManager<'a> {
    fn find(&self, manager: &Manager<'_>) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.cmp(manager))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What a manager owns.
    pub(super) fn get(&self, manager: &Manager<'_>) -> Option<&Owned<'a>> {
        self.find(manager).ok().map(|index| &self.0[index].1)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, manager: &Manager<'_>) -> Option<&mut Owned<'a>> {
        self.find(manager).ok().map(|index| &mut self.0[index].1)
    }

    /// The same, made if the manager is new.
    pub(super) fn get_or_insert_with(
        &mut self,
        manager: Manager<'a>,
        make: impl FnOnce() -> Owned<'a>,
    ) -> &mut Owned<'a> {
        let index = self.find(&manager).unwrap_or_else(|index| {
            self.0.insert(index, (manager, make()));
            index
        });
        &mut self.0[index].1
    }

    /// Sets what a manager owns, and gives what that was.
    pub(super) fn insert(&mut self, manager: Manager<'a>, owned: Owned<'a>) -> Option<Owned<'a>> {
        match self.find(&manager) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, owned)),
            Err(index) => {
                self.0.insert(index, (manager, owned));
                None
            }
        }
    }

    /// Takes a manager out, and gives what it owned.
    pub(super) fn remove(&mut self, manager: &Manager<'_>) -> Option<Owned<'a>> {
        self.find(manager).ok().map(|index| self.0.remove(index).1)
    }

    /// Keeps the managers for which it is said.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Manager<'a>, &mut Owned<'a>) -> bool) {
        self.0.retain_mut(|(manager, owned)| keep(manager, owned));
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Manager<'a>, &Owned<'a>)> {
        self.0.iter().map(|(manager, owned)| (manager, owned))
    }

    /// The same, to change what they own.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Manager<'a>, &mut Owned<'a>)> {
        self.0.iter_mut().map(|(manager, owned)| (&*manager, owned))
    }

    /// The same, as a list.
    pub(super) fn into_vec(self) -> Vec<(Manager<'a>, Owned<'a>)> {
        self.0
    }

    /// The managers.
    pub(super) fn into_managers(self) -> impl Iterator<Item = Manager<'a>> {
        self.0.into_iter().map(|(manager, _)| manager)
    }
}

/// Of a manager that comes twice, the last stays.
impl<'a> FromIterator<(Manager<'a>, Owned<'a>)> for ByManager<'a> {
    fn from_iter<I: IntoIterator<Item = (Manager<'a>, Owned<'a>)>>(all: I) -> Self {
        let mut all: Vec<_> = all.into_iter().collect();
        if !all.is_sorted_by(|(one, _), (other, _)| one < other) {
            all.reverse();
            all.sort_by(|(one, _), (other, _)| one.cmp(other));
            all.dedup_by(|(later, _), (first, _)| later == first);
        }
        ByManager(all)
    }
}
