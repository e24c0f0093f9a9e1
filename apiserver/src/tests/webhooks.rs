//! How often a webhook is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use steersman_core::Result;
use steersman_core::tree::{Value, json};

use super::World;
use crate::authenticate::{StaticTokens, TokenWebhook};
use crate::authorize::AccessWebhook;
use crate::{Fetch, User};

/// Answers with one code and status after the other, the last of them for ever, and takes down what it was asked.
#[derive(Clone, Default)]
struct Page {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Page {
    fn of(answers: &[(u16, Value)]) -> Self {
        Page { answers: Arc::new(Mutex::new(answers.to_vec())), asked: Arc::default() }
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl Fetch for Page {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        self.asked.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let mut answers = self.answers.lock().unwrap();
        let (code, status) = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        let body = json!({ "status": status }).to_string();
        Ok(Response::builder().status(code).body(body.into()).unwrap())
    }
}

/// The code of the answer to somebody with this token.
fn get(world: &World, path: &str, token: &str) -> u16 {
    let request = Request::get(path).header("Authorization", format!("Bearer {token}"));
    let response = world.run(world.server.serve(request.body(Bytes::new()).unwrap()));
    response.status().as_u16()
}

fn knowing_tokens(page: &Page) -> World {
    World::within(|env, builder| builder.authenticator(TokenWebhook::new(env, "http://hook", page.clone())))
}

const MAPS: &str = "/api/v1/configmaps";

#[test]
fn whose_a_token_is_holds_for_two_minutes() {
    let page = Page::of(&[(200, json!({"authenticated": true, "user": {"username": "ann"}}))]);
    let world = knowing_tokens(&page);
    assert_eq!([get(&world, MAPS, "a"), get(&world, MAPS, "a"), get(&world, MAPS, "b")], [200; 3]);
    assert_eq!(page.times(), 2, "each token once");
    world.clock.advance(Duration::from_secs(121));
    assert_eq!((get(&world, MAPS, "a"), page.times()), (200, 3));
}

#[test]
fn what_is_wrong_with_a_token_is_asked_anew() {
    let page = Page::of(&[(200, json!({"authenticated": false, "error": "expired"}))]);
    let world = knowing_tokens(&page);
    assert_eq!([get(&world, MAPS, "a"), get(&world, MAPS, "a")], [401; 2]);
    assert_eq!(page.times(), 2);
}

#[test]
fn a_webhook_that_fails_is_asked_five_times() {
    let good = (200, json!({"authenticated": true, "user": {"username": "ann"}}));
    let cases = [
        (vec![(500, Value::Null), (429, Value::Null), good.clone()], 200, 3),
        (vec![(500, Value::Null)], 401, 5),
        // Upstream takes these for good.
        (vec![(503, Value::Null), good.clone()], 401, 1),
        (vec![(404, Value::Null), good], 401, 1),
    ];
    for (answers, code, times) in cases {
        let page = Page::of(&answers);
        let world = knowing_tokens(&page);
        assert_eq!((get(&world, MAPS, "a"), page.times()), (code, times), "{answers:?}");
    }
}

#[test]
fn what_is_allowed_holds_longer_than_what_is_not() {
    for (allowed, code, holds) in [(true, 200, 300), (false, 403, 30)] {
        let page = Page::of(&[(200, json!({ "allowed": allowed }))]);
        let world = World::within(|env, builder| {
            let tokens = StaticTokens::new().with("bob", User::named("bob").in_group("ops"));
            let webhook = AccessWebhook::new(env, "http://hook", page.clone()).v1beta1();
            builder.authenticator(tokens).authorizer(webhook)
        });
        assert_eq!([get(&world, MAPS, "bob"), get(&world, MAPS, "bob")], [code; 2]);
        world.clock.advance(Duration::from_secs(holds - 1));
        assert_eq!((get(&world, MAPS, "bob"), page.times()), (code, 1));
        world.clock.advance(Duration::from_secs(2));
        assert_eq!((get(&world, MAPS, "bob"), page.times()), (code, 2));
        let question = &page.asked.lock().unwrap()[0];
        assert_eq!(question["apiVersion"], "authorization.k8s.io/v1beta1");
        assert_eq!(question["spec"]["group"], json!(["system:authenticated", "ops"]));
    }
}

#[test]
fn answers_hold_for_as_long_as_it_is_said() {
    let tokens = Page::of(&[(200, json!({"authenticated": true, "user": {"username": "ann"}}))]);
    let rights = Page::of(&[(200, json!({"allowed": true})), (200, json!({"allowed": false}))]);
    let world = World::within(|env, builder| {
        let (hour, never) = (Duration::from_secs(3600), Duration::ZERO);
        let authenticator =
            TokenWebhook::new(env, "http://hook", tokens.clone()).v1beta1().holding_for(never);
        let authorizer = AccessWebhook::new(env, "http://hook", rights.clone()).holding_for(hour, never);
        builder.authenticator(authenticator).authorizer(authorizer)
    });
    let maps = || get(&world, MAPS, "a");
    assert_eq!(([maps(), maps()], tokens.times(), rights.times()), ([200; 2], 2, 1));
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!((maps(), rights.times()), (200, 1));
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(([maps(), maps()], rights.times()), ([403; 2], 3));
    assert_eq!(tokens.asked.lock().unwrap()[0]["apiVersion"], "authentication.k8s.io/v1beta1");
}
