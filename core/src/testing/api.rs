//! An API server just real enough for tests: objects by key, one version, watches from any version not forgotten.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tree::{List, Value, json};
use async_trait::async_trait;
use futures::StreamExt;
use futures::channel::mpsc;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;

use crate::api::{
    Api, Deletion, GetOptions, ListOptions, ObjectList, Patch, Target, WatchEvent, WatchOptions, WatchStream,
    WriteOptions,
};
use crate::client::Client;
use crate::error::{Error, Result, STALE};
use crate::object::Object;
use crate::resource::{ApiResource, GroupVersionResource};

/// Keeps objects by resource, namespace and name under one version. It checks nothing, and patches by merging.
#[derive(Clone, Default)]
pub struct MemoryApi(Arc<Mutex<State>>);

type Key = (String, String, String);

#[derive(Default)]
struct State {
    version: u64,
    forgotten: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<(u64, GroupVersionResource, WatchEvent)>,
    watchers: Vec<(GroupVersionResource, mpsc::UnboundedSender<WatchEvent>)>,
    failures: BTreeMap<&'static str, VecDeque<Error>>,
    calls: Vec<String>,
}

impl MemoryApi {
    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(Arc::new(self.clone()))
    }

    /// Lets the next call of `verb` fail.
    pub fn fail(&self, verb: &'static str, error: Error) {
        self.state().failures.entry(verb).or_default().push_back(error);
    }

    /// Ends every watch with `error`.
    pub fn end_watches(&self, error: Error) {
        for (_, watcher) in std::mem::take(&mut self.state().watchers) {
            let _ = watcher.unbounded_send(WatchEvent::Error(error.clone()));
        }
    }

    /// Forgets all history, so that older watches can not be resumed.
    pub fn forget_history(&self) {
        let mut state = self.state();
        state.forgotten = state.version;
    }

    /// Every call so far, as `verb resource/namespace/name/subresource`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, verb: &'static str, target: &Target) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let Target { resource, namespace, name, subresource } = target;
        state.calls.push(format!("{verb} {}/{namespace}/{name}/{subresource}", resource.resource));
        match state.failures.get_mut(verb).and_then(VecDeque::pop_front) {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }
}

impl State {
    fn store(&mut self, target: &Target, mut object: Value) -> Result<Object> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let made = Object::from_value(&object)?;
        let event = match self.objects.insert(key(target, &name), object) {
            None => WatchEvent::Added(made.clone()),
            Some(_) => WatchEvent::Modified(made.clone()),
        };
        self.tell(target, event);
        Ok(made)
    }

    fn tell(&mut self, target: &Target, event: WatchEvent) {
        self.history.push((self.version, target.resource.clone(), event.clone()));
        self.watchers.retain(|(resource, out)| {
            *resource != target.resource || out.unbounded_send(event.clone()).is_ok()
        });
    }

    fn current(&self, target: &Target) -> Result<Value> {
        let found = self.objects.get(&key(target, &target.name));
        found.cloned().ok_or_else(|| Error::not_found(&target.resource.group_resource(), &target.name))
    }
}

fn key(target: &Target, name: &str) -> Key {
    (target.resource.resource.to_string(), target.namespace.clone(), name.to_owned())
}

fn merge(into: &mut Value, patch: Value) {
    match patch {
        Value::Object(fields) if into.is_object() => {
            for (name, value) in fields {
                merge(&mut into[name], value);
            }
        }
        Value::Array(items) if items.iter().all(|item| item["type"].is_string()) => {
            merge_by_type(into, items);
        }
        other => *into = other,
    }
}

/// Conditions are merged one by one.
fn merge_by_type(into: &mut Value, items: List) {
    if !into.is_array() {
        *into = json!([]);
    }
    let Some(list) = into.as_array_mut() else { return };
    for item in items {
        match list.iter_mut().find(|there| there["type"] == item["type"]) {
            Some(there) => merge(there, item),
            None => list.push(item),
        }
    }
}

#[async_trait]
impl Api for MemoryApi {
    async fn get(&self, target: &Target, _: &GetOptions) -> Result<Object> {
        Object::from_value(&self.call("get", target)?.current(target)?)
    }

    async fn list(&self, target: &Target, _: &ListOptions) -> Result<ObjectList> {
        let state = self.call("list", target)?;
        let matching = |key: &Key| {
            key.0 == target.resource.resource && (target.namespace.is_empty() || key.1 == target.namespace)
        };
        let found = state.objects.iter().filter(|(key, _)| matching(key));
        let items = found.map(|(_, object)| Object::from_value(object)).collect::<Result<_>>()?;
        Ok(ObjectList { items, resource_version: state.version.to_string(), ..ObjectList::default() })
    }

    async fn watch(&self, target: &Target, options: &WatchOptions) -> Result<WatchStream> {
        let mut state = self.call("watch", target)?;
        let after: u64 = options.resource_version.parse().unwrap_or(0);
        if after < state.forgotten {
            return Err(Error::expired("too old resource version"));
        }
        let (out, events) = mpsc::unbounded();
        for (_, _, event) in state.history.iter().filter(|(at, of, _)| *at > after && *of == target.resource)
        {
            let _ = out.unbounded_send(event.clone());
        }
        state.watchers.push((target.resource.clone(), out));
        Ok(events.boxed())
    }

    async fn create(&self, target: &Target, mut body: Value, _: &WriteOptions) -> Result<Object> {
        let mut state = self.call("create", target)?;
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if state.objects.contains_key(&key(target, &name)) {
            return Err(Error::already_exists(&target.resource.group_resource(), &name));
        }
        body["metadata"]["uid"] = format!("uid-{}", state.version + 1).into();
        body["metadata"]["namespace"] = json!(target.namespace);
        state.store(target, body)
    }

    async fn update(&self, target: &Target, body: Value, _: &WriteOptions) -> Result<Object> {
        let mut state = self.call("update", target)?;
        let current = state.current(target)?;
        let version = &body["metadata"]["resourceVersion"];
        if !version.is_null() && *version != current["metadata"]["resourceVersion"] {
            return Err(Error::conflict(&target.resource.group_resource(), &target.name, STALE));
        }
        state.store(target, body)
    }

    async fn patch(&self, target: &Target, patch: Patch, _: &WriteOptions) -> Result<Object> {
        let mut state = self.call("patch", target)?;
        let mut object = state.current(target)?;
        let (Patch::Merge(patch) | Patch::Strategic(patch)) = patch else {
            return Err(Error::not_implemented("tests patch by merging"));
        };
        merge(&mut object, patch);
        state.store(target, object)
    }

    async fn delete(&self, target: &Target, _: &DeleteOptions) -> Result<Deletion> {
        let mut state = self.call("delete", target)?;
        let mut object = state.current(target)?;
        state.objects.remove(&key(target, &target.name));
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let event = WatchEvent::Deleted(Object::from_value(&object)?);
        state.tell(target, event);
        Ok(Deletion::Done(Box::default()))
    }

    async fn delete_collection(&self, _: &Target, _: &DeleteOptions, _: &ListOptions) -> Result<ObjectList> {
        Err(Error::not_implemented("tests delete one by one"))
    }

    async fn discover(&self) -> Result<Arc<[ApiResource]>> {
        Err(Error::not_implemented("tests know their resources"))
    }
}
