//! What a store promises of its transactions.

use steersman_core::store::{Commit, Compare, Revision, StoreError, Transaction};

use super::scene::{Scene, delete, put};

/// Revision 0 is before the first change; it can be read.
pub async fn an_empty_store_is_at_revision_zero(scene: &Scene) {
    assert_eq!(scene.revision().await, Revision(0));
    assert_eq!(scene.get("/a").await, None);
}

/// Revisions are consecutive, and an entry tells which created and which last wrote it.
pub async fn each_change_raises_the_revision_by_one(scene: &Scene) {
    assert_eq!(scene.put("/a", "1").await, Revision(1));
    assert_eq!(scene.put("/b", "1").await, Revision(2));
    assert_eq!(scene.put("/a", "2").await, Revision(3));
    let entry = scene.get("/a").await.expect("the key exists");
    assert_eq!((entry.created, entry.modified, &*entry.value), (Revision(1), Revision(3), &b"2"[..]));
    assert_eq!(scene.delete("/b").await, Revision(4));
    assert_eq!(scene.revision().await, Revision(4));
}

/// [`Compare::Absent`] holds once; the refusal shows what is there.
pub async fn creating_twice_is_refused(scene: &Scene) {
    let compares = vec![Compare::Absent("/a".into())];
    assert_eq!(scene.commit(compares.clone(), vec![put("/a", "1")]).await, Some(Revision(1)));
    let second = Transaction { compares, writes: vec![put("/a", "2")] };
    let Commit::Refused(current) = scene.store().commit(second).await.expect("commit") else {
        panic!("the key exists");
    };
    assert_eq!(current, [scene.get("/a").await]);
    assert_eq!(current[0].as_ref().map(|entry| &*entry.value), Some(&b"1"[..]));
}

/// [`Compare::ModifiedAt`] holds for the last write only, also for a deletion.
pub async fn a_stale_write_is_refused(scene: &Scene) {
    let first = scene.put("/a", "1").await;
    let second = scene.put("/a", "2").await;
    let at = |revision| vec![Compare::ModifiedAt("/a".into(), revision)];
    assert_eq!(scene.commit(at(first), vec![put("/a", "3")]).await, None);
    assert_eq!(scene.commit(at(first), vec![delete("/a")]).await, None);
    assert_eq!(scene.commit(at(second), vec![put("/a", "3")]).await, Some(Revision(3)));
    assert_eq!(scene.commit(at(Revision(3)), vec![delete("/a")]).await, Some(Revision(4)));
}

/// A key that is not there was not modified at any revision, not even at 0.
pub async fn writing_an_absent_key_at_a_revision_is_refused(scene: &Scene) {
    for revision in [Revision(0), Revision(1)] {
        let compares = vec![Compare::ModifiedAt("/a".into(), revision)];
        assert_eq!(scene.commit(compares, vec![put("/a", "1")]).await, None);
    }
    assert_eq!(scene.get("/a").await, None);
}

/// A key that comes back is a new one: its creation revision is new.
pub async fn a_deleted_key_can_be_created_again(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.delete("/a").await;
    assert_eq!(scene.get("/a").await, None);
    let compares = vec![Compare::Absent("/a".into())];
    assert_eq!(scene.commit(compares, vec![put("/a", "2")]).await, Some(Revision(3)));
    assert_eq!(scene.get("/a").await.expect("the key exists").created, Revision(3));
}

/// Whether a write is worth making is the writer's to decide: the store does not look at values.
pub async fn writing_the_same_value_is_a_change(scene: &Scene) {
    scene.put("/a", "1").await;
    assert_eq!(scene.put("/a", "1").await, Revision(2));
    assert_eq!(scene.get("/a").await.expect("the key exists").modified, Revision(2));
}

/// No writes, or only deletions of absent keys, leave the revision alone.
pub async fn a_transaction_that_changes_nothing_makes_no_revision(scene: &Scene) {
    scene.put("/a", "1").await;
    assert_eq!(scene.commit(Vec::new(), Vec::new()).await, Some(Revision(1)));
    assert_eq!(scene.delete("/absent").await, Revision(1));
    let writes = vec![delete("/absent"), put("/b", "1")];
    assert_eq!(scene.commit(Vec::new(), writes).await, Some(Revision(2)));
    assert_eq!(scene.revision().await, Revision(2));
}

/// One compare that does not hold refuses all writes; every compared key is shown, in order.
pub async fn a_refused_transaction_does_nothing(scene: &Scene) {
    let first = scene.put("/a", "1").await;
    let compares = vec![Compare::ModifiedAt("/a".into(), first), Compare::ModifiedAt("/b".into(), first)];
    let transaction = Transaction { compares, writes: vec![put("/a", "2"), put("/c", "2")] };
    let Commit::Refused(current) = scene.store().commit(transaction).await.expect("commit") else {
        panic!("/b does not exist");
    };
    assert_eq!(current, [scene.get("/a").await, None]);
    assert_eq!((scene.revision().await, scene.get("/c").await), (first, None));
    assert_eq!(scene.get("/a").await.expect("the key exists").modified, first);
}

/// All writes of a transaction carry its one revision.
pub async fn a_transaction_takes_effect_as_one(scene: &Scene) {
    scene.put("/gone", "1").await;
    let writes = vec![put("/a", "1"), delete("/gone"), put("/b", "1")];
    assert_eq!(scene.commit(Vec::new(), writes).await, Some(Revision(2)));
    assert_eq!(scene.get("/gone").await, None);
    for key in ["/a", "/b"] {
        assert_eq!(scene.get(key).await.expect("the key exists").modified, Revision(2));
    }
}

/// Which of two writes of a key counts is not for the store to guess; nothing is done.
pub async fn a_key_written_twice_is_an_error(scene: &Scene) {
    let writes = vec![put("/b", "1"), put("/a", "1"), delete("/a")];
    let outcome = scene.store().commit(Transaction { compares: Vec::new(), writes }).await;
    assert_eq!(outcome.map(drop), Err(StoreError::DuplicateKey("/a".into())));
    assert_eq!(scene.revision().await, Revision(0));
}

/// What is answered at once is what would be answered; otherwise nothing was done.
pub async fn what_is_done_at_once_is_done(scene: &Scene) {
    let store = scene.store();
    let first = scene.put("/a", "1").await;
    let compares = [Compare::ModifiedAt("/a".into(), first)];
    let newest = match store.commit_at_once(&compares, &[put("/a", "2")]) {
        Some(outcome) => {
            assert!(matches!(outcome, Ok(Commit::Done(Revision(2)))));
            let refused = store.commit_at_once(&compares, &[put("/a", "3")]);
            assert!(matches!(refused, None | Some(Ok(Commit::Refused(_)))));
            Revision(2)
        }
        None => first,
    };
    assert_eq!(scene.get("/a").await.expect("the key exists").modified, newest);
    assert!(store.revision_at_once().is_none_or(|revision| revision == newest));
    assert_eq!(scene.revision().await, newest);
}

/// Of concurrent writes on the same base exactly one succeeds.
pub async fn concurrent_writers_lose_no_update(scene: &Scene) {
    const WRITERS: u64 = 4;
    const INCREMENTS: u64 = 100;
    scene.put("/counter", "0").await;
    std::thread::scope(|threads| {
        for _ in 0..WRITERS {
            threads.spawn(|| (0..INCREMENTS).for_each(|_| super::block_on(increment(scene))));
        }
    });
    let counter = scene.get("/counter").await.expect("the key exists");
    assert_eq!(counter.value, (WRITERS * INCREMENTS).to_string());
    assert_eq!(counter.modified, Revision(1 + WRITERS * INCREMENTS));
}

async fn increment(scene: &Scene) {
    loop {
        let counter = scene.get("/counter").await.expect("the key exists");
        let count: u64 = String::from_utf8_lossy(&counter.value).parse().expect("a number");
        let compares = vec![Compare::ModifiedAt(counter.key, counter.modified)];
        if scene.commit(compares, vec![put("/counter", &(count + 1).to_string())]).await.is_some() {
            return;
        }
    }
}
