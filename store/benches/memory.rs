//! What the memory store costs: commit, get, a range of 10,000, and delivery to 100 watches.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use steersman_core::store::{Range, Revision, Store, Transaction, Write};
use steersman_store::Memory;

const KEYS: usize = 10_000;
const WATCHES: usize = 100;

criterion_group!(benches, commit, get, range, fan_out);
criterion_main!(benches);

fn commit(c: &mut Criterion) {
    let store = filled();
    let mut n = 0;
    c.bench_function("commit", |b| {
        b.iter(|| {
            n = (n + 7919) % KEYS;
            put(&store, n);
        });
    });
}

fn get(c: &mut Criterion) {
    let store = filled();
    c.bench_function("get", |b| b.iter(|| block_on(store.get(b"/registry/pods/default/pod-05000"))));
}

fn range(c: &mut Criterion) {
    let store = filled();
    let range = Range { prefix: "/registry/pods/".into(), ..Range::default() };
    let mut group = c.benchmark_group("range");
    group.throughput(Throughput::Elements(KEYS as u64));
    group.bench_function("newest", |b| b.iter(|| block_on(store.range(range.clone()))));
    let old = Range { at: Some(Revision(KEYS as u64 - 200)), ..range.clone() };
    group.bench_function("200 revisions ago", |b| b.iter(|| block_on(store.range(old.clone()))));
}

/// 100 watches are each delivered 10,000 updates, read 100 at a time.
fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("watch");
    group.throughput(Throughput::Elements((WATCHES * KEYS) as u64)).sample_size(10);
    group.bench_function("100 watches x 10,000 updates", |b| {
        b.iter_batched(filled, |store| deliver(&store), BatchSize::PerIteration);
    });
}

fn deliver(store: &Memory) {
    let newest = block_on(store.revision()).expect("a memory store always answers");
    let watch = || block_on(store.watch("/registry/pods/".into(), newest)).expect("the revision is kept");
    let mut watches: Vec<_> = (0..WATCHES).map(|_| watch()).collect();
    let mut delivered = 0;
    for n in 0..KEYS {
        put(store, n);
        if n % 100 == 99 {
            for watch in &mut watches {
                while let Some(Some(Ok(_))) = watch.next().now_or_never() {
                    delivered += 1;
                }
            }
        }
    }
    assert_eq!(delivered, WATCHES * KEYS);
}

fn filled() -> Memory {
    let store = Memory::new();
    (0..KEYS).for_each(|n| put(&store, n));
    store
}

fn put(store: &Memory, n: usize) {
    let key = format!("/registry/pods/default/pod-{n:05}").into();
    let write = Write::Put { key, value: vec![b'x'; 1024].into(), ttl: None };
    let transaction = Transaction { compares: Vec::new(), writes: vec![write] };
    block_on(store.commit(transaction)).expect("nothing is compared");
}
