//! Contract: objects are created, read, replaced and deleted, each change raises the version, and none is lost.

use super::*;

#[test]
fn what_was_written_can_be_read_at_once() {
    let world = World::new();
    let created = world.create(&maps(), map("a", "1")).unwrap();
    let read = world.get(&maps().named("a")).unwrap();
    assert!(read.is_same(&created));
    assert_eq!(read.to_value().unwrap()["data"]["key"], "1");
    assert_eq!(read.to_value().unwrap()["metadata"]["resourceVersion"], created.resource_version());
    assert_eq!(read.namespace(), "default");
    assert_eq!(read.uid().len(), 36);
}

#[test]
fn every_cluster_has_its_namespaces_and_classes() {
    let world = World::new();
    let names = |target| -> Vec<String> {
        let list = world.list(&target, &ListOptions::default()).unwrap();
        list.items.iter().map(|object| object.name().to_owned()).collect()
    };
    assert_eq!(names(core("namespaces")), ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let classes = Target::all(GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses"));
    assert_eq!(names(classes), ["system-cluster-critical", "system-node-critical"]);
}

#[test]
fn a_watch_tells_every_change_in_order() {
    let world = World::new();
    world.create(&maps(), map("a", "1")).unwrap();
    let mut stream = world.watch(&maps(), &WatchOptions::default()).unwrap();
    world.update(&maps().named("a"), map("a", "2")).unwrap();
    world.create(&maps(), map("b", "1")).unwrap();
    world.delete(&maps().named("a")).unwrap();
    assert_eq!(told(&mut stream), ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
}

#[test]
fn a_write_that_changes_nothing_writes_nothing() {
    let world = World::new();
    let first = world.create(&maps(), map("a", "1")).unwrap();
    let again = world.update(&maps().named("a"), map("a", "1")).unwrap();
    assert_eq!(first.resource_version(), again.resource_version());
    let patched = world.merge(&maps().named("a"), json!({"data": {"key": "1"}})).unwrap();
    assert_eq!(first.resource_version(), patched.resource_version());
}

#[test]
fn a_stale_version_is_a_conflict() {
    let world = World::new();
    let first = world.create(&maps(), map("a", "1")).unwrap().to_value().unwrap();
    world.update(&maps().named("a"), map("a", "2")).unwrap();
    let error = world.update(&maps().named("a"), first).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(
        error.message(),
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
}

#[test]
fn a_pod_is_created_bound_and_gracefully_deleted() {
    let world = World::new();
    let pods = core("pods").in_namespace("default");
    let account = json!({"metadata": {"name": "default"}});
    world.create(&core("serviceaccounts").in_namespace("default"), account).unwrap();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"}});
    let created = world.create(&pods, pod).unwrap();
    let typed: Arc<k8s_openapi::api::core::v1::Pod> = created.decode().unwrap();
    assert_eq!(typed.spec.as_ref().unwrap().restart_policy.as_deref(), Some("Always"));
    let Deletion::Pending(ending) = world.delete(&pods.clone().named("p")).unwrap() else {
        panic!("a pod on a node ends gracefully")
    };
    assert_eq!(ending.metadata().deletion_grace_period_seconds, Some(30));
}
