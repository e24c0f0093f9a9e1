//! Finds the watchers that a change may concern without asking all of them.
//!
//! A watcher stands in exactly one place: under the name it watches, else under the value it demands of a selectable
//! field (a kubelet's `spec.nodeName`), else under its namespace, else among those that see everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Event;
use super::selection::Selection;
use super::watcher::Watcher;

type Group = BTreeMap<u64, Arc<Watcher>>;

/// The watchers of one collection.
#[derive(Default)]
pub(crate) struct Audience {
    everything: Group,
    by_namespace: BTreeMap<String, Group>,
    by_name: BTreeMap<String, Group>,
    by_field: BTreeMap<(usize, String), Group>,
    next: u64,
}

enum Seat<'a> {
    Everything,
    Namespace(&'a str),
    Name(&'a str),
    Field(usize, &'a str),
}

impl Audience {
    /// Takes a watcher in; the number is needed to leave again.
    pub(crate) fn join(&mut self, watcher: Arc<Watcher>) -> u64 {
        self.next += 1;
        let id = self.next;
        let group = match seat(&watcher.selection) {
            Seat::Everything => &mut self.everything,
            Seat::Namespace(namespace) => self.by_namespace.entry(namespace.to_owned()).or_default(),
            Seat::Name(name) => self.by_name.entry(name.to_owned()).or_default(),
            Seat::Field(place, value) => self.by_field.entry((place, value.to_owned())).or_default(),
        };
        group.insert(id, watcher.clone());
        id
    }

    /// Lets a watcher go.
    pub(crate) fn leave(&mut self, id: u64, selection: &Selection) {
        match seat(selection) {
            Seat::Everything => {
                self.everything.remove(&id);
            }
            Seat::Namespace(namespace) => remove(&mut self.by_namespace, &namespace.to_owned(), id),
            Seat::Name(name) => remove(&mut self.by_name, &name.to_owned(), id),
            Seat::Field(place, value) => remove(&mut self.by_field, &(place, value.to_owned()), id),
        }
    }

    /// Tells everyone whom it may concern.
    pub(crate) fn tell(&self, event: &Event) {
        let tell = |group: Option<&Group>| group.into_iter().flatten().for_each(|(_, one)| one.tell(event));
        tell(Some(&self.everything));
        let Some(any) = event.versions().next() else { return };
        tell(self.by_namespace.get(any.object.namespace()));
        tell(self.by_name.get(any.object.name()));
        if !self.by_field.is_empty() {
            self.tell_by_field(event, &tell);
        }
    }

    fn tell_by_field<'a>(&'a self, event: &Event, tell: &dyn Fn(Option<&'a Group>)) {
        let mut told: Vec<(usize, &str)> = Vec::new();
        for version in event.versions() {
            for (place, value) in version.fields.iter().enumerate() {
                if !value.is_empty() && !told.contains(&(place, value)) {
                    told.push((place, value));
                    tell(self.by_field.get(&(place, value.to_string())));
                }
            }
        }
    }

    /// Every watcher, in an order that is the same on every machine.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Watcher>> {
        let some = self.by_namespace.values().chain(self.by_name.values()).chain(self.by_field.values());
        std::iter::once(&self.everything).chain(some).flat_map(BTreeMap::values)
    }
}

fn seat(selection: &Selection) -> Seat<'_> {
    match selection.indexable() {
        _ if !selection.name.is_empty() => Seat::Name(&selection.name),
        Some((place, value)) => Seat::Field(place, value),
        None if !selection.namespace.is_empty() => Seat::Namespace(&selection.namespace),
        None => Seat::Everything,
    }
}

fn remove<K: Ord>(groups: &mut BTreeMap<K, Group>, key: &K, id: u64) {
    if let Some(group) = groups.get_mut(key) {
        group.remove(&id);
        if group.is_empty() {
            groups.remove(key);
        }
    }
}
