//! Asks one webhook about a write, and says what its refusal or its silence comes to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use steersman_core::{Error, Result};

use super::hook::Hook;
use super::review::{self, Verdict};
use crate::admission::Attributes;
use crate::admission::shown::Shown;
use crate::fetch::{Hooks, Uncalled};

/// Why a webhook does not let a write pass.
pub(super) enum Refusal {
    /// It could not be asked, or has not answered: the policy of the webhook decides what that means.
    Silence(String),
    /// It is refused, whatever the policy says.
    Final(Error),
}

impl Hook {
    /// What the webhook says of a write that it allows.
    pub(super) async fn ask(
        &self,
        caller: &Hooks,
        write: &Attributes<'_>,
        shown: &Shown,
        is_mutating: bool,
    ) -> Result<Verdict, Refusal> {
        if write.dry_run && !self.runs_dry {
            let why = format!("admission webhook {:?} does not support dry run", self.name);
            return Err(Refusal::Final(Error::bad_request(why)));
        }
        let Some(version) = self.version else {
            let why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
            return Err(Refusal::Silence(format!("could not create admission objects: {why}")));
        };
        let uid = caller.uid();
        let question = review::question(version.api_version(), &uid, write, shown);
        let answer = caller.call(&self.place, self.limit, &question).await;
        let answer = answer.map_err(|uncalled| {
            Refusal::Silence(match uncalled {
                Uncalled::Unready(why) => format!("could not get REST client: {why}"),
                Uncalled::Failed(why) => format!("failed to call webhook: {why}"),
            })
        })?;
        let verdict = review::verdict(&answer, version, &uid, is_mutating)
            .map_err(|why| Refusal::Silence(format!("received invalid webhook response: {why}")))?;
        verdict.warnings.iter().for_each(|warning| write.warn(warning.as_str()));
        if verdict.is_allowed { Ok(verdict) } else { Err(Refusal::Final(denied(&self.name, verdict.status))) }
    }

    /// What becomes of a write that the webhook does not let pass: nothing, if its silence is ignored.
    pub(super) fn settle(&self, refusal: Refusal) -> Result<()> {
        match refusal {
            Refusal::Final(error) => Err(error),
            Refusal::Silence(why) if self.preamble.fails => {
                Err(Error::internal(format!("failed calling webhook {:?}: {why}", self.name)))
            }
            Refusal::Silence(why) => {
                tracing::warn!(webhook = self.name, why, "failed calling webhook, failing open");
                Ok(())
            }
        }
    }
}

/// The refusal of a webhook, in its own words and with its own code; upstream's `ToStatusErr`.
fn denied(name: &str, mut status: Status) -> Error {
    let head = format!("admission webhook {name:?} denied the request");
    status.code = Some(status.code.unwrap_or_default().max(400));
    if matches!(status.status.as_deref(), None | Some("" | "Success")) {
        status.status = Some("Failure".to_owned());
    }
    let told = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    status.message = Some(match told(&status.message).or_else(|| told(&status.reason)) {
        Some(why) => format!("{head}: {why}"),
        None => format!("{head} without explanation"),
    });
    Error::from_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_words_and_the_code_of_the_webhook() {
        let told = |message: &str, reason: &str, code: i32| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (message, reason) = (some(message), some(reason));
            let error = denied("a.b.c", Status { message, reason, code: Some(code), ..Status::default() });
            format!("{} {}", error.code(), error.message())
        };
        let head = "admission webhook \"a.b.c\" denied the request";
        assert_eq!(told("not today", "Forbidden", 403), format!("403 {head}: not today"));
        assert_eq!(told("", "Forbidden", 422), format!("422 {head}: Forbidden"));
        assert_eq!(told("", "", 0), format!("400 {head} without explanation"));
    }
}
