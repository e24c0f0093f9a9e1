//! Which standard of security a namespace asks for, by its labels.

use std::fmt;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::tree::Read;

/// The whole name of a label.
macro_rules! label {
    ($name:literal) => {
        concat!("pod-security.kubernetes.io/", $name)
    };
}

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
        let labels = namespace.at("metadata").at("labels");
        Self::read(|key| labels.has(key).then(|| labels.text(key)))
    }

    /// The policy that labels ask for, and what is wrong with them.
    pub(super) fn read<'a>(label: impl Fn(&str) -> Option<&'a str>) -> (Self, ErrorList) {
        let mut errors = ErrorList::new();
        let mut mode = |level, version| Standard::read([level, version], &label, &mut errors);
        let enforce = mode(label!("enforce"), label!("enforce-version"));
        mode(label!("audit"), label!("audit-version"));
        let warn = mode(label!("warn"), label!("warn-version"));
        (Policy { enforce, warn }, errors)
    }

    /// Whether every pod meets it.
    pub(super) fn is_lax(self) -> bool {
        self.enforce.level == Level::Privileged && self.warn.level == Level::Privileged
    }
}

impl Standard {
    /// The standard that a label for the level and one for the version ask for.
    fn read<'a>(
        [level, version]: [&str; 2],
        label: impl Fn(&str) -> Option<&'a str>,
        errors: &mut ErrorList,
    ) -> Self {
        let mut refuse = |key: &str, value: &str, why: &str| {
            errors.push(Error::invalid(&Path::new("metadata").child("labels").key(key), value, why));
        };
        let mut standard = Standard { level: Level::Privileged, version: Version::Latest };
        if let Some(text) = label(level) {
            standard.level = Level::read(text).unwrap_or_else(|| {
                refuse(level, text, "must be one of privileged, baseline, restricted");
                // What nobody understands is the strictest.
                Level::Restricted
            });
        }
        if let Some(text) = label(version) {
            standard.version = Version::read(text).unwrap_or_else(|| {
                refuse(version, text, "must be \"latest\" or \"v1.x\"");
                Version::Latest
            });
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
