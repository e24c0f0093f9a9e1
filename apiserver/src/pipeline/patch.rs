//! Changes objects by patches: to whatever version there is, unless the patch names one.

use std::sync::Mutex;

use steersman_core::api::{FieldValidation, Patch, Target, WriteOptions};
use steersman_core::field::{self, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value};
use steersman_core::{Error, Result};

use super::commit::Current;
use super::owner::Owner;
use super::request::Request;
use super::scale::Scales;
use super::status::Door;
use super::update::Proposal;
use super::{Caller, Change, Core, Written, metadata};
use crate::admission::Options;
use crate::crd::ConversionWebhook;
use crate::fault;
use crate::ownership::Owners;
use crate::patch;
use crate::schema::Schema;

impl Core {
    /// Applies a patch to an object or a part of it.
    pub(crate) async fn patch(
        &self,
        caller: &Caller,
        target: &Target,
        change: Change,
        options: &WriteOptions,
    ) -> Result<Written> {
        let mut request = self.open(caller, target, "patch")?;
        check_options(&change.patch, options)?;
        (request.dry_run, request.options) = (options.dry_run, Options::Update(options));
        let row = request.row.clone();
        let door = request.door(&row)?;
        let patching = Patching::new(&request, &door, &change, options)?;
        let mut next = |current: Option<&Current>, warnings: &mut Vec<String>| {
            let missing = || Error::not_found(&row.group_resource(), &target.name);
            let mut proposal = match (&patching.change.patch, current) {
                (Patch::Apply(_), None) if !patching.is_whole => return Err(missing()),
                (Patch::Apply(config), current) => patching.merge(config, current)?,
                (_, Some(current)) => patching.apply(current, warnings)?,
                (_, None) => return Err(missing()),
            };
            metadata::place(&mut proposal.tree, &row, &target.namespace)?;
            metadata::check_name(&proposal.tree, &target.name)?;
            Ok(proposal)
        };
        let mut current = request.current().await?;
        request.change(&door, &mut current, &mut next).await
    }
}

/// Refuses options that do not go with the kind of patch.
fn check_options(change: &Patch, options: &WriteOptions) -> Result<()> {
    let applies = matches!(change, Patch::Apply(_));
    let kind = || GroupVersionKind::new("meta.k8s.io", "v1", "PatchOptions");
    patch_fault(applies, &options.field_manager, options.force)
        .map_or(Ok(()), |error| Err(Error::invalid(&kind(), "", &[error])))
}

/// What is wrong with the options of an apply, or of any other patch; `forces` says whether they speak of force.
pub(crate) fn patch_fault(applies: bool, manager: &str, forces: bool) -> Option<field::Error> {
    if applies && manager.is_empty() {
        return Some(field::Error::required(&Path::new("fieldManager"), "is required for apply patch"));
    }
    let why = "may not be specified for non-apply patch";
    (!applies && forces).then(|| field::Error::forbidden(&Path::new("force"), why))
}

/// What a patch sees of the metadata of an object that is not in its tree.
#[derive(Clone, Copy)]
struct Shown {
    owners: bool,
    version: bool,
}

/// A patch, and what it is applied to.
struct Patching<'a> {
    change: &'a Change,
    door: &'a Door<'a>,
    row: std::sync::Arc<crate::registry::Served>,
    schema: Schema,
    /// Whether what is patched is the object itself, not a form of its own such as a scale.
    is_whole: bool,
    validation: FieldValidation,
    owner: Owner<'a>,
    /// The scale that is patched, if it is one.
    scales: Option<Box<Scales<'a>>>,
    owns: bool,
    /// Whether an apply takes fields over from others.
    force: bool,
    /// Warnings are told once, however often the patch is applied.
    warned: Mutex<bool>,
}

impl<'a> Patching<'a> {
    fn new(
        request: &Request<'a>,
        door: &'a Door<'a>,
        change: &'a Change,
        options: &'a WriteOptions,
    ) -> Result<Self> {
        let row = request.row.clone();
        let kind = match door {
            Door::Other(_) => row.subresource(&request.target.subresource).map(|one| &one.kind),
            Door::Object | Door::Status => None,
        };
        let schema = match kind {
            Some(kind) if *kind != row.kind => {
                request.core.tables.schema(kind).ok_or_else(fault::unknown_path)?
            }
            _ => row.schema.clone(),
        };
        let is_whole = kind.is_none_or(|kind| *kind == row.kind);
        Ok(Patching {
            change,
            door,
            schema,
            is_whole,
            validation: options.field_validation,
            owner: request.owner(&options.field_manager),
            scales: request.scales(door, &options.field_manager),
            owns: request.owns(),
            force: options.force,
            warned: Mutex::default(),
            row: request.row.clone(),
        })
    }

    fn apply(&self, current: &Current, warnings: &mut Vec<String>) -> Result<Proposal> {
        let shown = Shown { owners: names_owners(&self.change.patch), version: self.needs_version() };
        let patched = self.patched(current, shown);
        // A refusal shows the object as its client sees it.
        let patched = match patched {
            Err(_) if !self.row.webhook().is_some_and(ConversionWebhook::has_questions) => {
                self.patched(current, Shown { owners: true, version: true })?
            }
            outcome => outcome?,
        };
        self.warn(patched.warnings, warnings);
        let mut tree = patched.object;
        let old = self.row.shows_as_stored().then_some(&current.tree);
        self.complete(&mut tree, old)?;
        let version = match shown.version {
            true => metadata::take_version(&mut tree),
            false => current.version().into(),
        };
        let given = Owners::take(&mut tree);
        old.into_iter().for_each(|old| metadata::share(&mut tree, old));
        let owners = match &self.scales {
            Some(scales) => scales.track(current, &tree, &given)?,
            None if self.owns => self.owner.track(Some(current), &tree, &given)?,
            None => given,
        };
        Ok(Proposal { tree, owners, version, is_put: false, creates: false })
    }

    /// Whether the patch must be applied to an object that has its version.
    fn needs_version(&self) -> bool {
        let is_stored = matches!(self.door, Door::Object | Door::Status) && self.row.shows_as_stored();
        !is_stored || names_version(&self.change.patch)
    }

    /// The patched object.
    fn patched(&self, current: &Current, with: Shown) -> Result<patch::Patched> {
        let shown = || {
            let mut old = current.tree.clone();
            if with.version {
                metadata::of(&mut old).insert("resourceVersion", current.version().into());
            }
            if with.owners {
                current.owners.put(&mut old);
            }
            match self.door {
                Door::Other(handler) => handler.show(&old),
                Door::Object | Door::Status => self.row.to_view(old),
            }
        };
        patch::apply(&self.change.patch, &self.change.duplicates, &self.schema, shown, self.validation)
    }

    /// Merges an applied configuration into the current object, or into none.
    fn merge(&self, config: &Value, current: Option<&Current>) -> Result<Proposal> {
        let (mut tree, owners) = match (&self.scales, current) {
            (Some(scales), Some(current)) => scales.apply(current, config, self.force)?,
            _ if self.is_whole => {
                self.owner.apply(current, config, self.force, &|tree| self.complete(tree, None))?
            }
            _ => return Err(Error::not_implemented("this subresource cannot be applied to")),
        };
        self.check_twice()?;
        let given = metadata::take_version(&mut tree);
        let version = match current {
            Some(current) if given.is_empty() => current.version().into(),
            _ => given,
        };
        Ok(Proposal { tree, owners, version, is_put: false, creates: true })
    }

    /// What stands twice in a configuration is told last, once it could be applied.
    fn check_twice(&self) -> Result<()> {
        let twice = self.change.duplicates.lines();
        if self.validation != FieldValidation::Strict || twice.is_empty() {
            return Ok(());
        }
        let why = format!("yaml: unmarshal errors:\n  {}", twice.join("\n  "));
        Err(Error::bad_request(format!("error strict decoding YAML: error converting YAML to JSON: {why}")))
    }

    /// Fills in the defaults that it has not from `old`, and brings the tree into the stored form.
    fn complete(&self, tree: &mut Value, old: Option<&Value>) -> Result<()> {
        self.schema.default(tree);
        if self.is_whole {
            *tree = self.row.to_completed(std::mem::take(tree), old)?;
        }
        Ok(())
    }

    fn warn(&self, found: Vec<String>, warnings: &mut Vec<String>) {
        let mut warned = self.warned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !std::mem::replace(&mut *warned, true) {
            warnings.extend(found);
        }
    }
}

/// Whether a patch may name `managedFields`, so that it must be applied to an object that has them.
fn names_owners(change: &Patch) -> bool {
    match change {
        Patch::Merge(change) | Patch::Strategic(change) => names_metadata(change, "managedFields"),
        Patch::Json(operations) => operations.as_array().into_iter().flatten().any(|operation| {
            let places = ["path", "from"].into_iter().filter_map(|place| operation.get(place)?.as_str());
            places.into_iter().any(|place| {
                matches!(place, "" | "/metadata") || place.starts_with("/metadata/managedFields")
            })
        }),
        _ => false,
    }
}

/// Whether a patch may name the `resourceVersion`.
fn names_version(change: &Patch) -> bool {
    match change {
        Patch::Merge(change) | Patch::Strategic(change) => names_metadata(change, "resourceVersion"),
        _ => true,
    }
}

/// Whether a merge may name a field of the metadata, or all of it.
fn names_metadata(change: &Value, name: &str) -> bool {
    let plain = |fields: &Map| fields.keys().all(|key| !key.starts_with('$'));
    let metadata = change.get("metadata").map(Value::as_object);
    let metadata_is_plain = metadata
        .is_none_or(|metadata| metadata.is_some_and(|fields| plain(fields) && !fields.contains_key(name)));
    !(metadata_is_plain && change.as_object().is_some_and(plain))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_patch_that_may_name_the_owners_sees_them() {
        let cases = [
            (Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}})), false),
            (Patch::Merge(json!({"spec": {"replicas": 1}})), false),
            (Patch::Merge(json!({"metadata": {"managedFields": [{}]}})), true),
            (Patch::Merge(json!({"metadata": null})), true),
            (Patch::Merge(json!("x")), true),
            (Patch::Strategic(json!({"metadata": {"$retainKeys": ["name"]}})), true),
            (Patch::Strategic(json!({"$patch": "replace"})), true),
            (Patch::Json(json!([{"op": "add", "path": "/metadata/labels/a", "value": "b"}])), false),
            (Patch::Json(json!([{"op": "remove", "path": "/metadata/managedFields/0"}])), true),
            (Patch::Json(json!([{"op": "copy", "from": "/metadata", "path": "/spec/x"}])), true),
        ];
        for (change, named) in cases {
            assert_eq!(names_owners(&change), named, "{change:?}");
        }
    }

    #[test]
    fn a_patch_that_may_name_the_version_sees_it() {
        let cases = [
            (Patch::Strategic(json!({"metadata": {"uid": "u"}, "status": {"phase": "Running"}})), false),
            (Patch::Merge(json!({"metadata": {"resourceVersion": "7"}})), true),
            (Patch::Strategic(json!({"metadata": {"resourceVersion": null}})), true),
            (Patch::Strategic(json!({"metadata": {"$patch": "delete"}})), true),
            (Patch::Merge(json!(["x"])), true),
            (Patch::Json(json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "7"}])), true),
        ];
        for (change, named) in cases {
            assert_eq!(names_version(&change), named, "{change:?}");
        }
    }
}
