//! Holds `Memory` to a naive model: after any transactions, every read at every revision and every watch agree with a
//! list of whole maps, one for each revision.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use proptest::prelude::*;
use steersman_core::store::{
    Batch, Change, Commit, Compare, Entry, Range, Revision, Store, StoreError, Transaction, Watch, Write,
};
use steersman_store::Memory;

/// Few enough that keys are hit often; some are prefixes of others.
const KEYS: &[&str] = &["/a", "/a/", "/a/1", "/a/2", "/b/1", "/b/2", "/b/\u{ff}", "/c"];
const PREFIXES: &[&str] = &["", "/", "/a", "/a/", "/b/", "/c", "/none"];

#[derive(Clone, Debug)]
enum Step {
    Commit { compares: Vec<(usize, Expectation)>, writes: Vec<(usize, Option<u8>)> },
    Read { prefix: usize, limit: usize, back: u64 },
    Watch { prefix: usize, back: u64 },
    Drain { watch: usize },
    Progress,
    Compact { back: u64 },
}

#[derive(Clone, Copy, Debug)]
enum Expectation {
    Absent,
    Current,
    Stale,
}

type Map = BTreeMap<Bytes, Entry>;

/// One map for each revision, and the oldest that may still be asked for.
struct Model {
    maps: Vec<Map>,
    oldest: u64,
}

struct Watching {
    watch: Watch,
    prefix: usize,
    after: u64,
    seen: Vec<Batch>,
}

proptest! {
    // Long rather than many, so that reads go back over the store's checkpoints.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn memory_agrees_with_a_list_of_maps(steps in prop::collection::vec(step(), 1..1500)) {
        let (store, mut model, mut watches) = (Memory::new(), Model::new(), Vec::new());
        for step in steps {
            take(&store, &mut model, &mut watches, step);
        }
        for watching in &mut watches {
            watching.drain();
            prop_assert_eq!(&watching.seen, &model.changes(watching.prefix, watching.after));
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let compare = (
        0..KEYS.len(),
        prop_oneof![Just(Expectation::Absent), Just(Expectation::Current), Just(Expectation::Stale)],
    );
    let write = (0..KEYS.len(), prop::option::weighted(0.7, any::<u8>()));
    let commit = (prop::collection::vec(compare, 0..2), prop::collection::vec(write, 0..4));
    prop_oneof![
        8 => commit.prop_map(|(compares, writes)| Step::Commit { compares, writes }),
        4 => (0..PREFIXES.len(), 0..4_usize, 0..400_u64)
            .prop_map(|(prefix, limit, back)| Step::Read { prefix, limit, back }),
        1 => (0..PREFIXES.len(), 0..50_u64).prop_map(|(prefix, back)| Step::Watch { prefix, back }),
        1 => (0..8_usize).prop_map(|watch| Step::Drain { watch }),
        1 => Just(Step::Progress),
        1 => (0..400_u64).prop_map(|back| Step::Compact { back }),
    ]
}

fn take(store: &Memory, model: &mut Model, watches: &mut Vec<Watching>, step: Step) {
    match step {
        Step::Commit { compares, writes } => {
            let transaction = model.transaction(&compares, &writes);
            let expected = model.commit(&transaction);
            let outcome = block_on(store.commit(transaction));
            assert_eq!(format!("{outcome:?}"), format!("{expected:?}"));
        }
        Step::Read { prefix, limit, back } => read(store, model, prefix, limit, back),
        Step::Watch { prefix, back } => {
            let after = model.newest().saturating_sub(back);
            match block_on(store.watch(PREFIXES[prefix].into(), Revision(after))) {
                Ok(watch) => watches.push(Watching { watch, prefix, after, seen: Vec::new() }),
                Err(error) => assert_eq!(error, model.compacted(after)),
            }
        }
        Step::Drain { watch } => watches.get_mut(watch).into_iter().for_each(Watching::drain),
        Step::Progress => block_on(store.request_progress()).expect("a memory store always answers"),
        Step::Compact { back } => {
            let revision = model.newest().saturating_sub(back);
            block_on(store.compact(Revision(revision))).expect("the revision has happened");
            model.oldest = model.oldest.max(revision);
        }
    }
}

fn read(store: &Memory, model: &Model, prefix: usize, limit: usize, back: u64) {
    let at = model.newest().saturating_sub(back);
    let range = Range { prefix: PREFIXES[prefix].into(), start: None, limit, at: Some(Revision(at)) };
    match block_on(store.range(range)) {
        Err(error) => assert_eq!(error, model.compacted(at)),
        Ok(page) => {
            let mut expected: Vec<Entry> = model.under(prefix, at).values().cloned().collect();
            let rest =
                expected.split_off(if limit == 0 { expected.len() } else { limit.min(expected.len()) });
            assert_eq!((page.entries, page.remaining, page.revision), (expected, rest.len(), Revision(at)));
        }
    }
}

impl Watching {
    fn drain(&mut self) {
        while let Some(Some(batch)) = self.watch.next().now_or_never() {
            let batch = batch.expect("the watch keeps up");
            if !batch.changes.is_empty() {
                self.seen.push(batch);
            }
        }
    }
}

impl Model {
    fn new() -> Self {
        Model { maps: vec![Map::new()], oldest: 0 }
    }

    fn newest(&self) -> u64 {
        self.maps.len() as u64 - 1
    }

    fn current(&self) -> &Map {
        &self.maps[self.maps.len() - 1]
    }

    fn compacted(&self, asked: u64) -> StoreError {
        assert!(asked < self.oldest, "revision {asked} was refused, but is kept");
        StoreError::Compacted { asked: Revision(asked), oldest: Revision(self.oldest) }
    }

    fn transaction(&self, compares: &[(usize, Expectation)], writes: &[(usize, Option<u8>)]) -> Transaction {
        let compares = compares.iter().map(|(key, expectation)| self.compare(KEYS[*key], *expectation));
        let writes: BTreeMap<_, _> =
            writes.iter().map(|(key, value)| (KEYS[*key], write(*key, *value))).collect();
        Transaction { compares: compares.collect(), writes: writes.into_values().collect() }
    }

    fn compare(&self, key: &'static str, expectation: Expectation) -> Compare {
        let modified = self.current().get(key.as_bytes()).map_or(0, |entry| entry.modified.0);
        match expectation {
            Expectation::Absent => Compare::Absent(key.into()),
            Expectation::Current => Compare::ModifiedAt(key.into(), Revision(modified)),
            Expectation::Stale => Compare::ModifiedAt(key.into(), Revision(modified + 1)),
        }
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<Commit, StoreError> {
        let mut map = self.current().clone();
        let holds = |compare: &Compare| match compare {
            Compare::Absent(key) => !map.contains_key(key),
            Compare::ModifiedAt(key, at) => map.get(key).is_some_and(|entry| entry.modified == *at),
        };
        if !transaction.compares.iter().all(holds) {
            return Ok(Commit::Refused(
                transaction.compares.iter().map(|c| map.get(compared(c)).cloned()).collect(),
            ));
        }
        let revision = Revision(self.newest() + 1);
        let changes = transaction.writes.iter().filter(|write| apply(&mut map, write, revision)).count();
        if changes > 0 {
            self.maps.push(map);
        }
        Ok(Commit::Done(Revision(self.newest())))
    }

    fn under(&self, prefix: usize, at: u64) -> Map {
        let mut map = self.maps[at as usize].clone();
        map.retain(|key, _| key.starts_with(PREFIXES[prefix].as_bytes()));
        map
    }

    /// What a watch must deliver: the differences between consecutive maps.
    fn changes(&self, prefix: usize, after: u64) -> Vec<Batch> {
        let batches = (after + 1..=self.newest()).map(|revision| {
            let (before, now) = (self.under(prefix, revision - 1), self.under(prefix, revision));
            Batch { revision: Revision(revision), changes: differences(&before, &now).into() }
        });
        batches.filter(|batch| !batch.changes.is_empty()).collect()
    }
}

fn compared(compare: &Compare) -> &Bytes {
    let (Compare::Absent(key) | Compare::ModifiedAt(key, _)) = compare;
    key
}

fn write(key: usize, value: Option<u8>) -> Write {
    let key = KEYS[key].into();
    match value {
        Some(value) => Write::Put { key, value: vec![value].into(), ttl: None },
        None => Write::Delete { key },
    }
}

fn apply(map: &mut Map, write: &Write, modified: Revision) -> bool {
    match write {
        Write::Put { key, value, .. } => {
            let created = map.get(key).map_or(modified, |entry| entry.created);
            let entry = Entry { key: key.clone(), value: value.clone(), created, modified };
            map.insert(key.clone(), entry);
            true
        }
        Write::Delete { key } => map.remove(key).is_some(),
    }
}

/// In the order of the keys, in which the model's transactions write.
fn differences(before: &Map, now: &Map) -> Vec<Change> {
    let keys: std::collections::BTreeSet<&Bytes> = before.keys().chain(now.keys()).collect();
    let change = |key: &Bytes| Change {
        key: key.clone(),
        now: now.get(key).cloned(),
        before: before.get(key).cloned(),
    };
    keys.into_iter().map(change).filter(|change| change.now != change.before).collect()
}
