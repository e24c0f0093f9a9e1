//! Watches every write go by: who has which uid, which names were generated, and when the namespace was last touched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use steersman::core::Env;
use steersman::core::store::{Observed, Store, Write};
use steersman::core::tree::Value;

/// Remembers what a store was told.
pub(crate) struct Witness {
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
    /// A witness, and `inner` under its eyes.
    pub(crate) fn of(inner: Arc<dyn Store>, env: Env, namespace: &str) -> (Arc<Self>, Observed) {
        let witness = Arc::new(Witness { env, namespace: namespace.to_owned(), seen: Mutex::default() });
        let seeing = witness.clone();
        let store = Observed::new(inner, move |_, writes| writes.iter().for_each(|write| seeing.saw(write)));
        (witness, store)
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
