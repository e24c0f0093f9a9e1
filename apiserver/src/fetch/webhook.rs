//! Asks a webhook: again where that may help, and not again for as long as the answer holds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response};
use sha2::{Digest, Sha256};
use steersman_core::tree::Value;
use steersman_core::{Env, Error, Result};

use super::Fetch;

/// How often a question is asked at most, and how long to wait before it is asked again; upstream's
/// `DefaultAuthWebhookRetryBackoff`.
const TIMES: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);
const FACTOR: f64 = 1.5;
const JITTER: f64 = 0.2;

/// So many answers are kept; for one more, those that hold no longer are forgotten, or else all.
const CAPACITY: usize = 8_192;

/// What a question is known by: questions hold tokens, which are not kept.
type Key = [u8; 32];

/// A webhook, and what its answers came to.
pub(crate) struct Webhook<V> {
    env: Env,
    url: String,
    fetch: Box<dyn Fetch>,
    /// Until when each holds, as [`Env::elapsed`] counts.
    known: Mutex<BTreeMap<Key, (V, Duration)>>,
}

/// Why there is no answer.
struct Failed {
    error: Error,
    /// Whether to ask again may help.
    passes: bool,
}

impl<V: Clone> Webhook<V> {
    pub(crate) fn new(env: &Env, url: String, fetch: Box<dyn Fetch>) -> Self {
        Webhook { env: env.clone(), url, fetch, known: Mutex::default() }
    }

    /// What `read` makes of the answer, or made of it when the same was asked before. With it, `read` tells for how long
    /// that holds.
    ///
    /// # Errors
    /// 500: there is no answer, or none that can be read.
    pub(crate) async fn ask(
        &self,
        question: &Value,
        read: impl FnOnce(&Value) -> (V, Duration),
    ) -> Result<V> {
        let question = Bytes::from(question.to_string());
        let key = Key::from(Sha256::digest(&question));
        if let Some((value, until)) = self.known().get(&key)
            && *until > self.env.elapsed()
        {
            return Ok(value.clone());
        }
        let (value, holds) = read(&self.answer(&question).await?);
        if !holds.is_zero() {
            self.keep(key, value.clone(), holds);
        }
        Ok(value)
    }

    fn keep(&self, key: Key, value: V, holds: Duration) {
        let (mut known, now) = (self.known(), self.env.elapsed());
        if known.len() >= CAPACITY {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(key, (value, now + holds));
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Key, (V, Duration)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, question: &Bytes) -> Result<Value> {
        let mut pause = PAUSE;
        for _ in 1..TIMES {
            match self.once(question).await {
                Err(Failed { passes: true, .. }) => {}
                outcome => return outcome.map_err(|failed| failed.error),
            }
            self.env.sleep(self.env.jitter(pause, JITTER)).await;
            pause = pause.mul_f64(FACTOR);
        }
        self.once(question).await.map_err(|failed| failed.error)
    }

    async fn once(&self, question: &Bytes) -> Result<Value, Failed> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(question.clone())
            .map_err(for_good)?;
        let answer = self.fetch.fetch(request).await.map_err(|error| Failed { error, passes: false })?;
        if !answer.status().is_success() {
            let error = Error::internal(format!("{} answered {}", self.url, answer.status()));
            return Err(Failed { error, passes: passes(&answer) });
        }
        serde_json::from_slice(answer.body()).map_err(for_good)
    }
}

fn for_good(why: impl fmt::Display) -> Failed {
    Failed { error: Error::internal(why), passes: false }
}

/// Whether a failure may pass; upstream's `DefaultShouldRetry`.
fn passes(answer: &Response<Bytes>) -> bool {
    let code = answer.status().as_u16();
    answer.headers().contains_key(RETRY_AFTER) || code == 429 || (code >= 500 && code != 503)
}

impl<V> fmt::Debug for Webhook<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).finish_non_exhaustive()
    }
}
