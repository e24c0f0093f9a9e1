//! The doors to an object other than the object itself: `binding`, `eviction`, `ephemeralcontainers`, …
//!
//! One file per subresource, one line per subresource in the list below. `status` and `scale` are served for every
//! kind alike by the pipeline.

mod approval;
mod binding;
mod budget;
mod ephemeral_containers;
mod eviction;
mod namespace_finalize;
mod resize;
mod scale;
mod token;

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use steersman_core::api::{Deletion, Target, WriteOptions};
use steersman_core::field::ErrorList;
use steersman_core::object::Metadata;
use steersman_core::tree::Value;
use steersman_core::{Error, Object, Result};

use crate::authenticate::ServiceAccounts;
use crate::reader::Reader;
use crate::strategy::WriteContext;
use crate::user::User;

pub(crate) use scale::Scale;

/// A change to an object: called with its newest version, possibly more than once.
pub type Change<'a> = dyn Fn(&mut Value) -> Result<()> + Send + Sync + 'a;

/// A change to an object's text: called with its newest version, possibly more than once.
pub type Edit<'a> = dyn Fn(&Object) -> Result<Edited> + Send + Sync + 'a;

/// What an [`Edit`] has made of an object.
pub struct Edited {
    /// Its JSON, with its owners and without a version, written as the server writes it.
    pub json: Bytes,
    /// Its metadata; the version does not matter.
    pub metadata: Metadata,
    /// The selectable fields that have changed, with their values.
    pub fields: Vec<(&'static str, String)>,
    /// Is given the object once it is stored, to tell what is known of it.
    pub stored: Box<dyn FnOnce(&Object) + Send>,
    /// Makes the same change in its tree, which has neither owners nor a version, if the server still has that.
    pub tree: Box<dyn FnOnce(&mut Value) + Send>,
}

/// A request to a subresource, and what a handler may do to the cluster.
#[async_trait]
pub trait Call: Send + Sync {
    /// What the request is about: the object and the subresource.
    fn target(&self) -> &Target;

    /// Who asks.
    fn user(&self) -> &User;

    /// The options of the request.
    fn options(&self) -> &WriteOptions;

    /// The moment, who asks, and the rest of the cluster.
    fn context(&self) -> WriteContext<'_>;

    /// Other objects, from the watch cache.
    fn cluster(&self) -> &dyn Reader;

    /// A new identifier that nobody else has.
    fn new_uid(&self) -> String;

    /// The newest version of an object; 404 if there is none.
    async fn get(&self, target: &Target) -> Result<Object>;

    /// Changes an object with `change`, which is called again on its newest version for as long as others are
    /// faster (at most 5 times), and stores what comes out: nothing is stored if `change` fails, if it changes
    /// nothing, or on a dry run. Neither admission nor the kind's strategy sees the change; upstream's
    /// `GuaranteedUpdate`.
    async fn update(&self, target: &Target, change: &Change<'_>) -> Result<Object>;

    /// The same for a small change of a large object, made in its text without reading the rest of it; the owners stay as
    /// they are. The edit must change something.
    async fn edit(&self, target: &Target, edit: &Edit<'_>) -> Result<Object>;

    /// The same as [`Call::update`] for a change of an object's status that the server itself makes, and from then on owns.
    async fn update_status(&self, target: &Target, change: &Change<'_>) -> Result<Object>;

    /// Deletes an object as a delete request of the same user would; admission is not asked again.
    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deletion>;
}

/// A subresource. A verb that discovery names and the handler leaves out answers 501.
#[async_trait]
pub trait Subresource: Send + Sync {
    /// The group and the resource it belongs to: `("", "pods")`.
    fn resource(&self) -> (&'static str, &'static str);

    /// The name: `eviction`.
    fn name(&self) -> &'static str;

    /// Fills in the defaults of a POST's body. May run more than once over the same body.
    fn default(&self, body: &mut Value) {
        let _ = body;
    }

    /// Whether a POST answers with its body, whose fields then have owners.
    fn owns_fields(&self) -> bool {
        false
    }

    /// Answers a POST: with an object, or with no more than that it went well. The body has passed its schema and
    /// admission.
    async fn create(&self, call: &dyn Call, body: Value) -> Result<Option<Value>> {
        let _ = body;
        Err(unsupported(call.target(), "POST"))
    }

    /// What a GET answers, and what a PATCH is applied to, for a stored object.
    fn show(&self, object: &Value) -> Result<Value> {
        Ok(object.clone())
    }

    /// The object as a PUT or PATCH with this (whole) body leaves it. The pipeline has checked the versions, and
    /// counts the generation if the spec differs.
    fn replace(&self, body: Value, old: &Value, cx: &WriteContext<'_>) -> Result<Value> {
        let _ = (body, old, cx);
        Err(Error::not_implemented(format!("{} cannot be updated here", self.name())))
    }

    /// Where the object has what this form has at `spec.replicas`, if the owners of that field are shared.
    fn replicas(&self) -> Option<Vec<&str>> {
        None
    }

    /// What is wrong with the object that [`Subresource::replace`] made.
    fn validate(&self, object: &Value, old: &Value) -> ErrorList {
        let _ = (object, old);
        ErrorList::new()
    }
}

/// Every subresource with rules of its own.
pub(crate) fn builtin(accounts: Option<ServiceAccounts>) -> Vec<Box<dyn Subresource>> {
    vec![
        Box::new(token::Tokens(accounts)),
        Box::new(namespace_finalize::NamespaceFinalize),
        Box::new(approval::Approval),
        Box::new(binding::Binding),
        Box::new(ephemeral_containers::EphemeralContainers),
        Box::new(eviction::Eviction),
        Box::new(resize::Resize),
    ]
}

/// The object that a request to a subresource is about.
fn parent(call: &dyn Call) -> Target {
    Target { subresource: Cow::Borrowed(""), ..call.target().clone() }
}

fn unsupported(target: &Target, verb: &str) -> Error {
    let resource = target.resource.group_resource();
    Error::not_implemented(format!("{verb} of {resource}/{} is not implemented", target.subresource))
}
