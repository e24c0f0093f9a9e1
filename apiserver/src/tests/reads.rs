//! Contracts 1 to 3: versions, lists and watches.

use steersman_core::Store;
use steersman_core::api::{Bookmarks, VersionMatch};
use steersman_core::store::Revision;

use super::*;

fn world_of(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        world.create(&maps(), map(name, "1")).unwrap();
    }
    world
}

fn names(list: &ObjectList) -> Vec<&str> {
    list.items.iter().map(Object::name).collect()
}

#[test]
fn every_change_raises_the_version() {
    let world = World::new();
    let mut last = 0;
    for value in ["1", "2", "3"] {
        let object = match last {
            0 => world.create(&maps(), map("a", value)).unwrap(),
            _ => world.update(&maps().named("a"), map("a", value)).unwrap(),
        };
        let version: u64 = object.resource_version().parse().unwrap();
        assert!(version > last);
        last = version;
    }
}

#[test]
fn pages_show_the_version_of_the_first_whatever_happens_meanwhile() {
    let world = world_of(&["a", "b", "c"]);
    let maps = maps();
    let first = world.list(&maps, &ListOptions { limit: 1, ..ListOptions::default() }).unwrap();
    assert_eq!((names(&first), first.remaining), (vec!["a"], Some(2)));
    world.delete(&maps.clone().named("b")).unwrap();
    world.create(&maps, map("bb", "1")).unwrap();
    let options = ListOptions { continue_token: first.continue_token, ..ListOptions::default() };
    let rest = world.list(&maps, &options).unwrap();
    assert_eq!(names(&rest), ["b", "c"]);
    assert_eq!(rest.resource_version, first.resource_version);
    assert!(rest.continue_token.is_empty());
}

#[test]
fn an_expired_page_can_go_on_with_the_newest_version() {
    let world = world_of(&["a", "b", "c"]);
    let maps = maps();
    let first = world.list(&maps, &ListOptions { limit: 1, ..ListOptions::default() }).unwrap();
    world.delete(&maps.clone().named("b")).unwrap();
    let newest = world.run(world.store.revision()).unwrap();
    world.run(world.store.compact(newest)).unwrap();
    let options = ListOptions { continue_token: first.continue_token, ..ListOptions::default() };
    let error = world.list(&maps, &options).unwrap_err();
    assert_eq!(error.code(), 410);
    let continue_token = error.status().metadata.continue_.clone().unwrap();
    let rest = world.list(&maps, &ListOptions { continue_token, ..ListOptions::default() }).unwrap();
    assert_eq!(names(&rest), ["c"]);
}

#[test]
fn a_list_of_an_exact_version_is_of_that_version() {
    let world = world_of(&["a"]);
    let then = world.list(&maps(), &ListOptions::default()).unwrap().resource_version;
    world.create(&maps(), map("b", "1")).unwrap();
    let at = |version_match| ListOptions {
        resource_version: then.clone(),
        version_match: Some(version_match),
        ..ListOptions::default()
    };
    assert_eq!(names(&world.list(&maps(), &at(VersionMatch::Exact)).unwrap()), ["a"]);
    assert_eq!(names(&world.list(&maps(), &at(VersionMatch::NotOlderThan)).unwrap()), ["a", "b"]);
}

#[test]
fn a_version_that_has_not_happened_is_told_after_a_while() {
    let world = world_of(&["a"]);
    let options = ListOptions { resource_version: "999".to_owned(), ..ListOptions::default() };
    let error = world.list(&maps(), &options).unwrap_err();
    assert_eq!(error.code(), 504);
    assert!(error.message().starts_with("Timeout: Too large resource version: 999, current: "));
    assert_eq!(world.clock.elapsed(), Duration::from_secs(3));
}

#[test]
fn a_watch_delivers_strictly_after_its_version() {
    let world = world_of(&["a"]);
    let created = world.create(&maps(), map("b", "1")).unwrap();
    world.update(&maps().named("a"), map("a", "2")).unwrap();
    let options =
        WatchOptions { resource_version: created.resource_version().to_owned(), ..Default::default() };
    assert_eq!(told(&mut world.watch(&maps(), &options).unwrap()), ["MODIFIED a"]);
}

#[test]
fn a_watch_from_before_the_window_is_told_to_list_again() {
    let world = World::new();
    for n in 0..5_000 {
        world.update_or_create(&n.to_string());
    }
    let options = WatchOptions { resource_version: "2".to_owned(), ..Default::default() };
    let told = told(&mut world.watch(&maps(), &options).unwrap());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("ERROR too old resource version: 2 ("), "{told:?}");
}

#[test]
fn objects_that_begin_or_cease_to_match_are_added_or_deleted() {
    let world = world_of(&["a"]);
    let options = WatchOptions { labels: "on=1".parse().unwrap(), ..WatchOptions::default() };
    let mut stream = world.watch(&maps(), &options).unwrap();
    world.merge(&maps().named("a"), json!({"metadata": {"labels": {"on": "1"}}})).unwrap();
    world.merge(&maps().named("a"), json!({"data": {"key": "2"}})).unwrap();
    let off = world.merge(&maps().named("a"), json!({"metadata": {"labels": {"on": "0"}}})).unwrap();
    let events: Vec<WatchEvent> =
        world.run(futures::StreamExt::collect(futures::StreamExt::take(&mut stream, 3)));
    let [WatchEvent::Added(_), WatchEvent::Modified(_), WatchEvent::Deleted(last)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(last.metadata().labels["on"], "1");
    assert_eq!(last.resource_version(), off.resource_version());
}

#[test]
fn a_deleted_object_is_told_in_its_last_state_at_the_version_of_the_deletion() {
    let world = world_of(&["a"]);
    let before = world.get(&maps().named("a")).unwrap();
    let mut stream = world.watch(&maps(), &WatchOptions::default()).unwrap();
    world.delete(&maps().named("a")).unwrap();
    let events: Vec<WatchEvent> =
        world.run(futures::StreamExt::collect(futures::StreamExt::take(&mut stream, 2)));
    let WatchEvent::Deleted(last) = &events[1] else { panic!("{events:?}") };
    let revision = world.run(world.store.revision()).unwrap();
    assert_eq!(Revision(last.resource_version().parse().unwrap()), revision);
    assert_eq!(last.to_value().unwrap()["data"], before.to_value().unwrap()["data"]);
}

#[test]
fn initial_events_end_in_a_bookmark() {
    let world = world_of(&["a", "b"]);
    let options = WatchOptions {
        send_initial_events: Some(true),
        version_match: Some(VersionMatch::NotOlderThan),
        bookmarks: Bookmarks::AtEnd,
        ..WatchOptions::default()
    };
    assert_eq!(told(&mut world.watch(&maps(), &options).unwrap()), ["ADDED a", "ADDED b", "END"]);
    let wrong = WatchOptions { version_match: None, ..options };
    assert_eq!(world.watch(&maps(), &wrong).err().unwrap().code(), 422);
}

#[test]
fn initial_events_of_a_version_that_is_to_come_are_an_error() {
    let world = world_of(&["a"]);
    let options = WatchOptions {
        resource_version: "999999".to_owned(),
        version_match: Some(VersionMatch::NotOlderThan),
        send_initial_events: Some(true),
        ..WatchOptions::default()
    };
    let told = told(&mut world.watch(&maps(), &options).unwrap());
    assert!(told[0].starts_with("ERROR Timeout: Too large resource version: 999999, current: "), "{told:?}");
}

#[test]
fn a_list_of_the_object_of_one_name_is_whole() {
    let world = world_of(&["a", "b"]);
    let fields = "metadata.name=a".parse().unwrap();
    let options = ListOptions { fields, limit: 1, ..ListOptions::default() };
    let list = world.list(&maps(), &options).unwrap();
    assert_eq!((list.items.len(), list.continue_token.as_str()), (1, ""));
    let everywhere = world.list(&core("configmaps"), &options).unwrap();
    assert!(!everywhere.continue_token.is_empty(), "there may be more in other namespaces");
}

#[test]
fn watchers_of_a_node_see_pods_come_and_go() {
    let world = World::new();
    let pods = core("pods").in_namespace("default");
    let options = WatchOptions { fields: "spec.nodeName=n".parse().unwrap(), ..WatchOptions::default() };
    // Written while nobody asks for fields.
    world.create(&pods, pod("early", "n")).unwrap();
    let mut stream = world.watch(&core("pods"), &options).unwrap();
    world.create(&pods, pod("a", "n")).unwrap();
    world.create(&pods, pod("b", "other")).unwrap();
    for name in ["a", "early"] {
        world.merge(&pods.clone().named(name), json!({"metadata": {"labels": {"x": "y"}}})).unwrap();
    }
    assert_eq!(told(&mut stream), ["ADDED early", "ADDED a", "MODIFIED a", "MODIFIED early"]);
}

#[test]
fn a_slow_watcher_is_cut_off_and_told() {
    let world = World::new();
    let mut stream = world.watch(&maps(), &WatchOptions::default()).unwrap();
    for n in 0..17_000 {
        world.update_or_create(&n.to_string());
    }
    let told = told(&mut stream);
    assert_eq!(told, ["ERROR the watcher was too slow and has been cut off; list again"]);
}

#[test]
fn bookmarks_tell_quiet_watchers_how_far_they_are() {
    let world = world_of(&["a"]);
    let options = WatchOptions { bookmarks: Bookmarks::EveryMinute, ..WatchOptions::default() };
    let mut stream = world.watch(&core("secrets"), &options).unwrap();
    world.create(&maps(), map("b", "1")).unwrap();
    world.settle();
    world.clock.advance(Duration::from_secs(60));
    world.settle();
    assert_eq!(told(&mut stream), ["BOOKMARK"]);
}

#[test]
fn a_watch_that_ends_tells_how_far_it_is() {
    let world = world_of(&["a"]);
    let limit = Duration::from_secs(300);
    let options =
        WatchOptions { bookmarks: Bookmarks::AtEnd, timeout: Some(limit), ..WatchOptions::default() };
    let mut stream = world.watch(&core("secrets"), &options).unwrap();
    let b = world.create(&maps(), map("b", "1")).unwrap();
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    assert_eq!(told(&mut stream), [""; 0], "nobody is woken for it in between");
    let rest: Vec<_> = world.run(futures::StreamExt::collect(stream));
    let [WatchEvent::Bookmark { resource_version, .. }] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(resource_version, b.resource_version());
}

#[test]
fn a_watch_ends_at_its_time_limit() {
    let world = World::new();
    let options = WatchOptions { timeout: Some(Duration::from_secs(5)), ..WatchOptions::default() };
    let stream = world.watch(&maps(), &options).unwrap();
    assert_eq!(world.run(futures::StreamExt::count(stream)), 0);
    assert_eq!(world.clock.elapsed(), Duration::from_secs(5));
}
