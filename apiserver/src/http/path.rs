//! What a path is about.

use std::borrow::Cow;

use steersman_core::api::Target;
use steersman_core::resource::GroupVersionResource;

/// A path understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A resource, an object, or a subresource of one.
    Resource {
        /// Which.
        target: Target,
        /// Whether it stands behind `/watch/`, the older way to ask for a watch.
        watch: bool,
    },
    /// Below `/api` or `/apis`, and no resource: discovery. The steps.
    Discovery(Vec<String>),
    /// Anything else.
    Elsewhere,
}

/// Understands a path. It is decoded before it is cut into steps, as upstream does: no step holds a slash.
pub(super) fn parse(path: &str) -> Place {
    let Some(path) = decode(path) else { return Place::Elsewhere };
    let Some(rest) = path.strip_prefix('/') else { return Place::Elsewhere };
    let steps: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    match steps.as_slice() {
        ["api"] | ["api", _] | ["apis"] | ["apis", _] | ["apis", _, _] => {
            Place::Discovery(steps.iter().map(|step| (*step).to_owned()).collect())
        }
        ["api", version, rest @ ..] => resource("", version, rest),
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Place::Elsewhere,
    }
}

fn resource(group: &str, version: &str, steps: &[&str]) -> Place {
    let (watch, steps) = match steps {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        all => (false, all),
    };
    let (namespace, resource, name, subresource) = match steps {
        ["namespaces", name, sub @ ("status" | "finalize")] => ("", "namespaces", *name, (*sub).to_owned()),
        ["namespaces", namespace, resource, rest @ ..] => {
            let (name, sub) = object(rest);
            (*namespace, *resource, name, sub)
        }
        [resource, rest @ ..] => {
            let (name, sub) = object(rest);
            ("", *resource, name, sub)
        }
        [] => return Place::Elsewhere,
    };
    let row = GroupVersionResource::new(group.to_owned(), version.to_owned(), resource.to_owned());
    let target = Target::all(row).in_namespace(namespace).named(name).subresource(subresource);
    Place::Resource { target, watch }
}

fn object<'a>(steps: &[&'a str]) -> (&'a str, String) {
    match steps {
        [] => ("", String::new()),
        [name, sub @ ..] => (*name, sub.join("/")),
    }
}

/// A text without its percent signs; `None` if it is no text then.
pub(super) fn decode(step: &str) -> Option<Cow<'_, str>> {
    if !step.contains('%') {
        return Some(Cow::Borrowed(step));
    }
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str) -> String {
        match parse(path) {
            Place::Resource { target, watch } => {
                let Target { resource, namespace, name, subresource } = target;
                let watch = if watch { "watch " } else { "" };
                let resource = format!("{}/{}", resource.api_version(), resource.resource);
                format!("{watch}{resource} {namespace}|{name}|{subresource}")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn paths_are_understood() {
        let cases = [
            ("/api/v1/pods", "v1/pods ||"),
            ("/api/v1/nodes/n/status", "v1/nodes |n|status"),
            ("/api/v1/namespaces", "v1/namespaces ||"),
            ("/api/v1/namespaces/a", "v1/namespaces |a|"),
            ("/api/v1/namespaces/a/finalize", "v1/namespaces |a|finalize"),
            ("/api/v1/namespaces/a/pods/p/", "v1/pods a|p|"),
            ("/apis/apps/v1/namespaces/a/deployments/d/scale", "apps/v1/deployments a|d|scale"),
            ("/api/v1/watch/namespaces/a/pods/p", "watch v1/pods a|p|"),
            ("/api/v1/namespaces/a/services/s:80/proxy/x/y", "v1/services a|s:80|proxy/x/y"),
            ("/api/v1/pods/a%3Ab", "v1/pods |a:b|"),
            ("/api/v1/pods/a%2Fb", "v1/pods |a|b"),
            ("/apis/apps", "Discovery([\"apis\", \"apps\"])"),
            ("/api/v1", "Discovery([\"api\", \"v1\"])"),
            ("/healthz", "Elsewhere"),
        ];
        for (path, expected) in cases {
            assert_eq!(shown(path), expected, "{path}");
        }
    }
}
