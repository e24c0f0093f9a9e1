//! What is asked for: the path of a target, the query of its options.

use std::fmt::Write;

use steersman_core::api::{
    Bookmarks, FieldValidation, ListOptions, Patch, Target, VersionMatch, WatchOptions, WriteOptions,
};
use steersman_core::tree::Value;
use steersman_core::{Error, Result};

/// Where a target is.
pub(super) fn path(target: &Target) -> String {
    let resource = &target.resource;
    let mut path = match &*resource.group {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    if !target.namespace.is_empty() {
        path.push_str("/namespaces/");
        escape(&target.namespace, &mut path);
    }
    for part in [&*resource.resource, &target.name, &target.subresource] {
        if !part.is_empty() {
            path.push('/');
            escape(part, &mut path);
        }
    }
    path
}

/// The media type of a patch, and its body.
pub(super) fn patch_type(patch: &Patch) -> Result<(&'static str, &Value)> {
    match patch {
        Patch::Json(change) => Ok(("application/json-patch+json", change)),
        Patch::Merge(change) => Ok(("application/merge-patch+json", change)),
        Patch::Strategic(change) => Ok(("application/strategic-merge-patch+json", change)),
        // JSON is YAML.
        Patch::Apply(change) => Ok(("application/apply-patch+yaml", change)),
        _ => Err(Error::not_implemented("this kind of patch cannot be sent")),
    }
}

/// The options of a request, as a query has them.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    pub(super) fn of_list(options: &ListOptions) -> Self {
        let limit = if options.limit == 0 { String::new() } else { options.limit.to_string() };
        Query::default()
            .text("labelSelector", &options.labels.to_string())
            .text("fieldSelector", &options.fields.to_string())
            .text("resourceVersion", &options.resource_version)
            .text("resourceVersionMatch", version_match(options.version_match))
            .text("limit", &limit)
            .text("continue", &options.continue_token)
    }

    pub(super) fn of_watch(options: &WatchOptions) -> Self {
        let flag = |flag: bool| if flag { "true" } else { "" };
        let seconds = options.timeout.map(|limit| limit.as_secs().max(1).to_string());
        let initial = options.send_initial_events.map(|send| send.to_string());
        Query::default()
            .text("watch", "true")
            .text("labelSelector", &options.labels.to_string())
            .text("fieldSelector", &options.fields.to_string())
            .text("resourceVersion", &options.resource_version)
            .text("resourceVersionMatch", version_match(options.version_match))
            .text("allowWatchBookmarks", flag(options.bookmarks != Bookmarks::None))
            .text("sendInitialEvents", &initial.unwrap_or_default())
            .text("timeoutSeconds", &seconds.unwrap_or_default())
    }

    pub(super) fn of_write(options: &WriteOptions) -> Self {
        let validation = match options.field_validation {
            FieldValidation::Ignore => "Ignore",
            FieldValidation::Warn => "Warn",
            FieldValidation::Strict => "Strict",
        };
        Query::default()
            .text("dryRun", if options.dry_run { "All" } else { "" })
            .text("fieldManager", &options.field_manager)
            .text("fieldValidation", validation)
            .text("force", if options.force { "true" } else { "" })
    }

    /// With one more option, unless it is empty.
    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            escape(value, &mut self.0);
        }
        self
    }

    /// The path with the query behind it.
    pub(super) fn on(&self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}

fn version_match(wanted: Option<VersionMatch>) -> &'static str {
    match wanted {
        Some(VersionMatch::Exact) => "Exact",
        Some(VersionMatch::NotOlderThan) => "NotOlderThan",
        _ => "",
    }
}

/// Writes a text as a part of a URI.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // A string takes whatever is written into it.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::resource::GroupVersionResource;

    use super::*;

    #[test]
    fn targets_have_paths_and_options_queries() {
        let pods = Target::all(GroupVersionResource::new("", "v1", "pods"));
        let scale = Target::all(GroupVersionResource::new("apps", "v1", "deployments"));
        let scale = scale.in_namespace("shop").named("web").subresource("scale");
        assert_eq!(path(&pods), "/api/v1/pods");
        assert_eq!(path(&scale), "/apis/apps/v1/namespaces/shop/deployments/web/scale");
        let list = ListOptions { labels: "a in (b, c)".parse().unwrap(), limit: 5, ..ListOptions::default() };
        assert_eq!(Query::of_list(&list).on("/x"), "/x?labelSelector=a%20in%20%28b%2Cc%29&limit=5");
        assert_eq!(Query::default().on("/x"), "/x");
    }
}
