//! What a plugin says of a pod or of a pod on a node: nothing against it, or a rejection with its reasons.

use std::borrow::Cow;
use std::{fmt, ptr};

/// `Ok` where the plugin has nothing against it.
pub type Verdict = Result<(), Rejection>;

/// How a plugin's answer is to be understood; upstream's status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The plugin could not do its work. The cycle ends and is repeated after back-off.
    Error,
    /// Not now; removing other pods may help.
    Unschedulable,
    /// Not now, and removing other pods does not help.
    UnschedulableAndUnresolvable,
}

impl Code {
    /// The code as upstream spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Error => "Error",
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
        }
    }
}

/// A plugin's refusal: its code, and the reasons in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// How it is to be understood.
    pub code: Code,
    reasons: Reasons,
}

/// One fixed reason is by far the commonest case and costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reasons {
    One(Cow<'static, str>),
    Many(Vec<Cow<'static, str>>),
}

impl Rejection {
    /// Removing other pods may help.
    pub fn unschedulable(reason: impl Into<Cow<'static, str>>) -> Self {
        Rejection { code: Code::Unschedulable, reasons: Reasons::One(reason.into()) }
    }

    /// Removing other pods does not help.
    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Rejection { code: Code::UnschedulableAndUnresolvable, reasons: Reasons::One(reason.into()) }
    }

    /// The plugin could not do its work.
    pub fn error(reason: impl Into<Cow<'static, str>>) -> Self {
        Rejection { code: Code::Error, reasons: Reasons::One(reason.into()) }
    }

    /// A refusal for several reasons.
    pub fn because(code: Code, reasons: Vec<Cow<'static, str>>) -> Self {
        Rejection { code, reasons: Reasons::Many(reasons) }
    }

    /// The reasons, in the order the plugin gave them.
    pub fn reasons(&self) -> &[Cow<'static, str>] {
        match &self.reasons {
            Reasons::One(reason) => std::slice::from_ref(reason),
            Reasons::Many(reasons) => reasons,
        }
    }

    /// Whether it is about the pod and the node, rather than about a plugin that broke.
    pub fn is_rejection(&self) -> bool {
        self.code != Code::Error
    }

    /// Whether removing other pods may help.
    pub fn is_resolvable(&self) -> bool {
        self.code == Code::Unschedulable
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons().join(", "))
    }
}

/// A rejection, and the plugin that it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The name of the plugin.
    pub plugin: &'static str,
    /// What it says.
    pub rejection: Rejection,
}

impl Refusal {
    /// Whether both are the same, as can be told without reading their words.
    pub(crate) fn is_same(&self, other: &Refusal) -> bool {
        let (one, two) = (&self.rejection, &other.rejection);
        let (Reasons::One(Cow::Borrowed(reason)), Reasons::One(Cow::Borrowed(other_reason))) =
            (&one.reasons, &two.reasons)
        else {
            return false;
        };
        ptr::eq(self.plugin, other.plugin) && one.code == two.code && ptr::eq(*reason, *other_reason)
    }
}
