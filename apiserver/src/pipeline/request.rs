//! Opens a request: finds the row it is about. Whether its user may was asked at the door.

use std::sync::Arc;

use jiff::Timestamp;
use steersman_core::api::Target;
use steersman_core::resource::{GroupResource, GroupVersionResource};
use steersman_core::tree::Text;
use steersman_core::{Error, Result, formats};

use super::definitions::definitions;
use super::{Caller, Core};
use crate::admission::Options;
use crate::fault;
use crate::reader::Reader;
use crate::registry::Served;
use crate::strategy::WriteContext;

/// A request under way.
pub(super) struct Request<'a> {
    pub(super) core: &'a Core,
    pub(super) caller: &'a Caller,
    pub(super) target: &'a Target,
    pub(super) row: Arc<Served>,
    /// What its maker asks for; empty for a part of another.
    pub(super) verb: &'a str,
    pub(super) now: Timestamp,
    pub(super) dry_run: bool,
    pub(super) options: Options<'a>,
    pub(super) passage: Passage,
    pub(super) warnings: Vec<String>,
}

/// How a request goes through admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// As what it is.
    Own,
    /// As one of a collection, whose request names no object.
    Nameless,
    /// Not at all: the request that it is part of has.
    Done,
}

impl Drop for Request<'_> {
    /// However it ended, its maker hears what was worth a warning.
    fn drop(&mut self) {
        if let Some(listener) = self.caller.warnings.as_ref().filter(|_| !self.warnings.is_empty()) {
            listener.extend(std::mem::take(&mut self.warnings));
        }
    }
}

impl Core {
    /// 404 or 405 unless the target can be asked to `verb`.
    pub(crate) fn check_served(&self, caller: &Caller, target: &Target, verb: &str) -> Result<()> {
        self.open(caller, target, verb).map(drop)
    }

    /// The request to `verb` the target; 404 or 405 if it cannot be.
    pub(super) fn open<'a>(
        &'a self,
        caller: &'a Caller,
        target: &'a Target,
        verb: &'a str,
    ) -> Result<Request<'a>> {
        tracing::trace!(user = caller.user.name, agent = caller.user_agent, verb, ?target, "request");
        let row = self.registry.get(&target.resource).ok_or_else(fault::unknown_path)?;
        check_verb(&row, target, verb)?;
        check_name(target)?;
        let mut request = self.within(caller, target, row);
        request.verb = verb;
        Ok(request)
    }
}

impl Core {
    /// A request that is part of another, which was allowed.
    pub(super) fn reopen<'a>(
        &'a self,
        caller: &'a Caller,
        target: &'a Target,
        resource: &GroupVersionResource,
    ) -> Result<Request<'a>> {
        let row = self.registry.get(resource).ok_or_else(fault::unknown_path)?;
        Ok(self.within(caller, target, row))
    }

    /// The same, about a row that need not be served.
    pub(super) fn within<'a>(
        &'a self,
        caller: &'a Caller,
        target: &'a Target,
        row: Arc<Served>,
    ) -> Request<'a> {
        let (now, row) = (self.env.now(), row.for_request());
        let options = Options::None;
        let (dry_run, passage, warnings) = (false, Passage::Own, Vec::new());
        Request { core: self, caller, target, row, verb: "", now, dry_run, options, passage, warnings }
    }
}

fn check_verb(row: &Served, target: &Target, verb: &str) -> Result<()> {
    let served = if target.subresource.is_empty() {
        row.api().serves(verb)
    } else {
        let door = row.subresource(&target.subresource).ok_or_else(|| {
            if row.custom {
                Error::not_found(&row.group_resource(), &target.name)
            } else {
                fault::unknown_path()
            }
        })?;
        door.verbs.iter().any(|served| served == verb)
    };
    if !served {
        return Err(row.no_verb(verb));
    }
    let is_collection = matches!(verb, "list" | "watch" | "deletecollection");
    let needs_namespace = row.is_namespaced() && !matches!(verb, "list" | "watch");
    if (needs_namespace && target.namespace.is_empty())
        || (!row.is_namespaced() && !target.namespace.is_empty())
    {
        return Err(fault::unknown_method());
    }
    let needs_name = !is_collection && (verb != "create" || !target.subresource.is_empty());
    match needs_name && target.name.is_empty() {
        false => Ok(()),
        true if row.custom => Err(Error::bad_request("name must be provided")),
        true => Err(fault::unknown_method()),
    }
}

/// 400 for a name that no object can have.
fn check_name(target: &Target) -> Result<()> {
    let faults = formats::path_segment(&target.name, false);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::bad_request(format!("Name parameter invalid: {:?}: {}", target.name, faults.join(";"))))
}

impl Request<'_> {
    /// Puts a write to a definition into effect, and the removal of a custom resource that one may wait for.
    pub(super) async fn settle(&self, removed: bool) -> Result<()> {
        let definitions = definitions();
        let is_definition = self.row.is(&definitions.group, &definitions.resource);
        if !self.dry_run && (is_definition || (removed && self.row.custom && self.is_ending())) {
            // In a box, as few requests do it.
            Box::pin(self.core.sync_definitions()).await?;
        }
        Ok(())
    }

    /// Whether the definition of the custom resource is being deleted.
    pub(super) fn is_ending(&self) -> bool {
        let resource = self.row.resource();
        let name = format!("{}.{}", resource.resource, resource.group);
        let definition = Reader::get(self.core, &definitions(), "", &name);
        definition.is_some_and(|definition| definition.metadata().is_terminating())
    }

    /// Notes what is found worth a warning; nobody looks for it where nobody hears of it.
    pub(super) fn warn_of(&mut self, find: impl FnOnce() -> Vec<String>) {
        if self.caller.warnings.is_some() {
            self.warnings.extend(find());
        }
    }

    /// The target's own part of its key.
    pub(super) fn key(&self) -> Text {
        self.row.key(&self.target.namespace, &self.target.name)
    }

    /// The resource as errors name it; component statuses alone are named in the singular.
    pub(super) fn resource(&self) -> GroupResource {
        let resource = self.row.group_resource();
        match &*resource.resource {
            "componentstatuses" => GroupResource::new("", "componentstatus"),
            _ => resource,
        }
    }

    /// What strategies may know.
    pub(super) fn context(&self) -> WriteContext<'_> {
        WriteContext {
            now: self.now,
            user: &self.caller.user,
            cluster: self.core as &dyn Reader,
            dry_run: self.dry_run,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_path_can_hold_are_refused() {
        let target = |name: &str| Target::all(GroupVersionResource::new("", "v1", "pods")).named(name);
        for name in ["", "a", "system:a b"] {
            assert!(check_name(&target(name)).is_ok(), "{name}");
        }
        let cases = [
            ("..", r#"Name parameter invalid: "..": may not be '..'"#),
            ("a/%", r#"Name parameter invalid: "a/%": may not contain '/';may not contain '%'"#),
        ];
        for (name, why) in cases {
            assert_eq!(check_name(&target(name)).unwrap_err().message(), why);
        }
    }
}
