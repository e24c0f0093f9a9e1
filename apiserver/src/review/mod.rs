//! Questions that are posted and answered at once: who am I, whose token is this, may somebody do this, what may I do.
//!
//! One file per kind of question, one line in the list below.

mod access;
mod attributes;
mod rules;
mod self_subject;
mod token;

use async_trait::async_trait;
use jiff::Timestamp;
use steersman_core::Result;
use steersman_core::tree::{Value, json};

use crate::pipeline::Core;
use crate::user::User;

/// Who asks, and what can be known.
pub(crate) struct Asking<'a> {
    pub(crate) core: &'a Core,
    pub(crate) user: &'a User,
    pub(crate) now: Timestamp,
}

/// A kind of question.
#[async_trait]
pub(crate) trait Review: Send + Sync {
    /// The group and the resource.
    fn resource(&self) -> (&'static str, &'static str);

    /// The answer to a question that has the form of its kind.
    async fn answer(&self, asking: &Asking<'_>, question: Value) -> Result<Value>;
}

/// Every kind of question.
pub(crate) fn builtin() -> Vec<Box<dyn Review>> {
    vec![
        Box::new(self_subject::SelfSubjectReviews),
        Box::new(token::TokenReviews),
        Box::new(access::AccessReviews::Subject),
        Box::new(access::AccessReviews::LocalSubject),
        Box::new(access::AccessReviews::SelfSubject),
        Box::new(rules::SelfSubjectRulesReviews),
    ]
}

/// A user as the kinds write him.
fn shown(user: &User) -> Value {
    let mut shown = json!({});
    if !user.name.is_empty() {
        shown["username"] = user.name.as_str().into();
    }
    if !user.uid.is_empty() {
        shown["uid"] = user.uid.as_str().into();
    }
    if !user.groups.is_empty() {
        shown["groups"] = user.groups.clone().into();
    }
    if !user.extra.is_empty() {
        shown["extra"] = json!(user.extra);
    }
    shown
}
