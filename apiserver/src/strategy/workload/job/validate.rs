//! What every spec of a job obeys, that of a job and that in a CronJob's template.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{failure_policy, success_policy};
use crate::strategy::{checks, internal, pod_template};
use crate::tree::Read;

/// The most pods that an Indexed job runs at a time.
const MOST_PARALLEL: i64 = 100_000;

/// From more completions than this, back-off per index has limits of its own.
const MANY: i64 = 100_000;

/// What runs at a time, and may fail, of many completions with back-off per index.
const MOST_OF_MANY: i64 = 10_000;

/// What is wrong with the spec at `at`.
pub(in crate::strategy::workload) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    counts.iter().for_each(|field| checks::non_negative(spec, field, at, errors));
    if spec.has("maxFailedIndexes") && !spec.has("backoffLimitPerIndex") {
        let why = "when maxFailedIndexes is specified";
        errors.push(Error::required(&at.child("backoffLimitPerIndex"), why));
    }
    if spec.has("managedBy") {
        check_manager(spec.text("managedBy"), &at.child("managedBy"), errors);
    }
    check_mode(spec, at, errors);
    if spec.has("podFailurePolicy") {
        failure_policy::validate(spec, &at.child("podFailurePolicy"), errors);
    }
    if spec.has("successPolicy") {
        let (policy, path) = (spec.at("successPolicy"), at.child("successPolicy"));
        if is_indexed(spec) {
            success_policy::validate(policy, spec.int("completions").unwrap_or_default(), &path, errors);
        } else {
            let why = "requires indexed completion mode";
            errors.push(Error::invalid(&path, internal::success_policy(policy), why));
        }
    }
    check_replacement(spec, &at.child("podReplacementPolicy"), errors);
    pod_template::validate(spec.at("template"), &at.child("template"), errors);
    check_restart(spec, at, errors);
}

/// Whether each pod has an index.
pub(super) fn is_indexed(spec: &Value) -> bool {
    spec.text("completionMode") == "Indexed"
}

fn check_manager(manager: &str, at: &Path<'_>, errors: &mut ErrorList) {
    checks::domain_prefixed_path(manager, at, errors);
    if manager.len() > 63 {
        errors.push(Error::too_long(at, 63));
    }
}

fn check_mode(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let mode = spec.text("completionMode");
    if spec.has("completionMode") {
        checks::one_of(mode, &["NonIndexed", "Indexed"], &at.child("completionMode"), errors);
    }
    if mode == "Indexed" {
        check_indexed(spec, at, errors);
    }
    if mode == "NonIndexed" || !spec.has("completionMode") {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(number) = spec.int(field) {
                errors.push(Error::invalid(&at.child(field), number, "requires indexed completion mode"));
            }
        }
    }
}

fn check_indexed(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let completions = spec.int("completions");
    if completions.is_none() {
        errors.push(Error::required(&at.child("completions"), "when completion mode is Indexed"));
    }
    at_most(spec, "parallelism", MOST_PARALLEL, " when completion mode is Indexed", at, errors);
    let failed = spec.int("maxFailedIndexes");
    if let Some(failed) = failed.filter(|failed| completions.is_some_and(|completions| *failed > completions))
    {
        let why = "must be less than or equal to completions";
        errors.push(Error::invalid(&at.child("maxFailedIndexes"), failed, why));
    }
    at_most(spec, "maxFailedIndexes", MOST_PARALLEL, "", at, errors);
    if completions.is_some_and(|completions| completions > MANY) && spec.has("backoffLimitPerIndex") {
        if !spec.has("maxFailedIndexes") {
            let why = format!("must be specified when completions is above {MANY}");
            errors.push(Error::required(&at.child("maxFailedIndexes"), why));
        }
        let why = format!(" when completions are above {MANY} and used with backoff limit per index");
        at_most(spec, "parallelism", MOST_OF_MANY, &why, at, errors);
        at_most(spec, "maxFailedIndexes", MOST_OF_MANY, &why, at, errors);
    }
}

fn at_most(spec: &Value, field: &str, most: i64, when: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if let Some(number) = spec.int(field).filter(|number| *number > most) {
        let why = format!("must be less than or equal to {most}{when}");
        errors.push(Error::invalid(&at.child(field), number, why));
    }
}

fn check_replacement(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !spec.has("podReplacementPolicy") {
        return;
    }
    let policies: &[&str] =
        if spec.has("podFailurePolicy") { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    checks::one_of(spec.text("podReplacementPolicy"), policies, at, errors);
}

/// Pods that end are not started again where they are, but for those that fail.
fn check_restart(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (template, restart) = (at.child("template"), spec.at("template").at("spec").text("restartPolicy"));
    let pod = template.child("spec");
    let path = pod.child("restartPolicy");
    match restart {
        "" | "Always" => errors.push(Error::required(&path, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec.has("podFailurePolicy") => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(Error::invalid(&path, restart, why));
        }
        _ => checks::one_of(restart, &["OnFailure", "Never"], &path, errors),
    }
}
