//! What can go wrong with a request: a Kubernetes `Status`, with upstream's reasons, codes and wording.
//!
//! The counterpart of upstream's `k8s.io/apimachinery/pkg/api/errors`.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Status, StatusCause, StatusDetails};

use crate::field;
use crate::resource::{GroupResource, GroupVersionKind};

/// The outcome of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed request, as the `Status` that a client would receive.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Status>);

/// Why a request failed, in one word; upstream's `StatusReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// 401: who is asking is not known.
    Unauthorized,
    /// 403: who is asking may not.
    Forbidden,
    /// 404: it does not exist.
    NotFound,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: the object has changed meanwhile, or another manager owns a field.
    Conflict,
    /// 410: the requested history is gone for good.
    Gone,
    /// 410: the requested version is too old; list again.
    Expired,
    /// 422: fields have wrong values.
    Invalid,
    /// 500: try again a little later.
    ServerTimeout,
    /// 504: not done in time.
    Timeout,
    /// 429: too many requests, or a disruption budget that is used up.
    TooManyRequests,
    /// 400: the request makes no sense.
    BadRequest,
    /// 405: the resource does not serve this verb.
    MethodNotAllowed,
    /// 406: the answer cannot be had in that form.
    NotAcceptable,
    /// 413: the body is too large.
    RequestEntityTooLarge,
    /// 415: the body is in a form that is not understood.
    UnsupportedMediaType,
    /// 500: a bug or a broken part.
    InternalError,
    /// 503: not now.
    ServiceUnavailable,
    /// Another reason, or none.
    Unknown,
}

const REASONS: &[(Reason, u16, &str)] = &[
    (Reason::Unauthorized, 401, "Unauthorized"),
    (Reason::Forbidden, 403, "Forbidden"),
    (Reason::NotFound, 404, "NotFound"),
    (Reason::AlreadyExists, 409, "AlreadyExists"),
    (Reason::Conflict, 409, "Conflict"),
    (Reason::Gone, 410, "Gone"),
    (Reason::Expired, 410, "Expired"),
    (Reason::Invalid, 422, "Invalid"),
    (Reason::ServerTimeout, 500, "ServerTimeout"),
    (Reason::Timeout, 504, "Timeout"),
    (Reason::TooManyRequests, 429, "TooManyRequests"),
    (Reason::BadRequest, 400, "BadRequest"),
    (Reason::MethodNotAllowed, 405, "MethodNotAllowed"),
    (Reason::NotAcceptable, 406, "NotAcceptable"),
    (Reason::RequestEntityTooLarge, 413, "RequestEntityTooLarge"),
    (Reason::UnsupportedMediaType, 415, "UnsupportedMediaType"),
    (Reason::InternalError, 500, "InternalError"),
    (Reason::ServiceUnavailable, 503, "ServiceUnavailable"),
];

impl Reason {
    /// The reason as a `Status` spells it; empty for [`Reason::Unknown`].
    pub fn as_str(self) -> &'static str {
        REASONS.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }

    /// The HTTP status code that goes with the reason.
    pub fn code(self) -> u16 {
        REASONS.iter().find(|row| row.0 == self).map_or(500, |row| row.1)
    }
}

/// What is told when a write was based on an old version.
pub const STALE: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

impl Error {
    // Errors are rare: what leads to one is kept out of the way of what goes well.

    /// A failure with a reason, that reason's code, and a message.
    #[cold]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let text = reason.as_str();
        Error(Box::new(Status {
            code: Some(i32::from(reason.code())),
            message: Some(message.into()),
            metadata: ListMeta::default(),
            reason: (!text.is_empty()).then(|| text.to_owned()),
            status: Some("Failure".to_owned()),
            details: None,
        }))
    }

    /// `pods "web" not found`.
    #[cold]
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::new(Reason::NotFound, format!("{resource} {} not found", field::quote(name))).about(
            &resource.group,
            &resource.resource,
            name,
        )
    }

    /// `pods "web" already exists`.
    #[cold]
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::new(Reason::AlreadyExists, format!("{resource} {} already exists", field::quote(name))).about(
            &resource.group,
            &resource.resource,
            name,
        )
    }

    /// `Operation cannot be fulfilled on pods "web": why`. See [`STALE`].
    #[cold]
    pub fn conflict(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let name_quoted = field::quote(name);
        Self::new(
            Reason::Conflict,
            format!("Operation cannot be fulfilled on {resource} {name_quoted}: {why}"),
        )
        .about(&resource.group, &resource.resource, name)
    }

    /// `pods "web" is forbidden: why`; without a name, `pods is forbidden: why`.
    #[cold]
    pub fn forbidden(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource} is forbidden: {why}"),
            (false, false) => format!("{resource} {} is forbidden: {why}", field::quote(name)),
        };
        Self::new(Reason::Forbidden, message).about(&resource.group, &resource.resource, name)
    }

    /// `Deployment.apps "web" is invalid: …`, with one cause a field.
    #[cold]
    pub fn invalid(kind: &GroupVersionKind, name: &str, errors: &[field::Error]) -> Self {
        let message =
            format!("{} {} is invalid: {}", kind.group_kind(), field::quote(name), field::aggregate(errors));
        let mut error = Self::new(Reason::Invalid, message).about(&kind.group, &kind.kind, name);
        error.details().causes = Some(errors.iter().map(cause).collect());
        error
    }

    /// 400 with a message of the caller's.
    #[cold]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// 410 Expired: the version or continue token is too old.
    #[cold]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// `delete is not supported on resources of kind "pods"`.
    #[cold]
    pub fn method_not_supported(resource: &GroupResource, verb: &str) -> Self {
        let message =
            format!("{verb} is not supported on resources of kind {}", field::quote(&resource.to_string()));
        Self::new(Reason::MethodNotAllowed, message).about(&resource.group, &resource.resource, "")
    }

    /// 429 with a hint when to come back.
    #[cold]
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        let mut error = Self::new(Reason::TooManyRequests, message);
        error.details().retry_after_seconds = (retry_after_seconds > 0).then_some(retry_after_seconds);
        error
    }

    /// `Internal error occurred: why`: a bug, or a part that broke.
    #[cold]
    pub fn internal(why: impl fmt::Display) -> Self {
        let why = why.to_string();
        let mut error = Self::new(Reason::InternalError, format!("Internal error occurred: {why}"));
        error.details().causes = Some(vec![StatusCause { message: Some(why), ..StatusCause::default() }]);
        error
    }

    /// 501: the request is understood, and this server does not do it (`docs/support.md` lists what it does).
    #[cold]
    pub fn not_implemented(message: impl Into<String>) -> Self {
        let mut error = Self::new(Reason::Unknown, message);
        error.0.code = Some(501);
        error.0.reason = Some("NotImplemented".to_owned());
        error
    }

    /// An error that another server sent.
    #[cold]
    pub fn from_status(status: Status) -> Self {
        Error(Box::new(status))
    }

    /// The `Status` that a client receives.
    pub fn status(&self) -> &Status {
        &self.0
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.0.code.and_then(|code| u16::try_from(code).ok()).unwrap_or(500)
    }

    /// Why it failed, in one word.
    pub fn reason(&self) -> Reason {
        let text = self.0.reason.as_deref().unwrap_or_default();
        REASONS.iter().find(|row| row.2 == text).map_or(Reason::Unknown, |row| row.0)
    }

    /// The sentence a person reads.
    pub fn message(&self) -> &str {
        self.0.message.as_deref().unwrap_or_default()
    }

    /// The causes, one a field where fields are at fault.
    pub fn causes(&self) -> &[StatusCause] {
        self.0.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default()
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.reason() == Reason::NotFound
    }

    /// Whether the name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.reason() == Reason::AlreadyExists
    }

    /// Whether the object has changed since it was read.
    pub fn is_conflict(&self) -> bool {
        self.reason() == Reason::Conflict
    }

    /// Whether the version asked for is no longer kept: list again.
    pub fn is_expired(&self) -> bool {
        matches!(self.reason(), Reason::Expired | Reason::Gone)
    }

    /// Whether fields have wrong values.
    pub fn is_invalid(&self) -> bool {
        self.reason() == Reason::Invalid
    }

    /// Whether the same request may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        use Reason::{Conflict, InternalError, ServerTimeout, ServiceUnavailable, Timeout, TooManyRequests};
        matches!(
            self.reason(),
            Conflict | InternalError | ServerTimeout | ServiceUnavailable | Timeout | TooManyRequests
        )
    }

    /// Says which object the error is about. `kind` is the resource, or the kind where the error is about fields.
    #[must_use]
    #[cold]
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let details = self.details();
        details.group = some(group);
        details.kind = some(kind);
        details.name = some(name);
        self
    }

    /// Adds a cause.
    #[must_use]
    #[cold]
    pub fn with_cause(mut self, reason: &str, field: &str, message: impl Into<String>) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let cause = StatusCause { field: some(field), message: Some(message.into()), reason: some(reason) };
        self.details().causes.get_or_insert_default().push(cause);
        self
    }

    fn details(&mut self) -> &mut StatusDetails {
        self.0.details.get_or_insert_default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

fn cause(error: &field::Error) -> StatusCause {
    StatusCause {
        field: Some(error.field.clone()),
        message: Some(error.body()),
        reason: Some(error.kind.reason().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Path;

    #[test]
    fn messages_are_upstreams() {
        let pods = GroupResource::new("", "pods");
        let sets = GroupResource::new("apps", "replicasets");
        assert_eq!(Error::not_found(&pods, "web").message(), r#"pods "web" not found"#);
        assert_eq!(Error::already_exists(&sets, "a").message(), r#"replicasets.apps "a" already exists"#);
        assert_eq!(Error::forbidden(&pods, "", "no").message(), "pods is forbidden: no");
        assert_eq!(
            Error::conflict(&pods, "web", STALE).message(),
            format!("Operation cannot be fulfilled on pods \"web\": {STALE}")
        );
    }

    #[test]
    fn an_invalid_object_lists_every_field_once() {
        let kind = GroupVersionKind::new("apps", "v1", "Deployment");
        let spec = Path::new("spec");
        let missing = field::Error::required(&spec.child("selector"), "");
        let negative = field::Error::invalid(&spec.child("replicas"), -1, "must be positive");
        let error = Error::invalid(&kind, "web", &[missing.clone(), missing, negative]);
        assert_eq!(error.code(), 422);
        assert_eq!(
            error.message(),
            "Deployment.apps \"web\" is invalid: [spec.selector: Required value, \
             spec.replicas: Invalid value: -1: must be positive]"
        );
        assert_eq!(error.causes().len(), 3);
        assert_eq!(error.causes()[2].message.as_deref(), Some("Invalid value: -1: must be positive"));
    }
}
