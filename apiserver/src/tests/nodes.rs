//! What nodes may write where they are held to what is theirs.

use super::*;

fn world() -> World {
    World::with(|builder| builder.without_admission("ServiceAccount").with_admission("NodeRestriction"))
}

/// What the node `n1` is told that does something.
fn told<T>(world: &World, act: impl AsyncFnOnce(Arc<dyn Api>) -> Result<T>) -> String {
    let api = world.server.api_as(User::named("system:node:n1").in_group("system:nodes"), "kubelet");
    world
        .run(act(api))
        .err()
        .map_or_else(String::new, |error| format!("{} {}", error.code(), error.message()))
}

fn create(world: &World, target: &Target, body: Value) -> String {
    told(world, async |api| api.create(target, body, &WriteOptions::default()).await)
}

fn merge(world: &World, target: &Target, patch: Value) -> String {
    told(world, async |api| api.patch(target, Patch::Merge(patch), &WriteOptions::default()).await)
}

fn delete(world: &World, target: &Target) -> String {
    told(world, async |api| api.delete(target, &Default::default()).await)
}

fn pods() -> Target {
    core("pods").in_namespace("default")
}

#[test]
fn a_node_writes_itself_and_no_other() {
    let world = world();
    let node = |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
    let nodes = core("nodes");
    let why = "403 nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\"";
    assert_eq!(create(&world, &nodes, node("n2", json!({}))), why);
    let labels = json!({"node-restriction.kubernetes.io/a": "1", "node-role.kubernetes.io/b": ""});
    let why = "403 nodes \"n1\" is forbidden: node \"n1\" is not allowed to set the following labels: \
               node-restriction.kubernetes.io/a, node-role.kubernetes.io/b";
    assert_eq!(create(&world, &nodes, node("n1", labels)), why);
    let labels = json!({"kubernetes.io/hostname": "n1", "own": "x"});
    assert_eq!(create(&world, &nodes, node("n1", labels)), "");
    let own = nodes.clone().named("n1");
    let why = "403 nodes \"n1\" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/b";
    assert_eq!(merge(&world, &own, json!({"metadata": {"labels": {"node-role.kubernetes.io/b": ""}}})), why);
    let why = "403 nodes \"n1\" is forbidden: node \"n1\" is not allowed to modify taints";
    assert_eq!(merge(&world, &own, json!({"spec": {"taints": null}})), why);
    let status = own.clone().subresource("status");
    assert_eq!(merge(&world, &status, json!({"status": {"nodeInfo": {"architecture": "x"}}})), "");
    world.create(&nodes, node("n2", json!({}))).unwrap();
    let other = nodes.named("n2");
    assert!(delete(&world, &other).starts_with("403 nodes \"n2\" is forbidden: "));
    assert_eq!(delete(&world, &own), "");
}

#[test]
fn a_node_makes_mirror_pods_of_its_own() {
    let world = world();
    let node = world.create(&core("nodes"), json!({"metadata": {"name": "n1"}})).unwrap();
    let owner =
        json!({"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": node.uid(), "controller": true});
    let mirror = |owners: Value| {
        let mut mirror = pod("m", "n1");
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        mirror["metadata"]["ownerReferences"] = owners;
        mirror
    };
    let mut secret = mirror(json!([owner]));
    secret["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    let mut elsewhere = mirror(json!([owner]));
    elsewhere["spec"]["nodeName"] = "n2".into();
    let mut uncontrolled = owner.clone();
    uncontrolled["controller"] = false.into();
    let cases = [
        (
            pod("m", "n1"),
            "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"n1\" can only create mirror pods",
        ),
        (elsewhere, "node \"n1\" can only create pods with spec.nodeName set to itself"),
        (mirror(json!([])), "node \"n1\" can only create pods with an owner reference set to itself"),
        (
            mirror(json!([uncontrolled])),
            "node \"n1\" can only create pods with a controller owner reference set to itself",
        ),
        (secret, "node \"n1\" can not create pods that reference secrets"),
    ];
    for (body, why) in cases {
        assert_eq!(create(&world, &pods(), body), format!("403 pods \"m\" is forbidden: {why}"));
    }
    assert_eq!(create(&world, &pods(), mirror(json!([owner]))), "");
    assert_eq!(delete(&world, &pods().named("m")), "");
}

#[test]
fn a_node_writes_the_status_of_its_pods_and_evicts_them() {
    let world = world();
    for (name, node) in [("own", "n1"), ("other", "n2")] {
        world.create(&pods(), pod(name, node)).unwrap();
    }
    let running = json!({"status": {"phase": "Running"}});
    let status = |name: &str| pods().named(name.to_owned()).subresource("status");
    assert_eq!(merge(&world, &status("own"), running.clone()), "");
    let why = "403 pods \"other\" is forbidden: node \"n1\" can only update pod status for pods with spec.nodeName set to \
               itself";
    assert_eq!(merge(&world, &status("other"), running), why);
    let why = "403 pods \"own\" is forbidden: node \"n1\" cannot update labels through pod status";
    assert_eq!(merge(&world, &status("own"), json!({"metadata": {"labels": {"a": "b"}}})), why);
    let why = "403 pods \"own\" is forbidden: unexpected operation \"UPDATE\", node \"n1\" can only create and delete \
               mirror pods";
    assert_eq!(merge(&world, &pods().named("own"), json!({"metadata": {"labels": {"a": "b"}}})), why);
    let evict = |name: &str| {
        let eviction = json!({"metadata": {"name": name}});
        create(&world, &pods().named(name.to_owned()).subresource("eviction"), eviction)
    };
    let why = "403 pods \"other\" is forbidden: node n1 can only evict pods with spec.nodeName set to itself";
    assert_eq!((evict("own"), evict("other")), (String::new(), why.to_owned()));
    let why =
        "403 pods \"other\" is forbidden: node \"n1\" can only delete pods with spec.nodeName set to itself";
    assert_eq!(delete(&world, &pods().named("other")), why);
}

#[test]
fn a_node_has_one_lease_and_one_csi_node() {
    let world = world();
    let leases = |namespace: &str| {
        Target::all(GroupVersionResource::new("coordination.k8s.io", "v1", "leases")).in_namespace(namespace)
    };
    let named = |name: &str| json!({"metadata": {"name": name}, "spec": {}});
    let why = "403 leases.coordination.k8s.io \"n1\" is forbidden: can only access leases in the \"kube-node-lease\" \
               system namespace";
    assert_eq!(create(&world, &leases("default"), named("n1")), why);
    let why = "403 leases.coordination.k8s.io \"n2\" is forbidden: can only access node lease with the same name as the \
               requesting node";
    assert_eq!(create(&world, &leases("kube-node-lease"), named("n2")), why);
    assert_eq!(create(&world, &leases("kube-node-lease"), named("n1")), "");
    let csi = Target::all(GroupVersionResource::new("storage.k8s.io", "v1", "csinodes"));
    let body = |name: &str| json!({"metadata": {"name": name}, "spec": {"drivers": []}});
    let why = "403 csinodes.storage.k8s.io \"n2\" is forbidden: can only access CSINode with the same name as the \
               requesting node";
    assert_eq!(
        (create(&world, &csi, body("n2")), create(&world, &csi, body("n1"))),
        (why.to_owned(), String::new())
    );
}

#[test]
fn a_node_asks_for_tokens_of_its_own_pods() {
    let world = world();
    let accounts = core("serviceaccounts").in_namespace("default");
    world.create(&accounts, json!({"metadata": {"name": "a"}})).unwrap();
    let own = world.create(&pods(), pod("own", "n1")).unwrap();
    let other = world.create(&pods(), pod("other", "n2")).unwrap();
    let token = accounts.named("a").subresource("token");
    let bound = |name: &str, uid: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}}});
    let cases = [
        (json!({"spec": {}}), "node requested token not bound to a pod"),
        (bound("own", ""), "node requested token with a pod binding without a uid"),
        (
            bound("own", "x"),
            "the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted \
             and then recreated",
        ),
        (bound("other", other.uid()), "node requested token bound to a pod scheduled on a different node"),
    ];
    for (body, why) in cases {
        assert_eq!(create(&world, &token, body), format!("403 serviceaccounts \"a\" is forbidden: {why}"));
    }
    // It may, and there is no key to sign with.
    assert!(create(&world, &token, bound("own", own.uid())).starts_with("501 "));
}

#[test]
fn a_node_changes_of_a_claim_what_its_volume_has_become() {
    let world = world();
    let claims = core("persistentvolumeclaims").in_namespace("default");
    let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    world.create(&claims, json!({"metadata": {"name": "c"}, "spec": spec})).unwrap();
    let status = claims.named("c").subresource("status");
    assert_eq!(merge(&world, &status, json!({"status": {"capacity": {"storage": "2Gi"}}})), "");
    let why = "403 persistentvolumeclaims \"c\" is forbidden: node \"n1\" is not allowed to update fields other than \
               status.quantity and status.conditions";
    assert_eq!(merge(&world, &status, json!({"status": {"phase": "Bound"}})), why);
}

#[test]
fn nobody_is_restricted_unless_it_is_asked_for() {
    let world = World::new();
    assert_eq!(create(&world, &core("nodes"), json!({"metadata": {"name": "n2"}})), "");
    let store = Arc::new(store::List::default());
    let env = Env::new(world.clock.clone(), world.tasks.clone(), 3);
    let unknown = world.run(Server::builder(store).with_admission("Nope").start(&env));
    assert_eq!(unknown.err().unwrap().message(), "enable-admission-plugins plugin \"Nope\" is unknown");
}
