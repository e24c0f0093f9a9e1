//! Who makes a request, and what they may.

use bytes::Bytes;
use http::Request;
use steersman_core::api::{Target, WriteOptions};
use steersman_core::resource::GroupVersionResource;
use steersman_core::tree::{Value, json};

use super::World;
use crate::User;
use crate::authenticate::StaticTokens;
use crate::http::Body;

fn world() -> World {
    let tokens =
        StaticTokens::new().with("alice-token", User { name: "alice".to_owned(), ..User::default() });
    World::with(|builder| builder.authenticator(tokens))
}

/// The code and the body of the answer to a GET with this `Authorization`.
fn get(world: &World, path: &str, authorization: &str) -> (u16, String) {
    let mut request = Request::get(path);
    if !authorization.is_empty() {
        request = request.header("Authorization", authorization);
    }
    let response = world.run(world.server.serve(request.body(Bytes::new()).unwrap()));
    let (parts, body) = response.into_parts();
    let Body::Full(bytes) = body else { panic!("no watch was asked for") };
    (parts.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn a_wrong_token_is_told_nothing() {
    let (code, body) = get(&world(), "/api/v1/namespaces", "Bearer guessed");
    assert_eq!(code, 401);
    assert_eq!(
        body,
        r#"{"apiVersion":"v1","kind":"Status","code":401,"message":"Unauthorized","metadata":{},"reason":"Unauthorized","status":"Failure"}"#
    );
}

#[test]
fn a_known_token_and_none_at_all_are_let_in() {
    let world = world();
    assert_eq!(get(&world, "/api/v1/namespaces", "Bearer alice-token").0, 200);
    assert_eq!(get(&world, "/api/v1/namespaces", "").0, 200);
}

#[test]
fn without_anonymous_everybody_must_show_something() {
    let world = World::with(crate::Builder::without_anonymous);
    assert_eq!(get(&world, "/api/v1/namespaces", "").0, 401);
}

#[test]
fn a_given_token_is_meant_for_this_server_alone() {
    let world = world();
    let reviews = Target::all(GroupVersionResource::new("authentication.k8s.io", "v1", "tokenreviews"));
    let status = |audiences: Value| {
        let review = json!({"spec": {"token": "alice-token", "audiences": audiences}});
        world.create(&reviews, review).unwrap().to_value().unwrap()["status"].clone()
    };
    assert_eq!(status(json!([]))["user"]["username"], "alice");
    assert_eq!(status(json!(["elsewhere"])), json!({"user": {}, "error": "invalid bearer token"}));
}

#[test]
fn only_who_may_bind_a_claim_allocates_it() {
    let world = World::with(|builder| builder.rbac().without_admission("ServiceAccount"));
    let rbac = |resource: &'static str| {
        Target::all(GroupVersionResource::new("rbac.authorization.k8s.io", "v1", resource))
    };
    let rule = |resource: &str, verbs: &[&str]| json!({"apiGroups": ["resource.k8s.io"], "resources": [resource], "verbs": verbs});
    let role = |rules: Value| json!({"metadata": {"name": "claims"}, "rules": rules});
    let status = rule("resourceclaims/status", &["update"]);
    world.create(&rbac("clusterroles"), role(json!([status]))).unwrap();
    let subject = json!({"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"});
    let of = json!({"kind": "ClusterRole", "name": "claims", "apiGroup": "rbac.authorization.k8s.io"});
    let binding = json!({"metadata": {"name": "claims"}, "subjects": [subject], "roleRef": of});
    world.create(&rbac("clusterrolebindings"), binding).unwrap();

    let claims = Target::all(GroupVersionResource::new("resource.k8s.io", "v1", "resourceclaims"));
    let request = json!({"name": "r", "exactly": {"deviceClassName": "c"}});
    let spec = json!({"devices": {"requests": [request]}});
    let claim = json!({"metadata": {"name": "a"}, "spec": spec});
    let mut claim = world.create(&claims.clone().in_namespace("default"), claim).unwrap().to_value().unwrap();
    let result =
        json!({"request": "r", "driver": "d.example.com", "pool": "p", "device": "d", "adminAccess": true});
    claim["status"] = json!({"allocation": {"devices": {"results": [result]}}});
    claim["status"]["devices"] = json!([{"driver": "d.example.com", "pool": "p", "device": "d"}]);

    let bob = world.server.api_as(User::named("bob"), "test");
    let target = claims.in_namespace("default").named("a").subresource("status");
    let write = |claim: &Value| {
        let told = world.run(bob.update(&target, claim.clone(), &WriteOptions::default())).err();
        let causes = told.map(|error| error.causes().to_vec()).unwrap_or_default();
        causes.into_iter().filter_map(|cause| cause.message).collect::<Vec<_>>()
    };
    let user = "User \"bob\" cannot";
    let at = "in API group \"resource.k8s.io\"";
    let refused = [
        "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the \
         containing namespace"
            .to_owned(),
        format!(
            "Forbidden: changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", \
             verb=\"update\" permission: resourceclaims.resource.k8s.io is forbidden: {user} update resource \
             \"resourceclaims/binding\" {at} at the cluster scope"
        ),
        format!(
            "Forbidden: changing status.devices requires resource=\"resourceclaims/driver\", \
             verb=\"[arbitrary-node:update]\" permission: resourceclaims.resource.k8s.io \"d.example.com\" is forbidden: \
             {user} arbitrary-node:update resource \"resourceclaims/driver\" {at} in the namespace \"default\""
        ),
    ];
    assert_eq!(write(&claim), refused);

    let mut rules = vec![status, rule("resourceclaims/binding", &["update"])];
    rules.push(rule("resourceclaims/driver", &["arbitrary-node:update"]));
    world.update(&rbac("clusterroles").named("claims"), role(rules.into())).unwrap();
    claim["status"]["allocation"]["devices"]["results"][0]["adminAccess"] = false.into();
    assert_eq!(write(&claim), Vec::<String>::new());
}
