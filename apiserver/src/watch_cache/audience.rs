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
    /// By the place of the field among those that can be selected by, and its value.
    by_field: BTreeMap<usize, BTreeMap<String, Group>>,
    /// How many of them ask for the values of selectable fields.
    asking: usize,
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
            Seat::Field(place, value) => {
                self.by_field.entry(place).or_default().entry(value.to_owned()).or_default()
            }
        };
        group.insert(id, watcher.clone());
        self.asking += usize::from(watcher.selection.asks_for_fields());
        id
    }

    /// Lets a watcher go.
    pub(crate) fn leave(&mut self, id: u64, selection: &Selection) {
        self.asking -= usize::from(selection.asks_for_fields());
        match seat(selection) {
            Seat::Everything => {
                self.everything.remove(&id);
            }
            Seat::Namespace(namespace) => remove(&mut self.by_namespace, namespace, id),
            Seat::Name(name) => remove(&mut self.by_name, name, id),
            Seat::Field(place, value) => {
                let values = self.by_field.entry(place).or_default();
                remove(values, value, id);
                if values.is_empty() {
                    self.by_field.remove(&place);
                }
            }
        }
    }

    /// Whether anybody asks for the values of selectable fields.
    pub(crate) fn asks_for_fields(&self) -> bool {
        self.asking > 0
    }

    /// Tells everyone whom it may concern.
    pub(crate) fn tell(&self, event: &Event) {
        let tell = |group: Option<&Group>| group.into_iter().flatten().for_each(|(_, one)| one.tell(event));
        tell(Some(&self.everything));
        let Some(any) = event.versions().next() else { return };
        tell(self.by_namespace.get(any.object.namespace()));
        tell(self.by_name.get(any.object.name()));
        for (place, groups) in &self.by_field {
            let mut told = "";
            for value in event.versions().map(|version| version.field(*place)) {
                if !value.is_empty() && value != told {
                    told = value;
                    tell(groups.get(value));
                }
            }
        }
    }

    /// Every watcher, in an order that is the same on every machine.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Watcher>> {
        let by_field = self.by_field.values().flat_map(BTreeMap::values);
        let some = self.by_namespace.values().chain(self.by_name.values()).chain(by_field);
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

fn remove(groups: &mut BTreeMap<String, Group>, key: &str, id: u64) {
    if let Some(group) = groups.get_mut(key) {
        group.remove(&id);
        if group.is_empty() {
            groups.remove(key);
        }
    }
}
