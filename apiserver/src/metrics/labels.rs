//! By what requests are told apart.

use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use steersman_core::api::Target;

/// What a request is about. Only resources that are served are named, so that clients cannot make up new ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    pub(crate) verb: &'static str,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) scope: &'static str,
}

/// A request and the code of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Coded {
    #[prometheus(flatten)]
    pub(crate) request: Request,
    pub(crate) code: u16,
}

impl Request {
    /// A request to a resource.
    pub(crate) fn to(target: &Target, method: &Method, watches: bool) -> Self {
        let subresource = target.subresource.split('/').next().unwrap_or_default();
        let scope = match (target.name.is_empty(), target.namespace.is_empty()) {
            (false, _) => "resource",
            (true, false) => "namespace",
            (true, true) => "cluster",
        };
        Request {
            verb: verb(method, target.name.is_empty(), watches),
            group: target.resource.group.to_string(),
            version: target.resource.version.to_string(),
            resource: target.resource.resource.to_string(),
            subresource: subresource.to_owned(),
            scope,
        }
    }

    /// A request to anything else.
    pub(crate) fn elsewhere(method: &Method) -> Self {
        Request { verb: verb(method, false, false), ..Request::default() }
    }
}

fn verb(method: &Method, is_collection: bool, watches: bool) -> &'static str {
    match *method {
        _ if watches => "WATCH",
        Method::GET | Method::HEAD if is_collection => "LIST",
        Method::DELETE if is_collection => "DELETECOLLECTION",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
