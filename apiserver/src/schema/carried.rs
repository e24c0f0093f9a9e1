//! Checks annotations of built-in kinds that stand for what has been a field: upstream reads numbers from them.

use std::num::IntErrorKind;

use steersman_core::field::quote;
use steersman_core::resource::GroupVersionKind;
use steersman_core::tree::Value;

use crate::tree::Read;

/// Tells a deployment the revision to go back to.
pub(crate) const ROLLBACK: &str = "deprecated.deployment.rollback.revision";

/// Counts the templates that a daemon set has had.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The kinds whose annotations are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carrier {
    Deployment,
    DaemonSet,
}

impl Carrier {
    pub(super) fn of(kind: &GroupVersionKind) -> Option<Self> {
        match (&*kind.group, &*kind.kind) {
            ("apps", "Deployment") => Some(Carrier::Deployment),
            ("apps", "DaemonSet") => Some(Carrier::DaemonSet),
            _ => None,
        }
    }

    /// Why an object of the kind cannot be read, if so.
    pub(super) fn fault(self, object: &Value) -> Option<String> {
        let annotations = object.at("metadata").at("annotations");
        match self {
            Carrier::Deployment => {
                let text = Some(annotations.text(ROLLBACK)).filter(|text| !text.is_empty())?;
                let why = no_number(text)?;
                Some(format!("failed to parse annotation[{ROLLBACK}]={text} as int64: {why}"))
            }
            Carrier::DaemonSet => no_number(annotations.at(TEMPLATE_GENERATION).as_str()?),
        }
    }
}

/// Why a text is no whole number, in the words of Go.
fn no_number(text: &str) -> Option<String> {
    let error = text.parse::<i64>().err()?;
    let overflows = matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow);
    let why = if overflows { "value out of range" } else { "invalid syntax" };
    Some(format!("strconv.ParseInt: parsing {}: {why}", quote(text)))
}
