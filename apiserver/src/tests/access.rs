//! Who makes a request, and what they may.

use bytes::Bytes;
use http::Request;
use steersman_core::api::Target;
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
