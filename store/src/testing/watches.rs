//! What a store promises of its watches: ordered, unique, gapless, atomic, resumable.

use steersman_core::store::{Batch, Revision, StoreError};

use super::scene::{Reader, Scene, delete, put, told};

/// Revision 0 is before everything.
pub async fn a_watch_from_zero_delivers_everything(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.put("/a", "2").await;
    scene.delete("/a").await;
    let batches = scene.watch("/", Revision(0)).await.catch_up().await;
    assert_eq!(told(&batches), ["+/a=1", "~/a=2", "-/a"]);
    assert_eq!(revisions(&batches), [1, 2, 3]);
}

/// The revision that a watch starts from is itself not delivered.
pub async fn a_watch_delivers_what_comes_after_its_revision(scene: &Scene) {
    for value in ["1", "2", "3"] {
        scene.put("/a", value).await;
    }
    assert_eq!(told(&scene.watch("/", Revision(2)).await.catch_up().await), ["~/a=3"]);
    let mut newest = scene.watch("/", Revision(3)).await;
    scene.put("/a", "4").await;
    assert_eq!(told(&newest.catch_up().await), ["~/a=4"]);
}

/// Between what is delivered from history and what happens while watching there is no gap and no overlap.
pub async fn a_watch_delivers_later_changes(scene: &Scene) {
    scene.put("/a", "1").await;
    let mut reader = scene.watch("/", Revision(0)).await;
    scene.put("/b", "1").await;
    assert_eq!(told(&reader.catch_up().await), ["+/a=1", "+/b=1"]);
    scene.delete("/a").await;
    assert_eq!(told(&reader.catch_up().await), ["-/a"]);
}

/// A change elsewhere is not delivered, also not as an empty part of a transaction.
pub async fn a_watch_sees_only_its_prefix(scene: &Scene) {
    let mut reader = scene.watch("/pods/", Revision(0)).await;
    scene.put("/pods.metrics/a", "1").await;
    scene.put("/pods/a", "1").await;
    scene.commit(Vec::new(), vec![put("/nodes/a", "2"), put("/pods/a", "2"), put("/z", "2")]).await;
    scene.put("/pods", "1").await;
    let expected = ["+/pods/a=1", "~/pods/a=2"];
    assert_eq!(told(&reader.catch_up().await), expected);
    assert_eq!(told(&scene.watch("/pods/", Revision(0)).await.catch_up().await), expected);
}

/// A change carries the whole entry before and after it; a deletion the whole entry before it.
pub async fn a_deletion_carries_the_previous_entry(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.put("/a", "2").await;
    let last = scene.get("/a").await;
    scene.delete("/a").await;
    let batches = scene.watch("/", Revision(1)).await.catch_up().await;
    let (update, deletion) = (&batches[0].changes[0], &batches[1].changes[0]);
    assert_eq!(update.before.as_ref().map(|entry| entry.modified), Some(Revision(1)));
    assert_eq!(update.now, last);
    assert_eq!((&deletion.before, &deletion.now), (&last, &None));
}

/// The changes of a transaction come together, in the order of its writes.
pub async fn a_transaction_is_delivered_as_one(scene: &Scene) {
    scene.put("/b", "1").await;
    let mut reader = scene.watch("/", Revision(1)).await;
    scene.commit(Vec::new(), vec![put("/c", "2"), delete("/b"), put("/a", "2"), delete("/absent")]).await;
    let batches = reader.catch_up().await;
    assert_eq!(revisions(&batches), [2]);
    assert_eq!(told(&batches), ["+/c=2", "-/b", "+/a=2"]);
}

/// History that is gone is not silently skipped.
pub async fn a_watch_from_a_compacted_revision_is_refused(scene: &Scene) {
    for value in ["1", "2", "3"] {
        scene.put("/a", value).await;
    }
    scene.store().compact(Revision(2)).await.expect("compact");
    let refused = StoreError::Compacted { asked: Revision(1), oldest: Revision(2) };
    assert_eq!(scene.watch_error(Revision(1)).await, refused);
}

/// Who has listed at the compacted revision can go on from there.
pub async fn a_watch_from_the_compacted_revision_itself_works(scene: &Scene) {
    for value in ["1", "2", "3"] {
        scene.put("/a", value).await;
    }
    scene.store().compact(Revision(2)).await.expect("compact");
    assert_eq!(told(&scene.watch("/", Revision(2)).await.catch_up().await), ["~/a=3"]);
}

/// What a watch is still to be given is kept for it.
pub async fn compaction_leaves_running_watches_alone(scene: &Scene) {
    scene.put("/a", "1").await;
    let mut reader = scene.watch("/", Revision(0)).await;
    scene.put("/a", "2").await;
    scene.store().compact(Revision(2)).await.expect("compact");
    scene.put("/a", "3").await;
    assert_eq!(told(&reader.catch_up().await), ["+/a=1", "~/a=2", "~/a=3"]);
}

/// Whoever knows a revision that the store does not know talks to the wrong store.
pub async fn a_watch_from_the_future_is_refused(scene: &Scene) {
    scene.put("/a", "1").await;
    let refused = StoreError::Future { asked: Revision(2), newest: Revision(1) };
    assert_eq!(scene.watch_error(Revision(2)).await, refused);
}

/// However writers race, every watch delivers every revision once and in order, and all deliver the same.
pub async fn watches_agree_under_concurrent_writers(scene: &Scene) {
    const WRITERS: usize = 4;
    const WRITES: usize = 100;
    let mut early = scene.watch("/", Revision(0)).await;
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            threads.spawn(move || {
                for n in 0..WRITES {
                    super::block_on(scene.put(&format!("/{writer}"), &n.to_string()));
                }
            });
        }
    });
    let batches = early.catch_up().await;
    let all: Vec<u64> = (1..=(WRITERS * WRITES) as u64).collect();
    assert_eq!(revisions(&batches), all);
    assert_eq!(scene.watch("/", Revision(0)).await.catch_up().await, batches);
    assert_eq!(scene.watch("/", Revision(200)).await.catch_up().await, batches[200..]);
}

/// A watch that is not read either gets everything in the end, or is told [`StoreError::Lagged`] and ends; in no case
/// does it skip a revision or hold up a writer.
pub async fn a_slow_watch_is_cut_off_or_misses_nothing(scene: &Scene) {
    const WRITES: u64 = 25_000;
    let mut slow = scene.watch("/", Revision(0)).await;
    for _ in 0..WRITES {
        scene.put("/a", "1").await;
    }
    match slow.marked().await {
        Ok(batches) => assert_eq!(revisions(&batches), (1..=WRITES).collect::<Vec<_>>()),
        Err(error) => ended(&mut slow, error).await,
    }
}

async fn ended(reader: &mut Reader, error: StoreError) {
    assert_eq!(error, StoreError::Lagged);
    assert_eq!(reader.next().await, None);
}

fn revisions(batches: &[Batch]) -> Vec<u64> {
    batches.iter().map(|batch| batch.revision.0).collect()
}
