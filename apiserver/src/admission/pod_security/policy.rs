//! Which standard of security a namespace asks for, by its labels.

use std::fmt;

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use crate::tree::Read;

/// Before the name of every label.
const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much a pod may do, from everything to next to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// The version of Kubernetes whose standard is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// `v1.` and this.
    Minor(u32),
    /// The newest.
    Latest,
}

/// A level, as of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standard {
    pub(super) level: Level,
    pub(super) version: Version,
}

/// What a namespace asks for: what is enforced, and what is warned of. What would be noted for auditors is not, as
/// nothing is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) enforce: Standard,
    pub(super) warn: Standard,
}

impl Policy {
    /// The policy of a namespace, and what is wrong with its labels.
    pub(super) fn of(namespace: &Value) -> (Self, ErrorList) {
        let mut errors = ErrorList::new();
        let enforce = Standard::of(namespace, "enforce", &mut errors);
        Standard::of(namespace, "audit", &mut errors);
        let warn = Standard::of(namespace, "warn", &mut errors);
        (Policy { enforce, warn }, errors)
    }
}

impl Standard {
    fn of(namespace: &Value, mode: &str, errors: &mut ErrorList) -> Self {
        let labels = namespace.at("metadata").at("labels");
        let metadata = Path::new("metadata");
        let path = metadata.child("labels");
        let mut refuse = |key: &str, value: &str, why: &str| {
            errors.push(Error::invalid(&path.key(key), value, why));
        };
        let (level, version) = (format!("{PREFIX}{mode}"), format!("{PREFIX}{mode}-version"));
        let mut standard = Standard { level: Level::Privileged, version: Version::Latest };
        if labels.has(&level) {
            let text = labels.text(&level);
            match Level::read(text) {
                Some(known) => standard.level = known,
                // What nobody understands is the strictest.
                None => {
                    standard.level = Level::Restricted;
                    refuse(&level, text, "must be one of privileged, baseline, restricted");
                }
            }
        }
        if labels.has(&version) {
            let text = labels.text(&version);
            match Version::read(text) {
                Some(known) => standard.version = known,
                None => refuse(&version, text, "must be \"latest\" or \"v1.x\""),
            }
        }
        standard
    }
}

impl Level {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "privileged" => Level::Privileged,
            "baseline" => Level::Baseline,
            "restricted" => Level::Restricted,
            _ => return None,
        })
    }
}

impl Version {
    fn read(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(Version::Latest);
        }
        let minor = text.strip_prefix("v1.")?;
        let is_canonical = minor == "0" || !minor.starts_with(['0', '+']);
        minor.parse().ok().filter(|_| is_canonical).map(Version::Minor)
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.version {
            Version::Latest => write!(f, "{level}:latest"),
            Version::Minor(minor) => write!(f, "{level}:v1.{minor}"),
        }
    }
}
