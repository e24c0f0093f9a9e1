//! One served resource in one version.

use std::sync::{Arc, OnceLock};

use steersman_core::api::FieldValidation;
use steersman_core::field::{ErrorList, Path};
use steersman_core::object::Metadata;
use steersman_core::resource::{ApiResource, GroupResource, GroupVersionKind, GroupVersionResource, Scope};
use steersman_core::tree::{Map, Text, Value};
use steersman_core::{Error, Object, Result, metadata};

use crate::convert::autoscaler;
use crate::crd::{self, Conversion, ConversionWebhook, Convert, Findings};
use crate::fault;
use crate::schema::{Duplicates, Extent, Schema};
use crate::strategy::Strategy;
use crate::subresource::Scale;
use crate::tables;
use crate::tree::{Fill, fields};
use crate::watch_cache::Collection;

/// The built-in kinds whose `metadata.generation` counts.
const GENERATIONS: &[&str] = &[
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "DeviceClass",
    "EndpointSlice",
    "FlowSchema",
    "Ingress",
    "IngressClass",
    "Job",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "PodTemplate",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ReplicaSet",
    "ReplicationController",
    "ResourceSlice",
    "StatefulSet",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Everything that the pipeline must know of a resource.
#[derive(Clone)]
pub(crate) struct Served {
    /// Its names, verbs and subresources.
    pub(crate) names: tables::Row,
    /// Group, version and kind of its objects.
    pub(crate) kind: GroupVersionKind,
    /// The shape of its objects.
    pub(crate) schema: Schema,
    /// What the schema cannot say.
    pub(crate) strategy: Arc<dyn Strategy>,
    /// Where its objects are; `None` for resources that are only posted to.
    pub(crate) collection: Option<Arc<Collection>>,
    /// How objects are shown, where that is not how they are stored.
    pub(crate) view: View,
    /// Whether defaults are filled in when objects are read, too.
    pub(crate) defaults_on_read: bool,
    /// Whether it is defined by a CustomResourceDefinition.
    pub(crate) custom: bool,
    /// The kind of its lists.
    pub(crate) list_kind: String,
    /// What whoever uses it is warned of, if it is deprecated.
    pub(crate) deprecation: Option<String>,
    /// Its `scale`, if it has one.
    pub(crate) scale: Option<Scale>,
    /// The columns that its definition names, if it is a custom resource.
    pub(crate) columns: Vec<crd::Column>,
    /// An object that has nothing; see [`Served::blank_object`].
    pub(crate) blank: OnceLock<Value>,
    /// The same as it is stored.
    pub(crate) stored_blank: OnceLock<Value>,
    /// The spec of the same, with its defaults.
    pub(crate) blank_spec: OnceLock<Value>,
}

/// How the stored form of an object and the form of a version relate.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// They are the same.
    Same,
    /// Stored as an Event of the core group, shown as one of `events.k8s.io`.
    Events,
    /// Stored as an autoscaler of version 2, shown as one of version 1.
    Autoscaler,
    /// They differ in `apiVersion` only.
    Version {
        /// The one that is stored.
        stored: String,
    },
    /// A converter makes them of each other.
    Converted(Conversion),
}

impl View {
    /// The name that a field of the version has in the stored form; `None` if it has none there.
    pub(crate) fn stored_field<'f>(&self, field: &'f str) -> Option<&'f str> {
        match self {
            View::Same | View::Version { .. } | View::Autoscaler | View::Converted(_) => Some(field),
            View::Events => crate::convert::event_field(field),
        }
    }
}

impl Served {
    /// Group, version and plural name.
    pub(crate) fn resource(&self) -> &GroupVersionResource {
        &self.names.resource.resource
    }

    /// The resource without its version, as errors name it.
    pub(crate) fn group_resource(&self) -> GroupResource {
        self.resource().group_resource()
    }

    /// Whether it is that resource, in whatever version.
    pub(crate) fn is(&self, group: &str, resource: &str) -> bool {
        let own = self.resource();
        own.resource == resource && own.group == group
    }

    /// The discovery row.
    pub(crate) fn api(&self) -> &ApiResource {
        &self.names.resource
    }

    /// Whether its objects live in namespaces.
    pub(crate) fn is_namespaced(&self) -> bool {
        self.names.resource.scope == Scope::Namespaced
    }

    /// 405: this is not done with it. Custom resources are served without a router in front, which would say so in words of
    /// its own.
    pub(crate) fn no_verb(&self, verb: &str) -> Error {
        if self.custom {
            Error::method_not_supported(&self.group_resource(), verb)
        } else {
            fault::unknown_method()
        }
    }

    /// The collection; 405 for resources that hold no objects.
    pub(crate) fn stored(&self, verb: &str) -> Result<&Arc<Collection>> {
        self.collection.as_ref().ok_or_else(|| Error::method_not_supported(&self.group_resource(), verb))
    }

    /// What is wrong with the metadata of a new object.
    pub(crate) fn validate_metadata(&self, new: &Metadata) -> ErrorList {
        [self.validate_common_metadata(new), self.validate_finalizers(new)].concat()
    }

    /// What is wrong with it by the rules of every kind.
    pub(crate) fn validate_common_metadata(&self, new: &Metadata) -> ErrorList {
        let rule = |name: &str, is_prefix| self.strategy.validate_name(name, is_prefix);
        metadata::validate(new, self.names.resource.scope, rule, &Path::new("metadata"))
    }

    /// What is wrong with the finalizers by the rules of the kind.
    pub(crate) fn validate_finalizers(&self, new: &Metadata) -> ErrorList {
        if self.custom || !self.strategy.qualifies_finalizers() {
            return ErrorList::new();
        }
        let at = Path::new("metadata");
        metadata::validate_finalizers_of_builtin(&new.finalizers, &at.child("finalizers"))
    }

    /// Whether `status` is written through its own door only.
    pub(crate) fn separates_status(&self) -> bool {
        self.strategy.separates_status() && self.subresource("status").is_some()
    }

    /// Whether `metadata.generation` counts changes of the desired state.
    pub(crate) fn counts_generation(&self) -> bool {
        self.strategy.counts_generation() && (self.custom || GENERATIONS.contains(&&*self.kind.kind))
    }

    /// Whether an update may leave `resourceVersion` out.
    pub(crate) fn allows_unconditional_update(&self) -> bool {
        !self.custom && self.strategy.allows_unconditional_update()
    }

    /// Whether two versions of an object want different things.
    pub(crate) fn spec_differs(&self, a: &Value, b: &Value) -> bool {
        let separate = self.separates_status();
        let own = |name: &str| name != "metadata" && !(separate && name == "status");
        let covers = |a: &Value, b: &Value| {
            let mut fields = a.as_object().into_iter().flatten();
            fields.all(|(name, value)| !own(name) || b.get(name) == Some(value))
        };
        !(covers(a, b) && covers(b, a))
    }

    /// The kind that errors name: that in which objects are kept.
    pub(crate) fn error_kind(&self) -> GroupVersionKind {
        match self.view {
            View::Events => GroupVersionKind::new("", "v1", "Event"),
            View::Same | View::Autoscaler | View::Version { .. } | View::Converted(_) => self.kind.clone(),
        }
    }

    /// The subresource of that name.
    pub(crate) fn subresource(&self, name: &str) -> Option<&tables::Subresource> {
        self.names.subresources.iter().find(|one| one.name == name)
    }

    /// The object's own part of its key.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> Text {
        if self.is_namespaced() { Text::concat([namespace, "/", name]) } else { name.into() }
    }

    /// An object that has nothing, as the schema writes it: with the structs and zeros that are always written.
    pub(crate) fn blank_object(&self) -> Value {
        self.blank().clone()
    }

    /// The status of an object that has none yet: `{}`, zeros, or nothing.
    pub(crate) fn blank_status(&self) -> Option<&Value> {
        let blank = || match &self.view {
            // Only what is stored is given to a converter; custom resources have an empty status, or none.
            View::Converted(_) => self.blank_object(),
            _ => self.to_stored(self.blank_object()).unwrap_or_default(),
        };
        self.stored_blank.get_or_init(blank).get("status")
    }

    /// The same, shared.
    pub(crate) fn blank(&self) -> &Value {
        self.blank.get_or_init(|| {
            let mut empty = Value::Object(Map::new());
            // An empty object has no value of a wrong type.
            let _ =
                self.schema.admit(&mut empty, &self.kind, &Duplicates::default(), FieldValidation::Ignore);
            empty
        })
    }

    /// Whether its objects are stored in this version.
    pub(crate) fn is_storage_version(&self) -> bool {
        match &self.view {
            View::Same => true,
            View::Events | View::Autoscaler => false,
            View::Version { stored } | View::Converted(Conversion { stored, .. }) => {
                self.kind.has_api_version(stored)
            }
        }
    }

    /// The tree that is stored for a tree of this version; 500 if it cannot be converted.
    pub(crate) fn to_stored(&self, tree: Value) -> Result<Value> {
        Ok(match &self.view {
            View::Same => tree,
            View::Events => crate::convert::event_to_core(tree),
            View::Autoscaler => autoscaler::from_v1(tree),
            View::Version { stored } => with_version(tree, stored),
            View::Converted(conversion) => {
                conversion.convert(tree, &conversion.stored).map_err(fault::bare)?
            }
        })
    }

    /// The tree that is stored for a tree of this version, with the defaults that depend on other fields. A spec that is as
    /// in `old`, a stored tree, has them already; nothing else is made of a spec but labels.
    pub(crate) fn to_completed(&self, tree: Value, old: Option<&Value>) -> Result<Value> {
        let mut stored = self.to_stored(tree)?;
        let is_complete = old.is_some_and(|old| {
            stored["spec"] == old["spec"] && stored["metadata"]["labels"] == old["metadata"]["labels"]
        });
        if !is_complete {
            self.default_spec(&mut stored);
        }
        let spec = stored.get_mut("spec").filter(|_| is_complete).map(Value::take);
        self.strategy.default(&mut stored);
        if let (Some(spec), Some(fields)) = (spec, stored.as_object_mut()) {
            fields.insert("spec", spec);
        }
        Ok(stored)
    }

    /// Fills in the defaults of the spec. Those of one that has nothing are made once: a write to `status` needs to send no
    /// other.
    fn default_spec(&self, stored: &mut Value) {
        let blank = self.blank();
        let is_blank =
            matches!(self.view, View::Same) && blank["spec"].is_object() && stored["spec"] == blank["spec"];
        if !is_blank {
            return self.strategy.default_spec(stored);
        }
        let made = self.blank_spec.get_or_init(|| {
            let mut object = blank.clone();
            self.strategy.default_spec(&mut object);
            object["spec"].take()
        });
        fields(stored).put("spec", made.clone());
    }

    /// The tree of this version for a stored tree; 500 if it cannot be converted.
    pub(crate) fn to_view(&self, tree: Value) -> Result<Value> {
        Ok(match &self.view {
            View::Same => tree,
            View::Events => crate::convert::event_from_core(tree),
            View::Autoscaler => autoscaler::to_v1(tree),
            View::Version { .. } => with_version(tree, &self.kind.api_version()),
            View::Converted(conversion) => {
                conversion.convert(tree, &self.kind.api_version()).map_err(fault::bare)?
            }
        })
    }

    /// The row for one request: what a webhook has converted for it is no other's.
    pub(crate) fn for_request(self: Arc<Self>) -> Arc<Self> {
        let View::Converted(Conversion { stored, by: Convert::Webhook(webhook) }) = &self.view else {
            return self;
        };
        let conversion = Conversion { stored: stored.clone(), by: Convert::Webhook(webhook.afresh()) };
        Arc::new(Served { view: View::Converted(conversion), ..Served::clone(&self) })
    }

    /// The webhook that converts its objects, if one does.
    pub(crate) fn webhook(&self) -> Option<&ConversionWebhook> {
        match &self.view {
            View::Converted(Conversion { by: Convert::Webhook(webhook), .. }) => Some(webhook),
            _ => None,
        }
    }

    /// How a stored object is shown in this version.
    pub(crate) fn show(&self, object: Object) -> Result<Object> {
        let object = self.in_version(object)?;
        if !self.defaults_on_read {
            return Ok(object);
        }
        let written = object.to_value()?;
        let mut tree = written.clone();
        self.schema.default(&mut tree);
        if tree == written { Ok(object) } else { Object::from_value(&tree) }
    }

    /// Drops what upstream loses once it knows who has set it; `old`, which `tree` replaces, has nothing of that.
    pub(crate) fn settle(&self, tree: &mut Value, old: Option<&Value>) {
        if matches!(self.view, View::Same) {
            self.schema.settle(tree, old);
        }
    }

    /// Fills in the defaults that the schema has got since a stored tree was written: writers see what readers do.
    pub(crate) fn catch_up(&self, tree: &mut Value) {
        if self.defaults_on_read && !matches!(self.view, View::Converted(_)) {
            self.schema.default(tree);
        }
    }

    /// Whether objects are shown as they are stored.
    pub(crate) fn shows_as_stored(&self) -> bool {
        matches!(self.view, View::Same) && !self.defaults_on_read
    }

    fn in_version(&self, object: Object) -> Result<Object> {
        match &self.view {
            View::Same => Ok(object),
            View::Version { .. } | View::Converted(_) if self.kind.has_api_version(object.api_version()) => {
                Ok(object)
            }
            View::Events | View::Autoscaler | View::Version { .. } | View::Converted(_) => {
                Object::from_value(&self.to_view(object.to_value()?)?)
            }
        }
    }

    /// What the schema finds wrong with a stored tree, which replaces `old` as a whole or in its status. A converted one is
    /// judged in the version that it was written in.
    pub(crate) fn judge(&self, tree: &Value, old: Option<&Value>, extent: Extent) -> Result<Findings> {
        let mut found = if matches!(self.view, View::Converted(_)) && !self.is_storage_version() {
            let old = old.map(|old| self.to_view(old.clone())).transpose()?;
            self.schema.findings(&self.to_view(tree.clone())?, old.as_ref(), extent)
        } else {
            self.schema.findings(tree, old, extent)
        };
        if let Some(scale) = self.scale.as_ref().filter(|_| self.custom) {
            found.errors.extend(scale.check(tree));
        }
        Ok(found)
    }
}

fn with_version(mut tree: Value, api_version: &str) -> Value {
    if let Some(fields) = tree.as_object_mut() {
        fields.insert("apiVersion".to_owned(), api_version.into());
    }
    tree
}
