//! Which verb a request is, and carrying it out.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use http::Method;
use http::request::Parts;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{FieldValidation, GetOptions, Patch, Target};
use steersman_core::resource::{GroupVersionKind, GroupVersionResource};
use steersman_core::{Error, Result};

use super::accept::{self, Form, Shape};
use super::answer::{self, Answer};
use super::body::{Expected, PatchType};
use super::connect::{self, Connect, Door};
use super::info::Info;
use super::path::Place;
use super::query::Query;
use super::show::{Include, Show};
use super::{body, documents, issuer, options};
use crate::pipeline::{Caller, Core, Warnings, Written};
use crate::registry::Served;
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
    /// What is served at the target, if anything is.
    row: Option<Arc<Served>>,
    target: Target,
    query: Query,
    parts: Parts,
    body: Bytes,
}

/// What was sent, and how much of it was read.
pub(super) struct Sent {
    pub(super) info: Info,
    /// The form of an error.
    pub(super) form: Form,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Answers a request, or says what is wrong with it.
pub(super) async fn answer(core: &Arc<Core>, caller: &Caller, sent: Sent) -> Result<Answer> {
    let Sent { info, form, parts, body } = sent;
    core.authorize(&caller.user, &info.verb, info.asked()).await?;
    if let Some(answer) = issuer::answer(core, &parts)? {
        return Ok(answer);
    }
    let (target, watch) = match info.place {
        Place::Resource { target, watch } => (target, watch),
        place => return documents::answer(core, &place, &parts).await,
    };
    let row = core.registry.get(&target.resource);
    match &row {
        Some(row) if !is_misplaced(row, &target, &info.verb) => {}
        Some(row) => return if row.custom { Ok(Answer::no_page()) } else { Err(fault::unknown_path()) },
        None if is_beyond(core, &target.resource) => return Ok(Answer::no_page()),
        None => {}
    }
    let deprecation = row.as_ref().and_then(|row| row.deprecation.clone());
    let is_custom = row.as_ref().is_some_and(|row| row.custom);
    let call = Call { core, caller, row, target, query: info.query, parts, body };
    let answer = match call.answer(watch, &info.verb).await {
        // What the resource does not do is refused before anybody looks at what it is, unless it is a custom one.
        Err(error) if error.code() == 405 && !is_custom => return Err(error),
        outcome => outcome.unwrap_or_else(|error| answer::of_error(core, form, &error)),
    };
    let warnings = caller.warnings.as_ref().map(Warnings::take).unwrap_or_default();
    Ok(answer.warned(deprecation.iter().chain(&warnings).map(String::as_str)))
}

/// Whether nothing is served in the group of a resource that is not served, or custom resources are, of which no router
/// knows.
fn is_beyond(core: &Core, resource: &GroupVersionResource) -> bool {
    let rows = core.registry.rows();
    let is_custom = rows.all().any(|row| row.custom && row.resource().group == resource.group);
    is_custom || !rows.has_group(&resource.group)
}

/// Whether the path puts a resource where it is not: into a namespace that has none, or an object of one that has
/// outside of every namespace.
fn is_misplaced(row: &Served, target: &Target, verb: &str) -> bool {
    let is_inside = !target.namespace.is_empty();
    match (row.is_namespaced(), is_inside) {
        (true, true) | (false, false) => false,
        (false, true) => true,
        // The collection of all namespaces is there to be read; a router that knows it knows its path for all else.
        (true, false) if target.name.is_empty() && !row.custom => false,
        (true, false) => !(target.name.is_empty() && matches!(verb, "list" | "watch")),
    }
}

/// As what a request is counted.
pub(super) fn counted(core: &Core, method: &Method, info: &Info) -> metrics::Request {
    match &info.place {
        Place::Resource { target, watch } if core.registry.get(&target.resource).is_some() => {
            let watches = *watch || info.query.flag("watch");
            metrics::Request::to(target, method, watches && method == Method::GET)
        }
        _ => metrics::Request::elsewhere(method),
    }
}

impl<'a> Call<'a> {
    /// What becomes of the call. Each verb takes no more memory than it needs, instead of as much as the greediest.
    fn answer(self, watch: bool, verb: &str) -> BoxFuture<'a, Result<Answer>> {
        if let Some(door) = Door::of(&self.target) {
            return self.connect(door).boxed();
        }
        // What is not done is refused before anybody looks at the body.
        if !verb.is_empty()
            && let Err(error) = self.core.check_served(self.caller, &self.target, verb)
        {
            return ready(Err(error)).boxed();
        }
        let is_collection = self.target.name.is_empty();
        match (self.parts.method.clone(), is_collection) {
            (Method::GET | Method::HEAD, _) if watch => self.watch().boxed(),
            (Method::GET | Method::HEAD, true) if self.query.flag("watch") => self.watch().boxed(),
            (Method::GET | Method::HEAD, true) => self.list().boxed(),
            (Method::GET | Method::HEAD, false) => self.get().boxed(),
            (Method::POST, _) => self.create().boxed(),
            (Method::PUT, false) => self.update().boxed(),
            (Method::PATCH, false) => self.patch().boxed(),
            (Method::DELETE, false) => self.delete().boxed(),
            (Method::DELETE, true) => self.delete_collection().boxed(),
            _ => ready(Err(self.no_method())).boxed(),
        }
    }

    async fn connect(self, door: Door) -> Result<Answer> {
        let Call { core, caller, target, query, parts, body, .. } = &self;
        connect::answer(Connect { core, caller, target, query, parts }, door, body.clone()).await
    }

    /// 404 where there is no such resource, else 405.
    fn no_method(&self) -> Error {
        match &self.row {
            Some(row) => row.no_verb(""),
            None => fault::unknown_path(),
        }
    }

    /// How the answer is shown: negotiated before anything is done.
    fn show(&self, place: accept::Place) -> Result<Show> {
        let row = self.row()?;
        let form = Form::of(&self.parts.headers, &self.query, place, row.custom)?;
        let include = match form.shape {
            Shape::Table(_) => options::include(&self.query)?,
            _ => Include::Metadata,
        };
        Ok(Show { core: self.core.clone(), row, form, include })
    }

    fn row(&self) -> Result<Arc<Served>> {
        self.row.clone().ok_or_else(fault::unknown_path)
    }

    /// The kind of the body that the target takes.
    fn expected(&self, row: &Served) -> Expected<'_> {
        let kind = row.subresource(&self.target.subresource).map_or(&row.kind, |one| &one.kind);
        let must_say = row.custom && *kind == row.kind;
        Expected { tables: &self.core.tables, kind: kind.clone(), is_custom: row.custom, must_say }
    }

    async fn get(self) -> Result<Answer> {
        let show = self.show(accept::Place::Object)?;
        let options = options::get(&self.query)?;
        let object = self.core.get(self.caller, &self.target, &options).await?;
        Answer::object(200, &object, &show)
    }

    async fn list(self) -> Result<Answer> {
        let show = self.show(accept::Place::Collection)?;
        let options = options::list(&self.query)?;
        let list = self.core.list(self.caller, &self.target, &options).await?;
        Answer::list(list, &show)
    }

    async fn watch(self) -> Result<Answer> {
        let show = self.show(accept::Place::Watch)?;
        let options = options::watch(&self.query)?;
        let events = self.core.watch(self.caller, &self.target, &options).await?;
        Ok(Answer::events(events, show))
    }

    async fn create(mut self) -> Result<Answer> {
        if !self.target.name.is_empty() && self.target.subresource.is_empty() {
            return Err(self.no_method());
        }
        let show = self.show(accept::Place::Object)?;
        let options = options::write(&self.query, "CreateOptions")?;
        let body = std::mem::take(&mut self.body);
        let body = body::object(&self.parts.headers, body, &self.expected(&show.row))?;
        let written = self.core.create(self.caller, &self.target, body, &options).await?;
        answer_written(&written, &show)
    }

    async fn update(mut self) -> Result<Answer> {
        let show = self.show(accept::Place::Object)?;
        let options = options::write(&self.query, "UpdateOptions")?;
        let body = std::mem::take(&mut self.body);
        let body = body::object(&self.parts.headers, body, &self.expected(&show.row))?;
        let written = self.core.update(self.caller, &self.target, body, &options).await?;
        answer_written(&written, &show)
    }

    async fn patch(mut self) -> Result<Answer> {
        let written = PatchType::of(&self.parts.headers, self.row()?.custom)?;
        let show = self.show(accept::Place::Object)?;
        body::check_size(&self.body)?;
        let options = options::patch(&self.query, written == PatchType::Apply)?;
        let change = match body::patch(written, std::mem::take(&mut self.body), options.field_validation) {
            Err(why) if written != PatchType::Apply => return Err(self.unless_missing(why).await),
            outcome => outcome?,
        };
        let told = match (&change.patch, options.field_validation) {
            (Patch::Apply(_), FieldValidation::Warn) => change.duplicates.lines().to_vec(),
            _ => Vec::new(),
        };
        let written = self.core.patch(self.caller, &self.target, change, &options).await?;
        if let Some(warnings) = &self.caller.warnings {
            warnings.put_first(told);
        }
        answer_written(&written, &show)
    }

    /// What is wrong with a patch: that there is nothing to be patched, if so, since upstream reads only a patch that it
    /// can apply to something.
    async fn unless_missing(&self, why: Error) -> Error {
        let whole = self.target.clone().subresource("");
        match self.core.get(self.caller, &whole, &GetOptions::default()).await {
            Err(missing) if missing.is_not_found() => missing,
            _ => why,
        }
    }

    async fn delete(self) -> Result<Answer> {
        let show = self.show(accept::Place::Object)?;
        let options = self.delete_options(&show.row)?;
        let deleted = self.core.delete(self.caller, &self.target, &options).await?;
        let resource = self.target.resource.group_resource();
        let is_returned = RETURNED.contains(&&*resource.resource);
        let answer = if deleted.gone && !is_returned {
            Answer::status(&deleted.status(&resource), &show)?
        } else {
            // What dependents do is up to others: the deletion has only begun.
            let begun = !deleted.gone && options.orphan_dependents == Some(false);
            Answer::object(if begun { 202 } else { 200 }, &deleted.object, &show)?
        };
        Ok(answer)
    }

    async fn delete_collection(self) -> Result<Answer> {
        let show = self.show(accept::Place::Object)?;
        let list = options::list(&self.query)?;
        let options = self.delete_options(&show.row)?;
        let found = self.core.delete_collection(self.caller, &self.target, &options, &list).await?;
        Answer::list(found, &show)
    }

    fn delete_options(&self, row: &Served) -> Result<DeleteOptions> {
        let kind = GroupVersionKind::new("", "v1", "DeleteOptions");
        let expected = Expected { tables: &self.core.tables, kind, is_custom: row.custom, must_say: false };
        match body::delete_options(&self.parts.headers, &self.body, &expected)? {
            Some(options) => Ok(options),
            None => options::delete(&self.query),
        }
    }
}

fn answer_written(written: &Written, show: &Show) -> Result<Answer> {
    let code = if written.created { 201 } else { 200 };
    Answer::object(code, &written.object, show)
}
