//! The pod that is judged, and how the setters of what is wrong with it are told.

use steersman_core::tree::Value;

use super::policy::Version;
use crate::tree::Read;

/// A pod, or the template of one, and the version of the standard that it is judged by.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) metadata: &'a Value,
    pub(super) spec: &'a Value,
    pub(super) version: Version,
}

/// Why a check fails.
#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn new(reason: impl Into<String>, detail: impl Into<String>) -> Option<Self> {
        Some(Finding { reason: reason.into(), detail: detail.into() })
    }
}

impl<'a> Subject<'a> {
    /// Every container, those that run first before all others.
    pub(super) fn containers(self) -> impl Iterator<Item = &'a Value> {
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(move |field| self.spec.items(field))
    }

    /// The names of the containers that are so.
    pub(super) fn those(self, is_so: impl Fn(&Value) -> bool) -> Vec<&'a str> {
        self.containers()
            .filter(|container| is_so(container))
            .map(|container| container.text("name"))
            .collect()
    }

    /// The security context of the whole pod.
    pub(super) fn security(self) -> &'a Value {
        self.spec.at("securityContext")
    }

    /// Whether the standard is that of this minor version or of a later one.
    pub(super) fn since(self, minor: u32) -> bool {
        self.version >= Version::Minor(minor)
    }

    /// Whether the pod says that it is one of Windows, where some rules make no sense.
    pub(super) fn is_windows(self) -> bool {
        self.since(25) && self.spec.at("os").text("name") == "windows"
    }

    /// Whether the pod's users are not the host's, so that root is not root.
    pub(super) fn has_own_users(self) -> bool {
        self.since(35) && self.spec.at("hostUsers") == false
    }
}

/// `container "a"`, `containers "a", "b"`.
pub(super) fn named(names: &[&str]) -> String {
    format!("{} {}", plural("container", names.len()), quoted(names))
}

/// `pod`, `pod and container "a"`.
pub(super) fn setters(pod: bool, containers: &[&str]) -> String {
    let mut setters: Vec<String> = pod.then(|| "pod".to_owned()).into_iter().collect();
    if !containers.is_empty() {
        setters.push(named(containers));
    }
    setters.join(" and ")
}

pub(super) fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// The same words, ordered, each once.
pub(super) fn distinct(mut words: Vec<&str>) -> Vec<&str> {
    words.sort_unstable();
    words.dedup();
    words
}
