//! The question that a webhook is asked, and how its answer is read; upstream's `AdmissionReview`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde::Deserialize;
use steersman_core::tree::{Value, json};

use super::hook::Version;
use crate::admission::Attributes;
use crate::admission::policy::{told_kind, told_resource};
use crate::admission::shown::Shown;
use crate::tree::{Fill, Read, fields};

/// What a webhook has answered.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub(super) is_allowed: bool,
    /// Why not.
    pub(super) status: Status,
    pub(super) warnings: Vec<String>,
    /// The patch, and its type.
    pub(super) patch: Option<(Vec<u8>, String)>,
}

/// The question about a write.
pub(super) fn question(api_version: &str, uid: &str, write: &Attributes<'_>, shown: &Shown) -> Value {
    let mut request = json!({
        "uid": uid,
        "kind": told_kind(&shown.version.kind),
        "resource": told_resource(&shown.version.resource),
        "requestKind": told_kind(write.kind),
        "requestResource": told_resource(write.resource),
        "operation": write.operation.word(),
        "userInfo": user(write),
        "object": shown.object,
        "oldObject": shown.old,
        "dryRun": write.dry_run,
        "options": write.options.told(),
    });
    let request_fields = fields(&mut request);
    let told = [
        ("subResource", write.subresource),
        ("requestSubResource", write.subresource),
        ("name", write.name_told()),
        ("namespace", write.namespace_told()),
    ];
    for (field, text) in told.into_iter().filter(|(_, text)| !text.is_empty()) {
        request_fields.put(field, text);
    }
    json!({"kind": "AdmissionReview", "apiVersion": api_version, "request": request})
}

fn user(write: &Attributes<'_>) -> Value {
    let user = write.user;
    let mut told =
        json!({"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra});
    fields(&mut told).retain(|_, value| !crate::tree::is_zero(value));
    told
}

/// What the answer to a question says.
///
/// # Errors
/// It is none, or none to this question; upstream's `VerifyAdmissionResponse`.
pub(super) fn verdict(
    answer: &Value,
    version: Version,
    uid: &str,
    is_mutating: bool,
) -> Result<Verdict, String> {
    let response = answer.at("response");
    if response.is_null() {
        return Err("webhook response was absent".to_owned());
    }
    let patch = match version {
        Version::V1 => {
            check_names(answer, response, uid)?;
            patch(response, is_mutating)?
        }
        // Of the older version nothing is checked, as there were webhooks before there were checks.
        Version::V1Beta1 => match response.text("patch") {
            text if is_mutating && !text.is_empty() => Some((decode(text)?, "JSONPatch".to_owned())),
            _ => None,
        },
    };
    Ok(Verdict {
        is_allowed: response.flag("allowed"),
        status: Option::<Status>::deserialize(response.at("status")).unwrap_or_default().unwrap_or_default(),
        warnings: response.texts("warnings").map(str::to_owned).collect(),
        patch,
    })
}

fn check_names(answer: &Value, response: &Value, uid: &str) -> Result<(), String> {
    let found = response.text("uid");
    if found != uid {
        return Err(format!("expected response.uid={uid:?}, got {found:?}"));
    }
    let (api_version, kind) = (answer.text("apiVersion"), answer.text("kind"));
    let wanted = Version::V1.api_version();
    if (api_version, kind) != (wanted, "AdmissionReview") {
        let shown = if api_version.is_empty() { "/" } else { api_version };
        return Err(format!(
            "expected webhook response of {wanted}, Kind=AdmissionReview, got {shown}, Kind={kind}"
        ));
    }
    Ok(())
}

fn patch(response: &Value, is_mutating: bool) -> Result<Option<(Vec<u8>, String)>, String> {
    let (patch, kind) = (response.text("patch"), response.at("patchType").as_str());
    let refused = match (is_mutating, patch, kind) {
        (_, "", None) => return Ok(None),
        (true, "", Some(_)) => "webhook returned response.patchType but not response.patch",
        (true, _, None) => "webhook returned response.patch but not response.patchType",
        (true, _, Some("")) => "webhook returned invalid response.patchType of \"\"",
        (true, _, Some(kind)) => return Ok(Some((decode(patch)?, kind.to_owned()))),
        (false, "", Some(_)) => "validating webhook may not return response.patchType",
        (false, ..) => "validating webhook may not return response.patch",
    };
    Err(refused.to_owned())
}

fn decode(patch: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(patch).map_err(|why| format!("response.patch is not base64: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_to_the_question_is_told_in_upstreams_words() {
        let whole = |response: Value| json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
        let cases = [
            (json!({}), true, "webhook response was absent"),
            (whole(json!({"uid": "x"})), true, "expected response.uid=\"u\", got \"x\""),
            (
                json!({"response": {"uid": "u"}}),
                true,
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=",
            ),
            (
                whole(json!({"uid": "u", "patch": "W10="})),
                true,
                "webhook returned response.patch but not response.patchType",
            ),
            (
                whole(json!({"uid": "u", "patchType": "JSONPatch"})),
                true,
                "webhook returned response.patchType but not response.patch",
            ),
            (
                whole(json!({"uid": "u", "patch": "W10="})),
                false,
                "validating webhook may not return response.patch",
            ),
            (
                whole(json!({"uid": "u", "patchType": "JSONPatch"})),
                false,
                "validating webhook may not return response.patchType",
            ),
        ];
        for (answer, is_mutating, why) in cases {
            assert_eq!(verdict(&answer, Version::V1, "u", is_mutating), Err(why.to_owned()));
        }
        let patched = whole(json!({"uid": "u", "allowed": true, "patch": "W10=", "patchType": "JSONPatch"}));
        let verdict = verdict(&patched, Version::V1, "u", true).unwrap();
        assert_eq!(
            (verdict.is_allowed, verdict.patch),
            (true, Some((b"[]".to_vec(), "JSONPatch".to_owned())))
        );
    }
}
