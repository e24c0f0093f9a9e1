//! Tokens of an OpenID Connect provider, whose keys are given or fetched.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use steersman::apiserver::HttpFetch;
use steersman::apiserver::authenticate::{JwtKeys, Oidc, TokenKeys};
use steersman::core::tree::{Value, json};

use super::Served;
use super::page::Page;
use super::who::{self, Shown};

const REFUSED: &str = "401 Unauthorized";

/// Claims that are good for an hour, with `changes` made to them.
fn claims(issuer: &str, changes: Value) -> Value {
    let now = who::now().as_second();
    let mut claims = json!({
        "iss": issuer, "aud": "kube", "sub": "ann", "exp": now + 3600, "iat": now,
        "groups": ["dev", "ops"], "email": "ann@example.com", "tier": "gold",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

async fn told(served: &Served, token: &str) -> String {
    who::told(&who::client(served, Shown::Token(token)).await).await
}

#[test]
fn a_token_proves_who_one_is_if_the_provider_has_signed_it_for_this_cluster_and_it_is_its_time() {
    let (keys, others) = (JwtKeys::generate().unwrap(), JwtKeys::generate().unwrap());
    let issuer = "https://provider.example";
    let oidc =
        Oidc::with_keys(issuer, "kube", &keys.key_set()).groups("groups", "oidc:").requiring("tier", "gold");
    let served = Served::with(|_, builder| builder.authenticator(oidc));
    let now = who::now().as_second();
    let ann = "https://provider.example#ann: oidc:dev, oidc:ops, system:authenticated";
    let cases = [
        (json!({}), ann),
        (json!({"aud": ["other", "kube"]}), ann),
        (json!({"groups": "dev"}), "https://provider.example#ann: oidc:dev, system:authenticated"),
        (json!({"groups": null}), "https://provider.example#ann: system:authenticated"),
        (json!({"aud": "other"}), REFUSED),
        (json!({"aud": []}), REFUSED),
        (json!({"exp": now - 1}), REFUSED),
        (json!({"exp": null}), REFUSED),
        (json!({"nbf": now + 3600}), REFUSED),
        (json!({"sub": null}), REFUSED),
        (json!({"iss": "https://else.example"}), REFUSED),
        (json!({"tier": "lead"}), REFUSED),
    ];
    served.runtime.block_on(async {
        for (changes, expected) in cases {
            let token = keys.sign(&claims(issuer, changes.clone())).unwrap();
            assert_eq!(told(&served, &token).await, expected, "{changes}");
        }
        let good = keys.sign(&claims(issuer, json!({}))).unwrap();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let forged = others.sign(&claims(issuer, json!({}))).unwrap();
        let strange = forged.rsplit_once('.').unwrap().1;
        for token in
            [&forged, signed, &format!("{signed}."), &format!("{signed}.{strange}"), &format!("x{good}")]
        {
            assert_eq!(told(&served, token).await, REFUSED, "{token}");
        }
        let swapped = format!("{}.{signature}", forged.rsplit_once('.').unwrap().0);
        assert_eq!(told(&served, &swapped).await, REFUSED);
    });
}

#[test]
fn an_email_counts_unless_it_is_said_not_to_be_verified() {
    let keys = JwtKeys::generate().unwrap();
    let oidc = Oidc::with_keys("https://provider.example", "kube", &keys.key_set()).username("email", "");
    let served = Served::with(|_, builder| builder.authenticator(oidc));
    served.runtime.block_on(async {
        for (verified, expected) in
            [(json!(true), "ann@example.com: system:authenticated"), (json!(false), REFUSED)]
        {
            let token =
                keys.sign(&claims("https://provider.example", json!({"email_verified": verified}))).unwrap();
            assert_eq!(told(&served, &token).await, expected);
        }
    });
}

#[test]
fn published_keys_are_fetched_when_a_token_needs_them() {
    let (keys, others) = (JwtKeys::generate().unwrap(), JwtKeys::generate().unwrap());
    let (set, asked) = (keys.key_set(), Arc::new(Mutex::new(Vec::new())));
    let log = asked.clone();
    let provider = move |url: &str, path: &str| {
        log.lock().unwrap().push(path.to_owned());
        match path {
            "/.well-known/openid-configuration" => {
                Some((200, json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string()))
            }
            _ => Some((200, set.to_string())),
        }
    };
    let (served, page) = served_by(provider);
    served.runtime.block_on(async {
        let good = keys.sign(&claims(&page.url, json!({}))).unwrap();
        for _ in 0..2 {
            assert_eq!(told(&served, &good).await, format!("{}#ann: system:authenticated", page.url));
        }
        let forged = others.sign(&claims(&page.url, json!({}))).unwrap();
        assert_eq!(told(&served, &forged).await, REFUSED);
        // Once for both of the good ones; and nobody can make the server ask at every request.
        assert_eq!(*asked.lock().unwrap(), ["/.well-known/openid-configuration", "/keys"]);
    });
}

#[test]
fn a_provider_that_talks_nonsense_or_is_slow_lets_nobody_in() {
    let keys = JwtKeys::generate().unwrap();
    for nonsense in [Some((200, "<html>")), Some((200, "{}")), Some((500, "")), None] {
        let (served, page) = served_by(move |_, _| nonsense.map(|(code, text)| (code, text.to_owned())));
        served.runtime.block_on(async {
            let token = keys.sign(&claims(&page.url, json!({}))).unwrap();
            assert_eq!(told(&served, &token).await, REFUSED, "{nonsense:?}");
        });
    }
}

/// A cluster that trusts a provider which answers like this; it is given its own address and the path.
fn served_by(
    answer: impl Fn(&str, &str) -> Option<(u16, String)> + Clone + Send + Sync + 'static,
) -> (Served, Page) {
    let mut provider = None;
    let served = Served::with(|env, builder| {
        let page = provider.insert(Page::serve(env, move |url, path, _| answer(url, path)));
        let fetch = HttpFetch::new(env).time_limit(Duration::from_millis(300));
        builder.authenticator(Oidc::fetching(page.url.as_str(), "kube", fetch))
    });
    (served, provider.unwrap())
}
