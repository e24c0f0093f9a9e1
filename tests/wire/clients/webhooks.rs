//! Webhooks that say who somebody is, and what they may do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use steersman::apiserver::authenticate::{StaticTokens, TokenWebhook};
use steersman::apiserver::authorize::AccessWebhook;
use steersman::apiserver::{HttpFetch, User};
use steersman::prelude::*;

use super::Served;
use super::page::Page;
use super::who::{self, Shown};

const REFUSED: &str = "401 Unauthorized";

fn fetch(env: &Env) -> HttpFetch {
    HttpFetch::new(env).time_limit(Duration::from_millis(300))
}

/// What a webhook answers to a question.
type Answer = Arc<dyn Fn(&Value) -> Option<(u16, String)> + Send + Sync>;

fn always(answer: Option<(u16, String)>) -> Answer {
    Arc::new(move |_| answer.clone())
}

/// A review with this status.
fn status(status: Value) -> Answer {
    always(Some((200, json!({"status": status}).to_string())))
}

/// A cluster with a webhook that answers like this, and the questions that it was asked.
fn served_by(
    answer: &Answer,
    build: impl FnOnce(&Env, Builder, String) -> Builder,
) -> (Served, Option<Page>, Arc<Mutex<Vec<Value>>>) {
    let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), answer.clone());
    let (log, mut page) = (asked.clone(), None);
    let served = Served::with(|env, builder| {
        let webhook = Page::serve(env, move |_, _, body: Bytes| {
            let question: Value = serde_json::from_slice(&body).unwrap();
            let answered = answer(&question);
            log.lock().unwrap().push(question);
            answered
        });
        let url = page.insert(webhook).url.clone();
        // Nobody but the story's clients is asked about.
        build(env, builder.without_controllers().without_scheduler(), url)
    });
    (served, page, asked)
}

#[test]
fn a_webhook_says_whose_token_it_is() {
    let user = json!({"username": "ann", "uid": "7", "groups": ["dev"]});
    let ann = "ann: dev, system:authenticated";
    let cases = [
        (status(json!({"authenticated": true, "user": user})), ann),
        (
            status(
                json!({"authenticated": true, "user": user, "audiences": ["https://kubernetes.default.svc"]}),
            ),
            ann,
        ),
        (status(json!({"authenticated": true, "user": user, "audiences": ["somebody-else"]})), REFUSED),
        (status(json!({"authenticated": false})), REFUSED),
        (status(json!({"authenticated": false, "user": user, "error": "expired"})), REFUSED),
        (status(Value::Null), REFUSED),
        (always(Some((200, "<html>".to_owned()))), REFUSED),
        (always(Some((200, "x".repeat(4 << 20)))), REFUSED),
        (always(Some((503, "{}".to_owned()))), REFUSED),
        (always(None), REFUSED),
    ];
    for (number, (answer, expected)) in cases.iter().enumerate() {
        let (served, _page, asked) = served_by(answer, |env, builder, url| {
            builder.authenticator(TokenWebhook::new(env, url, fetch(env)))
        });
        served.runtime.block_on(async {
            let client = who::client(&served, Shown::Token("secret")).await;
            assert_eq!(who::told(&client).await, *expected, "case {number}");
        });
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "case {number}");
        assert_eq!(
            asked[0]["spec"],
            json!({"token": "secret", "audiences": ["https://kubernetes.default.svc"]})
        );
    }
}

#[test]
fn a_webhook_that_is_away_lets_nobody_in_and_keeps_nobody_out() {
    let tokens = StaticTokens::new().with("known", User::named("bob"));
    let served = Served::with(|env, builder| {
        builder.authenticator(TokenWebhook::new(env, Page::nobody(), fetch(env))).authenticator(tokens)
    });
    served.runtime.block_on(async {
        for (token, expected) in [("secret", REFUSED), ("known", "bob: system:authenticated")] {
            assert_eq!(who::told(&who::client(&served, Shown::Token(token)).await).await, expected);
        }
    });
}

/// 200, or the code and the sentence of the refusal.
async fn list_maps(client: &Client) -> String {
    let request = Request::get("/api/v1/namespaces/default/configmaps").body(Vec::new()).unwrap();
    match client.request_text(request).await {
        Ok(_) => "200".to_owned(),
        Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_webhook_says_what_one_may_do() {
    let forbidden = |why: &str| {
        let sentence = "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\" \
                        in the namespace \"default\"";
        if why.is_empty() { format!("403 {sentence}") } else { format!("403 {sentence}: {why}") }
    };
    let cases = [
        (status(json!({"allowed": true})), "200".to_owned()),
        (status(json!({"allowed": true, "reason": "so be it"})), "200".to_owned()),
        (status(json!({"allowed": false, "denied": true, "reason": "never"})), forbidden("never")),
        (status(json!({"allowed": false})), forbidden("")),
        (status(json!({"allowed": false, "reason": "no idea"})), forbidden("no idea")),
        (status(json!({"allowed": true, "denied": true})), forbidden(BOTH)),
        (status(Value::Null), forbidden("")),
    ];
    for (number, (answer, expected)) in cases.iter().enumerate() {
        let (served, _page, asked) = served_by(answer, ask_about_bob);
        served.runtime.block_on(async {
            let client = who::client(&served, Shown::Token("known")).await;
            assert_eq!(list_maps(&client).await, *expected, "case {number}");
        });
        let spec = asked.lock().unwrap()[0]["spec"].clone();
        assert_eq!(
            (&spec["user"], &spec["groups"]),
            (&json!("bob"), &json!(["system:authenticated", "ops"]))
        );
        let attributes = json!({
            "group": "", "name": "", "namespace": "default", "resource": "configmaps", "subresource": "",
            "verb": "list", "version": "v1",
        });
        assert_eq!(spec["resourceAttributes"], attributes);
    }
}

const BOTH: &str = "webhook subject access review returned both allow and deny response";

fn ask_about_bob(env: &Env, builder: Builder, url: String) -> Builder {
    let tokens = StaticTokens::new().with("known", User::named("bob").in_group("ops"));
    builder.authenticator(tokens).authorizer(AccessWebhook::new(env, url, fetch(env)))
}

#[test]
fn a_webhook_that_does_not_answer_has_no_opinion() {
    let silent =
        [always(Some((200, "<html>".to_owned()))), always(Some((503, "{}".to_owned()))), always(None)];
    for answer in silent {
        let (served, _page, asked) =
            served_by(&answer, |env, builder, url| ask_about_bob(env, builder, url).rbac());
        served.runtime.block_on(async {
            let client = who::client(&served, Shown::Token("known")).await;
            assert!(list_maps(&client).await.starts_with("403 "));
            // Whoever is asked next may still say yes: the system's group of administrators needs nobody's word.
            let admin = super::kube_rs::client(&served).await;
            assert_eq!(list_maps(&admin).await, "200");
        });
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_webhook_may_be_asked_about_paths_and_over_tls() {
    // Nobody there speaks TLS: the question never arrives, and nobody is let in.
    let served =
        Served::with(|env, builder| ask_about_bob(env, builder, Page::nobody().replace("http", "https")));
    served.runtime.block_on(async {
        let client = who::client(&served, Shown::Token("known")).await;
        assert!(list_maps(&client).await.starts_with("403 "));
    });
    let (served, _page, asked) = served_by(&status(json!({"allowed": true})), ask_about_bob);
    served.runtime.block_on(async {
        let client = who::client(&served, Shown::Token("known")).await;
        let request = Request::get("/metrics").body(Vec::new()).unwrap();
        client.request_text(request).await.unwrap();
    });
    assert_eq!(
        asked.lock().unwrap()[0]["spec"]["nonResourceAttributes"],
        json!({"path": "/metrics", "verb": "get"})
    );
}
