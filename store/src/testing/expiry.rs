//! What a store promises of keys with a time to live, while it is run.

use std::time::Duration;

use steersman_core::store::{Revision, Write};

use super::scene::{Scene, told};
use super::stage::Stage;

/// A key lives for its time to live, and no longer.
pub async fn a_key_is_gone_after_its_time_to_live(scene: &Scene) {
    let mut stage = run(scene);
    put_for(scene, "/a", 60).await;
    put_for(scene, "/b", 90).await;
    stage.advance(Duration::from_secs(59));
    assert!(scene.get("/a").await.is_some());
    stage.advance(Duration::from_secs(1));
    assert_eq!(scene.get("/a").await, None);
    assert!(scene.get("/b").await.is_some());
    stage.advance(Duration::from_secs(30));
    assert_eq!(scene.get("/b").await, None);
}

/// Watches see a key expire as they see it deleted, with its last entry.
pub async fn expiry_is_an_ordinary_change(scene: &Scene) {
    let mut stage = run(scene);
    let mut reader = scene.watch("/", Revision(0)).await;
    put_for(scene, "/a", 60).await;
    let last = scene.get("/a").await;
    stage.advance(Duration::from_secs(120));
    let batches = reader.catch_up().await;
    assert_eq!(told(&batches), ["+/a=1", "-/a"]);
    assert_eq!((batches[1].revision, &batches[1].changes[0].before), (Revision(2), &last));
    assert_eq!(scene.revision().await, Revision(2));
}

/// The last write decides how long a key lives.
pub async fn writing_again_renews_or_ends_the_time_to_live(scene: &Scene) {
    let mut stage = run(scene);
    put_for(scene, "/renewed", 60).await;
    put_for(scene, "/kept", 60).await;
    stage.advance(Duration::from_secs(50));
    put_for(scene, "/renewed", 60).await;
    scene.put("/kept", "1").await;
    stage.advance(Duration::from_secs(59));
    assert!(scene.get("/renewed").await.is_some());
    stage.advance(Duration::from_secs(1));
    assert_eq!(scene.get("/renewed").await, None);
    assert!(scene.get("/kept").await.is_some());
}

/// A deadline belongs to a key's life, not to its name.
pub async fn a_deleted_key_does_not_expire_its_successor(scene: &Scene) {
    let mut stage = run(scene);
    put_for(scene, "/a", 60).await;
    stage.advance(Duration::from_secs(10));
    scene.delete("/a").await;
    scene.put("/a", "2").await;
    stage.advance(Duration::from_secs(120));
    assert_eq!(scene.get("/a").await.expect("the key exists").value, "2");
}

/// Runs the store on a stage of its own.
fn run(scene: &Scene) -> Stage {
    let mut stage = Stage::new();
    let (store, env) = (scene.store().clone(), stage.env());
    stage.spawn(Box::pin(async move { store.run(env).await }));
    stage
}

async fn put_for(scene: &Scene, key: &str, seconds: u64) {
    let ttl = Some(Duration::from_secs(seconds));
    let write = Write::Put { key: key.to_owned().into(), value: "1".into(), ttl };
    scene.commit(Vec::new(), vec![write]).await;
}
