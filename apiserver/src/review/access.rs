//! SubjectAccessReview and its siblings: may somebody do this?

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::{Map, Value, json};

use super::attributes::{self, shown_path};
use super::{Asking, Review};
use crate::authorize::{Asked, Decision, ResourceAccess};
use crate::tree::Read;
use crate::user::User;

const GROUP: &str = "authorization.k8s.io";

/// Whom the question is about, and where.
pub(super) enum AccessReviews {
    /// Anybody, anywhere.
    Subject,
    /// Anybody, in the namespace of the question.
    LocalSubject,
    /// Who asks.
    SelfSubject,
}

#[async_trait]
impl Review for AccessReviews {
    fn resource(&self) -> (&'static str, &'static str) {
        let resource = match self {
            AccessReviews::Subject => "subjectaccessreviews",
            AccessReviews::LocalSubject => "localsubjectaccessreviews",
            AccessReviews::SelfSubject => "selfsubjectaccessreviews",
        };
        (GROUP, resource)
    }

    async fn answer(&self, asking: &Asking<'_>, mut question: Value) -> Result<Value> {
        let errors = self.validate(&question);
        if !errors.is_empty() {
            // These kinds leave out what they are.
            let kind = GroupVersionKind::new(GROUP, "v1", "");
            return Err(steersman_core::Error::invalid(&kind, "", &errors));
        }
        let spec = question.at("spec");
        let user = match self {
            AccessReviews::SelfSubject => asking.user.clone(),
            AccessReviews::Subject | AccessReviews::LocalSubject => User::read(spec, "user"),
        };
        let (verb, asked) = wanted(spec);
        question["status"] = status(asking.core.decide(&user, verb, asked).await);
        Ok(question)
    }
}

impl AccessReviews {
    fn validate(&self, question: &Value) -> ErrorList {
        let (spec, at) = (question.at("spec"), Path::new("spec"));
        let mut errors = check_attributes(spec, &at);
        if !matches!(self, AccessReviews::SelfSubject)
            && spec.text("user").is_empty()
            && spec.items("groups").is_empty()
        {
            let why = "at least one of user or group must be specified";
            errors.push(Error::invalid(&at.child("user"), spec.text("user"), why));
        }
        let resource = spec.at("resourceAttributes");
        errors.extend(attributes::validate(resource, &at.child("resourceAttributes")));
        self.check_metadata(question.at("metadata"), &mut errors);
        if matches!(self, AccessReviews::LocalSubject) {
            check_place(question, &mut errors);
        }
        errors
    }

    fn check_metadata(&self, metadata: &Value, errors: &mut ErrorList) {
        let (may_have, why): (&[&str], _) = match self {
            AccessReviews::LocalSubject => {
                (&["managedFields", "namespace"], "must be empty except for namespace")
            }
            AccessReviews::Subject | AccessReviews::SelfSubject => (&["managedFields"], "must be empty"),
        };
        let mut fields = metadata.as_object().into_iter().flat_map(Map::keys);
        if fields.any(|name| !may_have.contains(&name.as_str())) {
            errors.push(Error::invalid(&Path::new("metadata"), metadata, why));
        }
    }
}

fn check_attributes(spec: &Value, at: &Path<'_>) -> ErrorList {
    let (resource, path) = (spec.at("resourceAttributes"), spec.at("nonResourceAttributes"));
    match (resource.is_null(), path.is_null()) {
        (false, false) => {
            let why = "cannot be specified in combination with resourceAttributes";
            vec![Error::invalid(&at.child("nonResourceAttributes"), shown_path(path), why)]
        }
        (true, true) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            vec![Error::invalid(&at.child("resourceAttributes"), &Value::Null, why)]
        }
        _ => ErrorList::new(),
    }
}

/// A local question is about its own namespace.
fn check_place(question: &Value, errors: &mut ErrorList) {
    let spec = question.at("spec");
    let (resource, path) = (spec.at("resourceAttributes"), spec.at("nonResourceAttributes"));
    let asked = resource.text("namespace");
    if !resource.is_null() && asked != question.at("metadata").text("namespace") {
        let at = Path::new("spec.resourceAttributes.namespace");
        errors.push(Error::invalid(&at, asked, "must match metadata.namespace"));
    }
    if !path.is_null() {
        let at = Path::new("spec.nonResourceAttributes");
        errors.push(Error::invalid(&at, shown_path(path), "disallowed on this kind of request"));
    }
}

fn wanted(spec: &Value) -> (&str, Asked<'_>) {
    let (resource, path) = (spec.at("resourceAttributes"), spec.at("nonResourceAttributes"));
    if resource.is_null() {
        return (path.text("verb"), Asked::Path(path.text("path")));
    }
    let asked = ResourceAccess {
        group: resource.text("group"),
        version: resource.text("version"),
        resource: resource.text("resource"),
        subresource: resource.text("subresource"),
        namespace: resource.text("namespace"),
        name: resource.text("name"),
        fields: None,
    };
    (resource.text("verb"), Asked::Resource(asked))
}

fn status(decision: Decision) -> Value {
    let (mut status, reason) = match decision {
        Decision::Allow { reason } => (json!({"allowed": true}), reason),
        Decision::Deny { reason } => (json!({"allowed": false, "denied": true}), reason),
        Decision::NoOpinion { reason } => (json!({"allowed": false}), reason),
    };
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    status
}
