//! Runs one case against a fresh server and compares every answer.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use steersman::apiserver::User;
use steersman::apiserver::authenticate::{JwtKeys, ServiceAccounts, StaticTokens};
use steersman::core::tree::{List, Value, json};
use steersman::prelude::*;

use crate::corpus::{self, Case, Step};
use crate::reduce;
use crate::unify::Bindings;

/// The real server reads what earlier steps did through informers; the recorder waited for them.
const SETTLE: Duration = Duration::from_secs(2);

/// The placeholder of the one header that refers to an answer not recorded.
const ETAG: &str = "etag of an earlier response";

/// The headers that are compared, where they were recorded.
const HEADERS: &[&str] = &["Content-Type", "Warning", "Retry-After", "Www-Authenticate", "Location", "Allow"];

/// How requests reach the server, and how its clock moves on.
pub(crate) trait Way {
    /// The whole answer to a request.
    async fn send(&mut self, request: Request<Bytes>) -> Answer;

    /// Lets time pass on the server.
    async fn wait(&mut self, time: Duration);
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

struct Replay<'a, W> {
    way: &'a mut W,
    bindings: Bindings,
    /// The actual bodies, for `<time@STEP/POINTER>`.
    answers: Vec<Value>,
}

/// A cluster as the recorded server was: nothing but the API server, with its users and rights.
pub(crate) fn cluster() -> Builder {
    let builder = Cluster::builder().without_controllers().without_scheduler().rbac_alone();
    builder.authenticator(tokens()).service_accounts(accounts())
}

/// The first difference, if there is one.
pub(crate) async fn replay(case: &Case, way: &mut impl Way) -> Result<(), String> {
    let mut replay = Replay { way, bindings: Bindings::default(), answers: Vec::new() };
    if case.namespace != Some(false) {
        replay.fixture().await;
    }
    for (number, step) in case.steps.iter().enumerate() {
        replay.step(step).await.map_err(|difference| {
            format!("step {number}: {} {}: {difference}", step.request.method, step.request.path)
        })?;
    }
    Ok(())
}

impl<W: Way> Replay<'_, W> {
    async fn fixture(&mut self) {
        self.bindings.bind("ns", "golden-ns");
        let account = json!({"metadata": {"name": "default"}, "automountServiceAccountToken": false});
        let objects = [
            ("/api/v1/namespaces", json!({"metadata": {"name": "golden-ns"}})),
            ("/api/v1/namespaces/golden-ns/serviceaccounts", account),
        ];
        for (path, body) in objects {
            let (method, path) = ("POST".to_owned(), path.to_owned());
            let recorded = corpus::Request { method, path, body: Some(body), ..corpus::Request::default() };
            let answer = self.way.send(self.request(&recorded)).await;
            assert_eq!(answer.status, 201, "the fixture is valid");
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        if !step.settle.is_null() || !step.poll.is_null() {
            self.way.wait(SETTLE).await;
        }
        if step.request.headers.values().any(|value| *value == json!(format!("<{ETAG}>"))) {
            self.learn_tag(&step.request).await;
        }
        let request = self.request(&step.request);
        let answer = self.way.send(request).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        self.answers.push(serde_json::from_str(&text).unwrap_or_default());
        if answer.status != step.response.status {
            let shown: String = text.chars().take(400).collect();
            return Err(format!("expected status {}, got {}: {shown}", step.response.status, answer.status));
        }
        self.compare_headers(&step.response.headers, &answer.headers)?;
        self.compare_body(&step.response, &text)
    }

    /// What the server calls the present state of what a step is about.
    async fn learn_tag(&mut self, recorded: &corpus::Request) {
        let mut request = self.request(recorded);
        request.headers_mut().remove("If-None-Match");
        let answer = self.way.send(request).await;
        let tag = answer.headers.get("Etag").and_then(|tag| tag.to_str().ok());
        self.bindings.bind(ETAG, tag.unwrap_or_default());
    }

    fn compare_headers(
        &mut self,
        recorded: &BTreeMap<String, Value>,
        actual: &HeaderMap,
    ) -> Result<(), String> {
        for name in HEADERS {
            let got: Vec<Value> =
                actual.get_all(*name).iter().map(|value| value.to_str().unwrap_or_default().into()).collect();
            let wanted = match recorded.get(*name).cloned().unwrap_or_default() {
                Value::Array(all) => all.into_vec(),
                Value::Null => Vec::new(),
                one => vec![one],
            };
            let difference = self.bindings.unify(&format!("header {name}"), &wanted.into(), &got.into());
            difference.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn compare_body(&mut self, recorded: &corpus::Response, text: &str) -> Result<(), String> {
        if recorded.body_omitted {
            return Ok(());
        }
        if let Some(events) = &recorded.events {
            let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            return self.unify(&events.clone().into(), &lines.into());
        }
        if let Some(wanted) = &recorded.body_text {
            return self.unify(&wanted.clone().into(), &text.into());
        }
        let Some(wanted) = &recorded.body else {
            return if text.is_empty() { Ok(()) } else { Err(format!("expected no body, got {text}")) };
        };
        let mut actual: Value = serde_json::from_str(text)
            .or_else(|_| serde_saphyr::from_str(text))
            .map_err(|error| format!("the body is neither JSON nor YAML: {error}"))?;
        if let Some(filter) = &recorded.body_filtered {
            actual = reduce::reduce(filter, wanted, actual)?;
        }
        self.unify(wanted, &actual)
    }

    fn unify(&mut self, recorded: &Value, actual: &Value) -> Result<(), String> {
        self.bindings.unify("", recorded, actual).map_or(Ok(()), Err)
    }

    fn request(&self, recorded: &corpus::Request) -> Request<Bytes> {
        let path = self.fill(&recorded.path);
        let query: Vec<String> =
            recorded.query.iter().flat_map(|(name, value)| self.parameters(name, value)).collect();
        let uri = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
        let mut request = Request::builder()
            .method(Method::from_bytes(recorded.method.as_bytes()).expect("the corpus's methods are valid"))
            .uri(uri)
            .header("User-Agent", "golden/1.0");
        let body = self.body(recorded);
        if !recorded.headers.contains_key("Accept") {
            request = request.header("Accept", "application/json");
        }
        let user = recorded.user.as_deref().unwrap_or("admin");
        if user != "anonymous" && !recorded.headers.contains_key("Authorization") {
            request = request.header("Authorization", format!("Bearer {user}-token"));
        }
        if !body.is_empty() && !recorded.headers.contains_key("Content-Type") {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in &recorded.headers {
            let values = value.as_array().cloned().map_or_else(|| vec![value.clone()], List::into_vec);
            for value in values {
                request = request.header(name, self.fill(value.as_str().unwrap_or_default()));
            }
        }
        request.body(body).expect("the corpus's requests are valid")
    }

    fn parameters(&self, name: &str, value: &Value) -> Vec<String> {
        let values = value.as_array().cloned().map_or_else(|| vec![value.clone()], List::into_vec);
        values
            .iter()
            .map(|one| format!("{name}={}", encode(&self.fill(one.as_str().unwrap_or_default()))))
            .collect()
    }

    fn body(&self, recorded: &corpus::Request) -> Bytes {
        match (&recorded.body, &recorded.body_text) {
            (Some(body), _) => self.fill(&self.bindings.fill_numbers(&body.to_string())).into(),
            (None, Some(text)) => self.fill(text).into(),
            (None, None) => Bytes::new(),
        }
    }

    /// Bound placeholders, `<time@STEP/POINTER>` and `<repeat:C:N>` replaced.
    fn fill(&self, text: &str) -> String {
        let mut filled = self.bindings.fill(text);
        while let Some((open, close)) = span(&filled, "<time@") {
            let (step, pointer) = filled[open + 6..close].split_once('/').expect("a step and a pointer");
            let answer = step.parse().ok().and_then(|step: usize| self.answers.get(step));
            let time =
                answer.and_then(|answer| answer.pointer(&format!("/{pointer}"))).and_then(Value::as_str);
            filled.replace_range(open..=close, time.unwrap_or("unknown"));
        }
        while let Some((open, close)) = span(&filled, "<repeat:") {
            let (what, count) = filled[open + 8..close].rsplit_once(':').expect("a character and a count");
            let repeated = what.repeat(count.parse().expect("a count"));
            filled.replace_range(open..=close, &repeated);
        }
        filled
    }
}

fn span(text: &str, open: &str) -> Option<(usize, usize)> {
    let from = text.find(open)?;
    Some((from, from + text[from..].find('>')?))
}

fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Issues tokens as the recorded server did.
fn accounts() -> ServiceAccounts {
    let keys = JwtKeys::from_pem(include_bytes!("service-account.pem")).expect("the key is one");
    ServiceAccounts::new("https://kubernetes.default.svc", keys)
}

/// The users that the recorded server knew.
fn tokens() -> StaticTokens {
    let user = |name: &str| User { name: name.to_owned(), uid: format!("{name}-uid"), ..User::default() };
    StaticTokens::new()
        .with("admin-token", user("admin").in_group("system:masters"))
        .with("alice-token", user("alice"))
        .with("bob-token", user("bob").in_group("dev"))
}
