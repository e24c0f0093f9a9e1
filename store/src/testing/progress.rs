//! What a store promises of progress marks: who has seen a mark has seen everything up to it.

use steersman_core::store::Revision;

use super::scene::{Scene, told};

/// A mark never overtakes a change.
pub async fn a_mark_follows_all_that_came_before_it(scene: &Scene) {
    let mut reader = scene.watch("/pods/", Revision(0)).await;
    scene.put("/pods/a", "1").await;
    scene.put("/nodes/a", "1").await;
    let batches = reader.marked().await.expect("the watch keeps up");
    let mark = batches.last().expect("a mark");
    assert!(mark.changes.is_empty());
    assert_eq!((mark.revision, told(&batches)), (Revision(2), vec!["+/pods/a=1".to_owned()]));
}

/// A watch under which nothing happens learns how far the store is.
pub async fn an_idle_watch_tells_of_changes_elsewhere(scene: &Scene) {
    let mut reader = scene.watch("/pods/", Revision(0)).await;
    for revision in 1..=3 {
        scene.put("/nodes/a", "1").await;
        let batches = reader.marked().await.expect("the watch keeps up");
        assert_eq!(batches.last().map(|mark| mark.revision), Some(Revision(revision)));
    }
}

/// However often progress is asked for, revisions only rise.
pub async fn a_mark_is_not_repeated(scene: &Scene) {
    let mut reader = scene.watch("/pods/", Revision(0)).await;
    scene.put("/nodes/a", "1").await;
    for _ in 0..3 {
        scene.store().request_progress().await.expect("request_progress");
    }
    let first = reader.marked().await.expect("the watch keeps up");
    scene.put("/pods/a", "1").await;
    let second = reader.marked().await.expect("the watch keeps up");
    let revisions: Vec<u64> = first.iter().chain(&second).map(|batch| batch.revision.0).collect();
    assert_eq!(revisions, [1, 2]);
}
