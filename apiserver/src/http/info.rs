//! What a request is about, as far as rights are concerned; upstream's `RequestInfo`.

use std::borrow::Cow;

use http::{Method, Uri};
use steersman_core::selector::FieldSelector;

use super::path::{self, Place};
use super::query::Query;
use crate::authorize::{Asked, ResourceAccess};

/// The first line of a request, read once: its verb, and what it is about.
pub(super) struct Info {
    pub(super) verb: Cow<'static, str>,
    pub(super) place: Place,
    pub(super) query: Query,
    uri: Uri,
    /// What selects the objects of a list or watch.
    fields: Option<FieldSelector>,
}

impl Info {
    /// Reads it from the first line of a request. Selectors that cannot be read restrict nothing here; the request
    /// fails over them later.
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let place = path::parse(uri.path());
        let query = Query::parse(uri.query());
        let verb = match &place {
            Place::Resource { target, watch } => {
                let watches = *watch || (query.flag("watch") && target.name.is_empty());
                Cow::Borrowed(verb(method, target.name.is_empty(), watches))
            }
            Place::Discovery(_) | Place::Elsewhere => Cow::Owned(method.as_str().to_ascii_lowercase()),
        };
        let selects = matches!(&*verb, "list" | "watch");
        let fields = selects.then(|| query.text("fieldSelector").parse().ok()).flatten();
        Info { verb, place, query, uri: uri.clone(), fields }
    }

    /// What authorisers are asked about.
    pub(super) fn asked(&self) -> Asked<'_> {
        match &self.place {
            Place::Resource { target, .. } => {
                Asked::Resource(ResourceAccess::of(target, self.fields.as_ref()))
            }
            Place::Discovery(_) | Place::Elsewhere => Asked::Path(self.uri.path()),
        }
    }
}

/// The verb of a request to a resource, as it will be carried out; empty if it will not be.
fn verb(method: &Method, is_collection: bool, watches: bool) -> &'static str {
    match (method.as_str(), is_collection) {
        ("GET" | "HEAD", _) if watches => "watch",
        ("GET" | "HEAD", true) => "list",
        ("GET" | "HEAD", false) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(method: &str, uri: &str) -> String {
        let info = Info::of(&method.parse().unwrap(), &uri.parse().unwrap());
        match info.asked() {
            Asked::Path(path) => format!("{} {path}", info.verb),
            Asked::Resource(asked) => {
                format!("{} {} {}|{}", info.verb, asked.full_resource(), asked.namespace, asked.name)
            }
        }
    }

    #[test]
    fn requests_are_about_what_they_say() {
        let cases = [
            ("GET", "/api/v1/pods", "list pods |"),
            ("GET", "/api/v1/pods?watch=1", "watch pods |"),
            ("GET", "/api/v1/watch/namespaces/a/pods", "watch pods a|"),
            ("GET", "/api/v1/pods?fieldSelector=metadata.name%3Db", "list pods |b"),
            (
                "DELETE",
                "/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Db",
                "deletecollection pods a|",
            ),
            ("GET", "/api/v1/namespaces/a", "get namespaces a|a"),
            ("PUT", "/api/v1/namespaces/a/finalize", "update namespaces/finalize a|a"),
            ("GET", "/api/v1/namespaces/a/services/s/proxy/x/y", "get services/proxy a|s"),
            ("POST", "/api/v1/namespaces/a/pods/p/exec", "create pods/exec a|p"),
            ("OPTIONS", "/api/v1/nodes", " nodes |"),
            ("POST", "/healthz", "post /healthz"),
            ("GET", "/apis", "get /apis"),
        ];
        for (method, uri, expected) in cases {
            assert_eq!(shown(method, uri), expected, "{method} {uri}");
        }
    }
}
