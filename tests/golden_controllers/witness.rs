//! Watches every write go by: who has which uid, which names were generated, and when the namespace was last touched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use steersman::core::Env;
use steersman::core::store::{
    Commit, Entry, Page, Range, Revision, Store, StoreError, Transaction, Watch, Write,
};

/// A store that remembers what it was told.
pub(crate) struct Witness {
    inner: Arc<dyn Store>,
    env: Env,
    namespace: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub(crate) struct Seen {
    /// uid → (`Kind/name`, namespace).
    pub(crate) uids: BTreeMap<String, (String, String)>,
    /// Generated name → the prefix it was generated from.
    pub(crate) generated: BTreeMap<String, String>,
    /// When the namespace, or something called after it, was last written.
    pub(crate) last_write: Duration,
}

impl Witness {
    pub(crate) fn new(inner: Arc<dyn Store>, env: Env, namespace: &str) -> Arc<Self> {
        let seen = Mutex::new(Seen::default());
        Arc::new(Witness { inner, env, namespace: namespace.to_owned(), seen })
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panics while it looks")
    }

    fn saw(&self, write: &Write) {
        let (key, value) = match write {
            Write::Put { key, value, .. } => (key, Some(value)),
            Write::Delete { key } => (key, None),
        };
        let key = String::from_utf8_lossy(key);
        let concerns_us = key.split('/').any(|part| part == self.namespace)
            || key.ends_with(&format!(".{}", self.namespace));
        let mut seen = self.seen();
        if concerns_us && !key.contains("/kube-node-lease/") {
            seen.last_write = self.env.elapsed();
        }
        if let Some(object) = value.and_then(|value| serde_json::from_slice::<Value>(value).ok()) {
            seen.learn(&object);
        }
    }
}

impl Seen {
    fn learn(&mut self, object: &Value) {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, name, namespace) = (text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
        let generate_name = text("/metadata/generateName");
        // A prefix that is too long is cut before the suffix of five characters is added.
        if let Some((prefix, _)) = name.split_at_checked(name.len().saturating_sub(5))
            && !generate_name.is_empty()
            && generate_name.starts_with(prefix)
        {
            self.generated.insert(name.clone(), prefix.to_owned());
        }
        self.uids.insert(text("/metadata/uid"), (format!("{kind}/{name}"), namespace));
    }
}

#[async_trait]
impl Store for Witness {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn range(&self, range: Range) -> Result<Page, StoreError> {
        self.inner.range(range).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Commit, StoreError> {
        let writes = transaction.writes.clone();
        let outcome = self.inner.commit(transaction).await?;
        if matches!(outcome, Commit::Done(_)) {
            writes.iter().for_each(|write| self.saw(write));
        }
        Ok(outcome)
    }

    async fn watch(&self, prefix: Bytes, after: Revision) -> Result<Watch, StoreError> {
        self.inner.watch(prefix, after).await
    }

    async fn request_progress(&self) -> Result<(), StoreError> {
        self.inner.request_progress().await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.inner.revision().await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.inner.compact(revision).await
    }

    async fn run(&self, env: Env) {
        self.inner.run(env).await;
    }
}
