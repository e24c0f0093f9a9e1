//! One webhook of a configuration, ready to be asked.

use std::time::Duration;

use steersman_core::tree::Value;

use crate::admission::policy::Preamble;
use crate::admission::selectors::Selectors;
use crate::cel::Environment;
use crate::fetch::Place;
use crate::tree::Read;

/// How long an answer may take where the configuration does not say.
const LIMIT_SECONDS: i64 = 10;

/// A webhook.
pub(super) struct Hook {
    pub(super) configuration: String,
    pub(super) name: String,
    pub(super) rules: Vec<Value>,
    /// Whether rules name resources that are the same as others of another version.
    pub(super) is_equivalent: bool,
    pub(super) selectors: Selectors,
    /// The conditions under which it is asked, and what a failure means.
    pub(super) preamble: Preamble,
    /// Whether it is asked again if others have changed the object since.
    pub(super) is_reinvocable: bool,
    /// Whether it may be asked about writes that are not stored.
    pub(super) runs_dry: bool,
    pub(super) limit: Duration,
    /// The version of reviews that it is asked with; `None` if it knows none that we do.
    pub(super) version: Option<Version>,
    pub(super) place: Place,
}

/// A version of `admission.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Beta1,
}

impl Hook {
    /// Reads a webhook that was found valid.
    pub(super) fn read(configuration: &str, hook: &Value) -> Self {
        let seconds = hook.int("timeoutSeconds").unwrap_or(LIMIT_SECONDS);
        Hook {
            configuration: configuration.to_owned(),
            name: hook.text("name").to_owned(),
            rules: hook.items("rules").to_vec(),
            is_equivalent: hook.text("matchPolicy") != "Exact",
            selectors: Selectors::read(hook),
            preamble: Preamble::compile(&mut Environment::admission(), hook),
            is_reinvocable: hook.text("reinvocationPolicy") == "IfNeeded",
            runs_dry: matches!(hook.text("sideEffects"), "None" | "NoneOnDryRun"),
            limit: Duration::from_secs(seconds.unsigned_abs()),
            version: hook.texts("admissionReviewVersions").find_map(Version::named),
            place: Place::read(hook.at("clientConfig")),
        }
    }

    /// What tells it from all others.
    pub(super) fn key(&self) -> [&str; 4] {
        [&self.configuration, &self.name, "", ""]
    }
}

impl Version {
    fn named(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Version::V1),
            "v1beta1" => Some(Version::V1Beta1),
            _ => None,
        }
    }

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Version::V1 => "admission.k8s.io/v1",
            Version::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}
