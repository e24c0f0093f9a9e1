//! Tables of what the graph knows of owners and dependents.

use steersman_core::tree::{Value, json};

use super::*;

fn object(name: &str, namespace: &str, owners: &[Value]) -> Value {
    let metadata = json!({"name": name, "namespace": namespace, "uid": name, "ownerReferences": owners});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}

fn names(owner: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": owner})
}

fn names_and_blocks(owner: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": owner, "blockOwnerDeletion": true})
}

fn deleted(mut object: Value, finalizers: &[&str]) -> Value {
    object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    object["metadata"]["finalizers"] = json!(finalizers);
    object
}

fn read(value: &Value) -> Object {
    Object::from_value(value).unwrap()
}

fn see(graph: &mut Graph, now: &Value) -> Calls {
    graph.see(None, &read(now))
}

fn change(graph: &mut Graph, before: &Value, now: &Value) -> Calls {
    graph.see(Some(read(before).metadata()), &read(now))
}

/// What is to be looked at, in words.
fn deletes(calls: &Calls) -> String {
    calls.delete.join(" ")
}

#[test]
fn dependents_are_looked_at_when_their_owner_goes() {
    let mut graph = Graph::default();
    let owner = object("o", "a", &[]);
    see(&mut graph, &owner);
    assert_eq!(see(&mut graph, &object("d", "a", &[names("o")])), Calls::default());
    let calls = graph.forget(&read(&owner));
    assert_eq!((deletes(&calls), calls.absent), ("d".to_owned(), vec![Identity::of(&read(&owner))]));
}

#[test]
fn an_owner_that_was_never_seen_is_looked_for() {
    let mut graph = Graph::default();
    let calls = see(&mut graph, &object("d", "a", &[names("gone")]));
    assert_eq!(deletes(&calls), "gone");
    let denied = graph.node("gone").unwrap().identity.clone();
    let calls = graph.deny(&denied);
    assert_eq!((deletes(&calls), &calls.absent), ("d".to_owned(), &vec![denied]));
    assert!(graph.node("gone").is_none());
}

#[test]
fn an_owner_seen_after_its_dependents_is_no_longer_looked_for() {
    let mut graph = Graph::default();
    see(&mut graph, &object("d", "a", &[names("o")]));
    assert_eq!(see(&mut graph, &object("o", "a", &[])), Calls::default());
    assert!(graph.node("o").unwrap().observed);
}

#[test]
fn foreground_deletion_looks_at_the_dependents_and_then_at_the_owner() {
    let mut graph = Graph::default();
    let owner = object("o", "a", &[]);
    see(&mut graph, &owner);
    see(&mut graph, &object("d", "a", &[names_and_blocks("o")]));
    see(&mut graph, &object("e", "a", &[names("o")]));
    let deleted = deleted(owner.clone(), &[FOREGROUND]);
    assert_eq!(deletes(&change(&mut graph, &owner, &deleted)), "d e o");
    let blocking: Vec<_> = graph.blocking("o").iter().map(|node| node.identity.name.clone()).collect();
    assert_eq!(blocking, ["d"]);
    assert_eq!(change(&mut graph, &deleted, &deleted), Calls::default(), "it begins only once");
    assert_eq!(deletes(&graph.forget(&read(&object("d", "a", &[])))), "o", "the owner may go now");
}

#[test]
fn a_dependent_that_ceases_to_block_lets_its_owner_go() {
    let mut graph = Graph::default();
    see(&mut graph, &object("o", "a", &[]));
    let blocking = object("d", "a", &[names_and_blocks("o")]);
    see(&mut graph, &blocking);
    assert_eq!(deletes(&change(&mut graph, &blocking, &object("d", "a", &[names("o")]))), "o");
    assert_eq!(graph.node("o").unwrap().dependents.len(), 1);
    let free = object("d", "a", &[]);
    assert_eq!(deletes(&change(&mut graph, &blocking, &free)), "", "it did not block any more");
    assert!(graph.node("o").unwrap().dependents.is_empty());
}

#[test]
fn orphaning_begins_with_the_deletion() {
    let mut graph = Graph::default();
    let owner = object("o", "a", &[]);
    see(&mut graph, &owner);
    let calls = change(&mut graph, &owner, &deleted(owner.clone(), &[ORPHAN, FOREGROUND]));
    assert_eq!((calls.orphan, calls.delete), (vec!["o".into()], vec![]));
}

#[test]
fn an_owner_in_another_namespace_is_reported_whichever_is_seen_first() {
    let (owner, dependent) = (object("o", "default", &[]), object("d", "a", &[names("o")]));
    for order in [[&owner, &dependent], [&dependent, &owner]] {
        let mut graph = Graph::default();
        see(&mut graph, order[0]);
        let calls = see(&mut graph, order[1]);
        assert_eq!(deletes(&calls), "d");
        let [misplaced] = &calls.misplaced[..] else { panic!("{calls:?}") };
        assert_eq!((&*misplaced.dependent.name, &*misplaced.owner.namespace), ("d", "a"));
    }
}

#[test]
fn a_reference_with_the_right_uid_and_a_wrong_name_is_checked() {
    let mut graph = Graph::default();
    see(&mut graph, &object("o", "a", &[]));
    let wrong = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "o"});
    let calls = see(&mut graph, &object("d", "a", &[wrong]));
    assert_eq!((deletes(&calls), calls.misplaced), ("d".to_owned(), vec![]));
}

#[test]
fn a_denied_name_does_not_remove_an_object_that_was_seen_under_another() {
    let mut graph = Graph::default();
    see(&mut graph, &object("o", "a", &[]));
    let wrong = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "o"});
    let dependent = object("d", "a", std::slice::from_ref(&wrong));
    see(&mut graph, &dependent);
    let denied = Identity::of_owner(&read(&dependent).metadata().owner_references[0], "a");
    let calls = graph.deny(&denied);
    assert_eq!((deletes(&calls), &calls.absent), ("d".to_owned(), &vec![denied]));
    assert!(graph.node("o").is_some());
}

#[test]
fn an_unseen_owner_is_looked_for_under_every_name_it_is_given() {
    let mut graph = Graph::default();
    let named = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "o"});
    see(&mut graph, &object("d", "a", &[named("x")]));
    see(&mut graph, &object("e", "a", &[named("y")]));
    let first = graph.node("o").unwrap().identity.clone();
    let calls = graph.deny(&first);
    assert_eq!((deletes(&calls), &calls.delete_later), ("d".to_owned(), &vec![Uid::from("o")]));
    assert_eq!(graph.node("o").unwrap().identity.name, "y");
    see(&mut graph, &object("d", "a", &[]));
    let second = graph.node("o").unwrap().identity.clone();
    assert_eq!(deletes(&graph.deny(&second)), "e");
}

#[test]
fn an_owner_that_only_a_cluster_scoped_object_named_may_be_in_a_namespace_all_the_same() {
    let mut graph = Graph::default();
    see(&mut graph, &object("c", "", &[names("o")]));
    let calls = see(&mut graph, &object("d", "a", &[names("o")]));
    assert_eq!((deletes(&calls), calls.misplaced), ("d".to_owned(), vec![]));
    assert!(graph.node("o").unwrap().dependents.contains("d"));
}

#[test]
fn the_first_doubt_about_owners_is_enough() {
    let mut graph = Graph::default();
    see(&mut graph, &object("o", "default", &[]));
    see(&mut graph, &object("p", "default", &[]));
    let calls = see(&mut graph, &object("d", "a", &[names("o"), names("p")]));
    assert_eq!((deletes(&calls), calls.misplaced.len()), ("d".to_owned(), 1));
}
