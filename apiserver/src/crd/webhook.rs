//! Has a webhook convert custom resources: what has to be converted is noted, asked for at once, and then known.
//!
//! Who needs an object in another version does not wait for it: he is refused, and comes back once the webhook has
//! answered what is noted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steersman_core::tree::{Value, json};

use super::converter;
use crate::fetch::{Hooks, Place, Uncalled};
use crate::tree::Read;

/// How long an answer may take; upstream's limit of all webhooks.
const LIMIT: Duration = Duration::from_secs(30);

/// What somebody is told who needs what is not known yet.
const PENDING: &str = "the object has to be converted by a webhook first";

/// The webhook of a definition.
#[derive(Clone, Debug)]
pub(crate) struct ConversionWebhook {
    place: Place,
    /// The version of reviews that it is asked with; `None` if it knows none that we do.
    review: Option<&'static str>,
    /// What one request has asked and been told.
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug, Default)]
struct Desk {
    known: BTreeMap<Key, Value>,
    open: BTreeMap<Key, Value>,
}

/// The version that is wanted, and the text of the object.
type Key = (String, String);

impl ConversionWebhook {
    /// The webhook that a definition names, if its conversion strategy is that.
    pub(crate) fn of(definition: &Value) -> Option<Self> {
        let conversion = definition.at("spec").at("conversion");
        let webhook = conversion.at("webhook");
        let known = |name: &str| match name {
            "v1" => Some("apiextensions.k8s.io/v1"),
            "v1beta1" => Some("apiextensions.k8s.io/v1beta1"),
            _ => None,
        };
        (conversion.text("strategy") == "Webhook").then(|| ConversionWebhook {
            place: Place::read(webhook.at("clientConfig")),
            review: webhook.texts("conversionReviewVersions").find_map(known),
            desk: Arc::default(),
        })
    }

    /// The same webhook for another request.
    pub(crate) fn afresh(&self) -> Self {
        ConversionWebhook { desk: Arc::default(), ..self.clone() }
    }

    /// The object in a version, if that is known.
    ///
    /// # Errors
    /// It is not known yet, and noted.
    pub(super) fn convert(&self, object: Value, api_version: &str) -> Result<Value, String> {
        let (mut desk, key) = (self.desk(), (api_version.to_owned(), object.to_string()));
        if let Some(known) = desk.known.get(&key) {
            return Ok(known.clone());
        }
        desk.open.insert(key, object);
        Err(PENDING.to_owned())
    }

    /// Whether something is noted that the webhook was not asked yet: what was refused meanwhile was refused for that.
    pub(crate) fn has_questions(&self) -> bool {
        !self.desk().open.is_empty()
    }

    /// Asks about all that is noted.
    ///
    /// # Errors
    /// The webhook fails, or its answer is none; in upstream's words.
    pub(crate) async fn ask(&self, caller: &Hooks) -> Result<(), String> {
        let open = std::mem::take(&mut self.desk().open);
        let mut by_version: BTreeMap<String, Vec<(Key, Value)>> = BTreeMap::new();
        for (key, object) in open {
            by_version.entry(key.0.clone()).or_default().push((key, object));
        }
        for (api_version, questions) in by_version {
            let objects: Vec<Value> = questions.iter().map(|(_, object)| object.clone()).collect();
            let converted = self.review(caller, &api_version, objects).await?;
            let keys = questions.into_iter().map(|(key, _)| key);
            self.desk().known.extend(keys.zip(converted));
        }
        Ok(())
    }

    async fn review(
        &self,
        caller: &Hooks,
        api_version: &str,
        objects: Vec<Value>,
    ) -> Result<Vec<Value>, String> {
        let from = objects.first().map(converter::kind_of).unwrap_or_default();
        let failed = |why: String| format!("conversion webhook for {from} failed: {why}");
        let review = self.review.ok_or("no supported conversion review versions")?;
        let uid = caller.uid();
        let question = json!({
            "kind": "ConversionReview",
            "apiVersion": review,
            "request": {"uid": uid, "desiredAPIVersion": api_version, "objects": objects},
            "response": {"uid": "", "convertedObjects": null, "result": {"metadata": {}}},
        });
        let answer = caller.call(&self.place, LIMIT, &question).await;
        let answer = answer.map_err(|(Uncalled::Unready(why) | Uncalled::Failed(why))| failed(why))?;
        let converted = converted(&answer, review, &uid).map_err(failed)?;
        if converted.len() != objects.len() {
            let (found, wanted) = (converted.len(), objects.len());
            return Err(format!("conversion webhook for {from} returned {found} objects, expected {wanted}"));
        }
        let pairs = objects.iter().zip(converted);
        pairs
            .map(|(object, converted)| {
                converter::accept(object, converted, api_version)
                    .map_err(|why| format!("conversion webhook for {from} returned {why}"))
            })
            .collect()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The objects of an answer; upstream's `getConvertedObjectsFromResponse`.
fn converted(answer: &Value, review: &str, uid: &str) -> Result<Vec<Value>, String> {
    let response = answer.at("response");
    // Of the older version neither the names nor the uid are checked.
    let is_checked = review.ends_with("/v1");
    let (api_version, kind) = (answer.text("apiVersion"), answer.text("kind"));
    if is_checked && (api_version, kind) != (review, "ConversionReview") {
        let shown = if api_version.is_empty() { "/" } else { api_version };
        return Err(format!(
            "expected webhook response of {review}, Kind=ConversionReview, got {shown}, Kind={kind}"
        ));
    }
    if response.is_null() {
        return Err("no response provided".to_owned());
    }
    let found = response.text("uid");
    if is_checked && found != uid {
        return Err(format!("expected response.uid={uid:?}, got {found:?}"));
    }
    let result = response.at("result");
    match (result.text("status"), result.text("message")) {
        ("Success", _) => Ok(response.items("convertedObjects").to_vec()),
        (status, "") => Err(format!("response.result.status was '{status}', not 'Success'")),
        (_, message) => Err(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_is_told_in_upstreams_words() {
        let review = "apiextensions.k8s.io/v1";
        let whole =
            |response: Value| json!({"apiVersion": review, "kind": "ConversionReview", "response": response});
        let cases = [
            (
                json!({"response": {}}),
                "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got /, Kind=",
            ),
            (whole(Value::Null), "no response provided"),
            (whole(json!({"uid": "x"})), "expected response.uid=\"u\", got \"x\""),
            (
                whole(json!({"uid": "u", "result": {"status": "Failure"}})),
                "response.result.status was 'Failure', not 'Success'",
            ),
            (whole(json!({"uid": "u", "result": {"status": "Failure", "message": "no"}})), "no"),
        ];
        for (answer, why) in cases {
            assert_eq!(converted(&answer, review, "u"), Err(why.to_owned()));
        }
    }
}
