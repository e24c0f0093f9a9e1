//! What a store promises of its reads, now and at older revisions.

use std::ops::Bound;

use bytes::Bytes;
use steersman_core::store::{Range, Revision, StoreError, Write};

use super::scene::{Scene, delete, put};

/// Keys come in byte order, and only those under the prefix.
pub async fn a_prefix_selects_its_keys_in_order(scene: &Scene) {
    for key in ["/pods/b", "/nodes/a", "/pods/a/x", "/pods/a", "/services/a"] {
        scene.put(key, "1").await;
    }
    let (keys, remaining, revision) = scene.keys(under("/pods/")).await;
    assert_eq!(keys, ["/pods/a", "/pods/a/x", "/pods/b"]);
    assert_eq!((remaining, revision), (0, Revision(5)));
    assert_eq!(scene.keys(under("")).await.0.len(), 5);
    assert!(scene.keys(under("/secrets/")).await.0.is_empty());
}

/// `/pods/` and `/pods.metrics/` are neighbours, and a key may equal the prefix.
pub async fn a_prefix_of_another_prefix_is_not_confused_with_it(scene: &Scene) {
    for key in ["/pods", "/pods/", "/pods.metrics/a", "/pods/a", "/pods0", "/po"] {
        scene.put(key, "1").await;
    }
    assert_eq!(scene.keys(under("/pods/")).await.0, ["/pods/", "/pods/a"]);
    assert_eq!(scene.keys(under("/pods")).await.0.len(), 5);
}

/// A prefix that ends in the highest byte has an end, too.
pub async fn the_last_byte_has_a_successor(scene: &Scene) {
    let keys: [&[u8]; 4] = [b"a\xff", b"a\xff\xff", b"b", b"\xff\xff"];
    for key in keys {
        let write = Write::Put { key: Bytes::copy_from_slice(key), value: Bytes::new(), ttl: None };
        scene.commit(Vec::new(), vec![write]).await;
    }
    let count = async |prefix: &[u8]| {
        let range = Range { prefix: Bytes::copy_from_slice(prefix), ..Range::default() };
        scene.store().range(range).await.expect("range").entries.len()
    };
    assert_eq!((count(b"a\xff").await, count(b"\xff").await, count(b"\xff\xff").await), (2, 1, 1));
}

/// A page holds the limit, says how many keys follow, and the next one starts behind it.
pub async fn pages_are_cut_at_the_limit(scene: &Scene) {
    for key in ["/a", "/b", "/c", "/d", "/e"] {
        scene.put(key, "1").await;
    }
    let page = async |start: Option<Bound<Bytes>>, limit| {
        let (keys, remaining, _) = scene.keys(Range { start, limit, ..under("/") }).await;
        (keys.concat(), remaining)
    };
    let excluded = |key: &'static str| Some(Bound::Excluded(key.into()));
    assert_eq!(page(None, 2).await, ("/a/b".to_owned(), 3));
    assert_eq!(page(excluded("/b"), 2).await, ("/c/d".to_owned(), 1));
    assert_eq!(page(Some(Bound::Included("/b".into())), 0).await, ("/b/c/d/e".to_owned(), 0));
    assert_eq!(page(excluded("/d"), 2).await, ("/e".to_owned(), 0));
    assert_eq!(page(excluded("/e"), 2).await, (String::new(), 0));
    assert_eq!(page(excluded("/z"), 2).await, (String::new(), 0));
    assert_eq!(page(excluded("!"), 1).await, ("/a".to_owned(), 4));
}

/// Pages pinned to a revision add up to what was there, whatever is written between them.
pub async fn pages_at_a_revision_ignore_later_writes(scene: &Scene) {
    let names: Vec<String> = (0..50).map(|n| format!("/{n:02}")).collect();
    for name in &names {
        scene.put(name, "old").await;
    }
    let pinned = scene.revision().await;
    let (mut seen, mut start) = (Vec::new(), None);
    loop {
        let range = Range { start, limit: 7, at: Some(pinned), ..under("/") };
        let page = scene.store().range(range).await.expect("range");
        assert!(page.entries.iter().all(|entry| entry.value == "old"));
        assert_eq!((page.revision, page.remaining), (pinned, 50 - seen.len() - page.entries.len()));
        seen.extend(page.entries.iter().map(|entry| String::from_utf8_lossy(&entry.key).into_owned()));
        disturb(scene, seen.len()).await;
        if page.remaining == 0 {
            break;
        }
        start = page.entries.last().map(|last| Bound::Excluded(last.key.clone()));
    }
    assert_eq!(seen, names);
}

/// Before a deletion the key is there, with the value and the revisions it had.
pub async fn an_old_revision_shows_deleted_keys(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.put("/a", "2").await;
    scene.delete("/a").await;
    let value = async |revision| {
        let page = scene.store().range(Range { at: Some(Revision(revision)), ..under("/") }).await;
        page.expect("range").entries.first().map(|entry| (entry.value.clone(), entry.modified.0))
    };
    assert_eq!(value(0).await, None);
    assert_eq!(value(1).await, Some(("1".into(), 1)));
    assert_eq!(value(2).await, Some(("2".into(), 2)));
    assert_eq!(value(3).await, None);
}

/// What has not happened cannot be read.
pub async fn a_future_revision_is_refused(scene: &Scene) {
    scene.put("/a", "1").await;
    let refused = StoreError::Future { asked: Revision(2), newest: Revision(1) };
    assert_eq!(scene.range_error(Revision(2)).await, refused);
    assert!(matches!(scene.store().compact(Revision(2)).await, Err(StoreError::Future { .. })));
}

/// What is older than the compacted revision cannot be read; the compacted revision itself can.
pub async fn a_compacted_revision_is_refused(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.put("/a", "2").await;
    scene.put("/a", "3").await;
    scene.store().compact(Revision(2)).await.expect("compact");
    let refused = StoreError::Compacted { asked: Revision(1), oldest: Revision(2) };
    assert_eq!(scene.range_error(Revision(1)).await, refused);
    let page = scene.store().range(Range { at: Some(Revision(2)), ..under("/") }).await.expect("range");
    assert_eq!(page.entries[0].value, "2");
}

/// Compacting again, or to an earlier revision, changes nothing.
pub async fn compacting_twice_is_harmless(scene: &Scene) {
    scene.put("/a", "1").await;
    scene.put("/a", "2").await;
    for revision in [2, 2, 1] {
        scene.store().compact(Revision(revision)).await.expect("compact");
    }
    assert!(matches!(scene.range_error(Revision(1)).await, StoreError::Compacted { .. }));
    assert_eq!(scene.get("/a").await.expect("the key exists").value, "2");
}

/// Adds a key before and behind what was read, changes one, deletes one.
async fn disturb(scene: &Scene, read: usize) {
    scene.put(&format!("/{read:02}-new"), "new").await;
    scene.put(&format!("/0-{read:02}"), "new").await;
    scene.put("/49", "new").await;
    scene.commit(Vec::new(), vec![delete("/48"), put("/47", "new")]).await;
}

fn under(prefix: &str) -> Range {
    Range { prefix: prefix.to_owned().into(), ..Range::default() }
}
