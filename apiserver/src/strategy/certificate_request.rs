//! CertificateSigningRequests: they tell who made them, which nobody can claim or change.

use std::borrow::Cow;

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::tree::{Value, json};
use steersman_core::{formats, names};

use super::{Strategy, WriteContext, checks, issued_certificate, request_frame};
use crate::moment::seconds;
use crate::tree::{Fill, Read, fields};

/// The fields of the spec that the server sets.
const OWN: [&str; 4] = ["username", "uid", "groups", "extra"];

/// The conditions that say whether a certificate may be issued.
const DECISIONS: [&str; 2] = ["Approved", "Denied"];

/// The shortest life of a certificate, in seconds.
const SHORTEST: i64 = 600;

/// The longest domain of a signer, and the longest name of one: the domain, a namespace and a name in it, in bytes.
const LONGEST_DOMAIN: usize = 253;
const LONGEST_SIGNER: usize = LONGEST_DOMAIN + 1 + 63 + 1 + 253;

/// The signer that requests of before `v1` could name.
const LEGACY_SIGNER: &str = "kubernetes.io/legacy-unknown";

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// The strategy of certificate signing requests.
pub(super) struct CertificateRequests;

impl Strategy for CertificateRequests {
    fn prepare_create(&self, object: &mut Value, cx: &WriteContext<'_>) {
        let spec = fields(object).object("spec");
        OWN.iter().for_each(|field| spec.drop_field(field));
        let user = cx.user;
        spec.put("username", user.name.as_str());
        if !user.uid.is_empty() {
            spec.put("uid", user.uid.as_str());
        }
        if !user.groups.is_empty() {
            spec.put("groups", user.groups.as_slice());
        }
        if !user.extra.is_empty() {
            spec.put("extra", json!(user.extra));
        }
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        fields(object).put("spec", old.at("spec").clone());
    }

    /// Whether a request is approved is said through another door: what was said of it stays as it is, unless that is
    /// added or removed, which is refused.
    fn prepare_status(&self, object: &mut Value, old: &Value, cx: &WriteContext<'_>) {
        let conditions = fields(object).object("status").items_mut("conditions");
        for kind in DECISIONS {
            let is_of = |condition: &&Value| condition.text("type") == kind;
            let before: Vec<&Value> = old.at("status").items("conditions").iter().filter(is_of).collect();
            let now: Vec<&mut Value> = conditions.iter_mut().filter(|one| one.text("type") == kind).collect();
            if before.len() == now.len() {
                now.into_iter().zip(before).for_each(|(now, before)| now.clone_from(before));
            }
        }
        stamp_conditions(object, old, cx);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        check_request(spec, &at.child("request"), &mut errors);
        check_usages(spec, &at.child("usages"), &mut errors);
        check_signer(spec, &at, &mut errors);
        if let Some(seconds) = spec.int("expirationSeconds").filter(|seconds| *seconds < SHORTEST) {
            let why = format!("may not specify a duration less than {SHORTEST} seconds (10 minutes)");
            errors.push(Error::invalid(&at.child("expirationSeconds"), seconds, why));
        }
        errors
    }

    fn validate_update(&self, _object: &Value, _old: &Value) -> ErrorList {
        ErrorList::new()
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, status) = (validate_conditions(object, old), Path::new("status"));
        let (now, was) = (object.at("status").text("certificate"), old.at("status").text("certificate"));
        let at = status.child("certificate");
        let fault = if now == was || issued_certificate::fault(was).is_some() {
            None
        } else {
            issued_certificate::fault(now)
        };
        errors.extend(fault.map(|why| Error::invalid(&at, "<certificate data>", why)));
        errors.extend(removed(object, old));
        for kind in DECISIONS.into_iter().filter(|kind| count(object, kind) > count(old, kind)) {
            let why = format!("updates may not add a condition of type {kind:?}");
            errors.push(Error::forbidden(&status.child("conditions"), why));
        }
        if now != was && !was.is_empty() {
            errors.push(Error::forbidden(&at, "updates may not modify existing certificate content"));
        }
        errors
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        formats::path_segment(name, is_prefix)
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> Cow<'a, str> {
        Cow::Borrowed(object.at("spec").text("signerName"))
    }
}

fn check_request(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(spec.text("request")).unwrap_or_default();
    let fault = match issued_certificate::first_block(&bytes, "CERTIFICATE REQUEST") {
        Some(der) => request_frame::fault(&der),
        None => Some("PEM block type must be CERTIFICATE REQUEST".to_owned()),
    };
    if let Some(why) = fault {
        let shown = if bytes.is_empty() { &Value::Null } else { spec.at("request") };
        errors.push(Error::invalid(at, shown, why));
    }
}

fn check_usages(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let usages: Vec<&str> = spec.texts("usages").collect();
    if usages.is_empty() {
        errors.push(Error::required(at, ""));
    }
    for (index, usage) in usages.iter().enumerate() {
        checks::one_of(usage, &USAGES, &at.index(index), errors);
    }
    for (index, usage) in usages.iter().enumerate().filter(|(index, usage)| usages[..*index].contains(usage))
    {
        errors.push(Error::duplicate(&at.index(index), *usage));
    }
}

fn check_signer(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !checks::required(spec, "signerName", at, errors) {
        return;
    }
    let (name, path) = (spec.text("signerName"), at.child("signerName"));
    if name == LEGACY_SIGNER {
        let why = "the legacy signerName is not allowed via this API version";
        errors.push(Error::invalid(&path, name, why));
        return;
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.contains('/')) else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.push(Error::invalid(&path, name, why));
        return;
    };
    if domain.len() > LONGEST_DOMAIN {
        errors.push(Error::too_long(&path, LONGEST_DOMAIN));
    }
    check_labels(domain, names::dns1123_label, &path, errors);
    if !domain.contains('.') {
        let why = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(&path, domain, why));
    }
    check_labels(rest, names::dns1123_subdomain, &path, errors);
    if name.len() > LONGEST_SIGNER {
        errors.push(Error::too_long(&path, LONGEST_SIGNER));
    }
}

/// The first of the labels of a name that has not their form.
fn check_labels(name: &str, form: fn(&str) -> Vec<String>, at: &Path<'_>, errors: &mut ErrorList) {
    let faults = name.split('.').map(|label| (label, form(label))).find(|(_, faults)| !faults.is_empty());
    for (label, fault) in
        faults.into_iter().flat_map(|(label, faults)| faults.into_iter().map(move |why| (label, why)))
    {
        errors.push(Error::invalid(at, name, format!("validating label {}: {fault}", quote(label))));
    }
}

/// What is wrong with a request about which a decision is made.
pub(crate) fn validate_approval(request: &Value, old: &Value) -> ErrorList {
    let mut errors = validate_conditions(request, old);
    errors.extend(removed(request, old));
    errors
}

/// How many conditions of a type there are.
fn count(request: &Value, kind: &str) -> usize {
    let conditions = request.at("status").items("conditions");
    conditions.iter().filter(|condition| condition.text("type") == kind).count()
}

/// Conditions that stay once they are there, and are missing.
fn removed(request: &Value, old: &Value) -> ErrorList {
    let status = Path::new("status");
    let at = status.child("conditions");
    let lost = ["Approved", "Denied", "Failed"].into_iter();
    let lost = lost.filter(|kind| count(request, kind) < count(old, kind));
    let refused = lost
        .map(|kind| Error::forbidden(&at, format!("updates may not remove a condition of type {kind:?}")));
    refused.collect()
}

/// What is wrong with the conditions of a request, and was not so before.
fn validate_conditions(request: &Value, old: &Value) -> ErrorList {
    let (mut errors, status) = (ErrorList::new(), Path::new("status"));
    let (conditions, at) = (request.at("status").items("conditions"), status.child("conditions"));
    let was_both = DECISIONS.iter().all(|kind| count(old, kind) > 0);
    let has = |conditions: &[Value], kind: &str| conditions.iter().any(|one| one.text("type") == kind);
    let before = old.at("status").items("conditions");
    let was_repeated = before.iter().any(|one| count(old, one.text("type")) > 1);
    for (index, condition) in conditions.iter().enumerate() {
        let (path, kind) = (at.index(index), condition.text("type"));
        if !has(before, "") {
            checks::required(condition, "type", &path, &mut errors);
        }
        let (word, path) = (condition.text("status"), path.child("status"));
        let words: &[&str] = match kind {
            "Approved" | "Denied" | "Failed" => &["True"],
            _ => &["False", "True", "Unknown"],
        };
        checks::required_one_of(word, words, &path, &mut errors);
        let other = DECISIONS.iter().find(|other| DECISIONS.contains(&kind) && **other != kind);
        if !was_both && other.is_some_and(|other| has(&conditions[..index], other)) {
            let why = "Approved and Denied conditions are mutually exclusive";
            errors.push(Error::invalid(&at, kind, why));
        }
        if !was_repeated && has(&conditions[..index], kind) {
            errors.push(Error::duplicate(&at.index(index).child("type"), kind));
        }
    }
    errors
}

/// Says when conditions came, where they do not: those that were there already keep their time.
pub(crate) fn stamp_conditions(object: &mut Value, old: &Value, cx: &WriteContext<'_>) {
    let now = seconds(cx.now);
    let before = old.at("status").items("conditions");
    for condition in fields(object).object("status").objects_mut("conditions") {
        let is_same =
            |was: &&Value| ["type", "status"].iter().all(|field| was.at(field) == condition.at(field));
        let mut times = before.iter().filter(is_same).map(|was| was.text("lastTransitionTime"));
        let since = times.find(|time| !time.is_empty()).unwrap_or(&now).to_owned();
        condition.fill("lastTransitionTime", since);
        condition.fill("lastUpdateTime", now.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(conditions: &[&str], certificate: &str) -> Value {
        let conditions: Vec<Value> =
            conditions.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
        json!({"status": {"conditions": conditions, "certificate": certificate}})
    }

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_decision_stays_and_is_not_made_through_the_status() {
        let (open, approved) = (request(&[], ""), request(&["Approved"], ""));
        let at = "status.conditions: Forbidden: updates may not";
        let removed = format!("{at} remove a condition of type \"Approved\"");
        assert_eq!(texts(&validate_approval(&open, &approved)), removed);
        assert_eq!(texts(&validate_approval(&approved, &open)), "");
        let status = |object: &Value, old: &Value| texts(&CertificateRequests.validate_status(object, old));
        assert_eq!(status(&open, &approved), removed);
        assert_eq!(status(&approved, &open), format!("{at} add a condition of type \"Approved\""));
        let both = request(&["Approved", "Denied"], "");
        let exclusive = "status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive";
        assert_eq!(texts(&validate_approval(&both, &open)), exclusive);
    }

    #[test]
    fn a_signer_has_a_domain_and_a_path() {
        let faults = |name: &str| {
            let mut errors = ErrorList::new();
            check_signer(&json!({"signerName": name}), &Path::new("spec"), &mut errors);
            errors
                .iter()
                .map(|error| error.detail.get(..30).unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(faults("example.com/a.b"), Vec::<String>::new());
        assert_eq!(faults("a/b"), ["should be a domain with at lea"]);
        assert_eq!(faults("A.b/"), ["validating label \"A\": a lowerc", "validating label \"\": a lowerca"]);
        assert_eq!(faults("a.b/c/d"), ["must be a fully qualified doma"]);
        assert_eq!(faults(LEGACY_SIGNER), ["the legacy signerName is not a"]);
    }

    #[test]
    fn a_request_is_pem_and_says_what_for() {
        use base64::Engine;
        let faults = |pem: &str, usages: &[&str]| {
            let request = base64::engine::general_purpose::STANDARD.encode(pem);
            let spec = json!({"request": request, "usages": usages, "signerName": "a.b/c"});
            texts(&CertificateRequests.validate(&json!({"spec": spec})))
        };
        let request = base64::engine::general_purpose::STANDARD.encode(request_frame::BARE);
        let block = |kind: &str| format!("-----BEGIN {kind}-----\n{request}\n-----END {kind}-----\n");
        let unfit = "PEM block type must be CERTIFICATE REQUEST";
        assert_eq!(faults(&block("CERTIFICATE REQUEST"), &["any"]), "");
        let empty = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
        assert!(faults(empty, &["any"]).ends_with("asn1: syntax error: sequence truncated"));
        assert!(faults(&block("CERTIFICATE"), &["any"]).ends_with(unfit));
        assert!(faults("-----BEGIN CERTIFICATE REQUEST-----\nMAA=", &["any"]).ends_with(unfit));
        let told = faults(&block("CERTIFICATE REQUEST"), &["any", "any", "x"]);
        let (unknown, twice) =
            (told.find("usages[2]: Unsupported").unwrap(), told.find("usages[1]: Dup").unwrap());
        assert!(unknown < twice, "{told}");
    }

    #[test]
    fn a_certificate_is_issued_once() {
        let status = |object: &Value, old: &Value| texts(&CertificateRequests.validate_status(object, old));
        assert_eq!(
            status(&request(&[], "eA=="), &request(&[], "")),
            "status.certificate: Invalid value: \"<certificate data>\": must contain at least one CERTIFICATE PEM \
             block"
        );
        assert_eq!(
            status(&request(&[], ""), &request(&[], "eA==")),
            "status.certificate: Forbidden: updates may not modify existing certificate content"
        );
    }
}
