//! Which verb a request is, and carrying it out.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::request::Parts;
use http::{Method, Request};
use steersman_core::Result;
use steersman_core::api::{Target, WatchEvent};

use super::answer::{self, Answer};
use super::info::Info;
use super::path::{self, Place};
use super::query::Query;
use super::{Body, body, documents, options};
use crate::pipeline::{Caller, Core, Written};
use crate::{fault, metrics};

/// Kinds whose delete answers with the object rather than with a status; upstream's `ReturnDeletedObject`.
const RETURNED: &[&str] = &[
    "csidrivers",
    "csinodes",
    "csistoragecapacities",
    "deviceclasses",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourcequotas",
    "resourceslices",
    "serviceaccounts",
    "services",
    "storageclasses",
    "volumeattachments",
    "volumeattributesclasses",
];

/// A request to a resource.
struct Call<'a> {
    core: &'a Arc<Core>,
    caller: &'a Caller,
    target: Target,
    query: Query,
    parts: Parts,
    body: Bytes,
}

/// Answers a request, or says what is wrong with it.
pub(super) async fn answer(core: &Arc<Core>, caller: &Caller, request: Request<Bytes>) -> Result<Answer> {
    let (parts, body) = request.into_parts();
    let info = Info::of(&parts);
    core.authorize(&caller.user, &info.verb, info.asked()).await?;
    let (target, watch) = match info.place {
        Place::Resource { target, watch } => (target, watch),
        place => return documents::answer(core, &place, &parts).await,
    };
    if !core.registry.rows().has_group(&target.resource.group) {
        return Ok(Answer::no_page());
    }
    let query = Query::parse(parts.uri.query());
    let deprecation = core.registry.get(&target.resource).and_then(|row| row.deprecation.clone());
    let call = Call { core, caller, target, query, parts, body };
    let answer = call.answer(watch).await?;
    Ok(answer.warned(deprecation.as_slice()))
}

/// As what a request is counted.
pub(super) fn counted(core: &Core, request: &Request<Bytes>) -> metrics::Request {
    match path::parse(request.uri().path()) {
        Place::Resource { target, watch } if core.registry.get(&target.resource).is_some() => {
            let watches = watch || Query::parse(request.uri().query()).flag("watch");
            metrics::Request::to(&target, request.method(), watches && request.method() == Method::GET)
        }
        _ => metrics::Request::elsewhere(request.method()),
    }
}

impl Call<'_> {
    async fn answer(self, watch: bool) -> Result<Answer> {
        let is_collection = self.target.name.is_empty();
        match (self.parts.method.clone(), is_collection) {
            (Method::GET | Method::HEAD, _) if watch || (self.query.flag("watch") && self.is_watchable()) => {
                self.watch().await
            }
            (Method::GET | Method::HEAD, true) => self.list().await,
            (Method::GET | Method::HEAD, false) => self.get().await,
            (Method::POST, _) => self.create().await,
            (Method::PUT, false) => self.update().await,
            (Method::PATCH, false) => self.patch().await,
            (Method::DELETE, false) => self.delete().await,
            (Method::DELETE, true) => self.delete_collection().await,
            _ => Err(self.no_method()),
        }
    }

    /// 404 where there is no such resource, else 405.
    fn no_method(&self) -> steersman_core::Error {
        match self.core.registry.get(&self.target.resource) {
            Some(_) => fault::unknown_method(),
            None => fault::unknown_path(),
        }
    }

    fn is_watchable(&self) -> bool {
        self.target.subresource.is_empty()
    }

    async fn get(self) -> Result<Answer> {
        let options = options::get(&self.query)?;
        let object = self.core.get(self.caller, &self.target, &options).await?;
        Ok(Answer::object(200, &object))
    }

    async fn list(self) -> Result<Answer> {
        let options = options::list(&self.query)?;
        let list = self.core.list(self.caller, &self.target, &options).await?;
        let row = self.core.registry.get(&self.target.resource).ok_or_else(fault::unknown_path)?;
        Answer::list(&row, &list)
    }

    async fn watch(self) -> Result<Answer> {
        let options = options::watch(&self.query)?;
        let events = self.core.watch(self.caller, &self.target, &options).await?;
        let row = self.core.registry.get(&self.target.resource).ok_or_else(fault::unknown_path)?;
        let chunks = events.map(move |event: WatchEvent| answer::event(&row, &event)).boxed();
        Ok(Answer::chunks(Body::Chunks(chunks)))
    }

    async fn create(mut self) -> Result<Answer> {
        if !self.target.name.is_empty() && self.target.subresource.is_empty() {
            return Err(self.no_method());
        }
        let options = options::write(&self.query, "CreateOptions")?;
        let body = body::object(&self.parts.headers, std::mem::take(&mut self.body))?;
        let written = self.core.create(self.caller, &self.target, body, &options).await?;
        Ok(answer_written(&written))
    }

    async fn update(mut self) -> Result<Answer> {
        let options = options::write(&self.query, "UpdateOptions")?;
        let body = body::object(&self.parts.headers, std::mem::take(&mut self.body))?;
        let written = self.core.update(self.caller, &self.target, body, &options).await?;
        Ok(answer_written(&written))
    }

    async fn patch(mut self) -> Result<Answer> {
        let options = options::write(&self.query, "PatchOptions")?;
        let patch = body::patch(&self.parts.headers, std::mem::take(&mut self.body))?;
        let written = self.core.patch(self.caller, &self.target, patch, &options).await?;
        Ok(answer_written(&written))
    }

    async fn delete(self) -> Result<Answer> {
        let options = self.delete_options()?;
        let deleted = self.core.delete(self.caller, &self.target, &options).await?;
        let resource = self.target.resource.group_resource();
        let is_returned = RETURNED.contains(&&*resource.resource);
        let answer = if deleted.gone && !is_returned {
            Answer::status(&deleted.status(&resource))?
        } else {
            Answer::object(200, &deleted.object)
        };
        Ok(answer.warned(&deleted.warnings))
    }

    async fn delete_collection(self) -> Result<Answer> {
        let options = self.delete_options()?;
        let list = options::list(&self.query)?;
        let found = self.core.delete_collection(self.caller, &self.target, &options, &list).await?;
        let row = self.core.registry.get(&self.target.resource).ok_or_else(fault::unknown_path)?;
        Answer::list(&row, &found)
    }

    fn delete_options(&self) -> Result<k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions> {
        match body::delete_options(&self.parts.headers, &self.body)? {
            Some(options) => Ok(options),
            None => options::delete(&self.query),
        }
    }
}

fn answer_written(written: &Written) -> Answer {
    let code = if written.created { 201 } else { 200 };
    Answer::object(code, &written.object).warned(&written.warnings)
}
