//! What the status of a job may say, and what of it may not be taken back.
//!
//! Most rules are for what a write changes only: a controller must be able to go on with a status that is wrong already.

use steersman_core::field::{Error, ErrorList, Path, Shown};
use steersman_core::tree::Value;

use super::indexes;
use super::validate::is_indexed;
use crate::strategy::checks::{self, IMMUTABLE, Omitted};
use crate::strategy::internal;
use crate::tree::Read;

/// What is wrong with a status that replaces that of `old`.
pub(super) fn validate(object: &Value, old: &Value) -> ErrorList {
    let (status, was) = (object.at("status"), old.at("status"));
    let at = Path::new("status");
    let mut check = Check { spec: object.at("spec"), status, was, at: &at, errors: ErrorList::new() };
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        checks::non_negative(status, field, &at, &mut check.errors);
    }
    check.uncounted();
    check.end();
    check.finished();
    check.indexes();
    check.pods();
    check.success();
    check.change();
    check.errors
}

/// A status, that which it replaces, and what was found wrong so far.
struct Check<'a> {
    spec: &'a Value,
    status: &'a Value,
    was: &'a Value,
    at: &'a Path<'a>,
    errors: ErrorList,
}

impl Check<'_> {
    fn refuse(&mut self, is_wrong: bool, field: &str, shown: impl Shown, why: &str) {
        if is_wrong {
            self.errors.push(Error::invalid(&self.at.child(field), shown, why));
        }
    }

    fn refuse_conditions(&mut self, is_wrong: bool, why: &str) {
        self.refuse(is_wrong, "conditions", Omitted, why);
    }

    fn require(&mut self, is_missing: bool, field: &str, why: &str) {
        if is_missing {
            self.errors.push(Error::required(&self.at.child(field), why));
        }
    }

    fn is(&self, kind: &str) -> bool {
        is_true(self.status, kind)
    }

    fn flips(&self, kind: &str) -> bool {
        is_true(self.status, kind) != is_true(self.was, kind)
    }

    fn finishes(&self) -> bool {
        is_finished(self.status) != is_finished(self.was)
    }

    fn changes(&self, field: &str) -> bool {
        self.status.at(field) != self.was.at(field)
    }

    fn uncounted(&mut self) {
        let (pods, path) =
            (self.status.at("uncountedTerminatedPods"), self.at.child("uncountedTerminatedPods"));
        let mut seen: Vec<&str> = Vec::new();
        for list in ["succeeded", "failed"] {
            for (index, uid) in pods.texts(list).enumerate() {
                let (list, empty) = (path.child(list), "must not be empty");
                match uid {
                    "" => self.errors.push(Error::invalid(&list.index(index), uid, empty)),
                    _ if seen.contains(&uid) => self.errors.push(Error::duplicate(&list.index(index), uid)),
                    _ => seen.push(uid),
                }
            }
        }
    }

    /// How a job ends, and when.
    fn end(&mut self) {
        let (status, time) = (self.status, "completionTime");
        let (complete, failed, targeted) = (self.is("Complete"), self.is("Failed"), self.is("FailureTarget"));
        let wrong = (self.flips("Complete") || self.flips("Failed")) && complete && failed;
        self.refuse_conditions(wrong, "cannot set Complete=True and Failed=true conditions");
        let wrong = (self.flips("Complete") || self.flips("FailureTarget")) && complete && targeted;
        self.refuse_conditions(wrong, "cannot set Complete=True and FailureTarget=true conditions");
        let (is_new, ended) = (self.flips("Complete") || self.changes(time), status.has(time));
        let why = "cannot set completionTime when there is no Complete=True condition";
        self.refuse(is_new && ended && !complete, time, status.at(time), why);
        let missing = is_new && !ended && complete;
        self.require(missing, time, "completionTime is required for Complete jobs");
        let moment = |field: &str| status.text(field).parse::<jiff::Timestamp>().ok();
        let early = moment(time).zip(moment("startTime")).is_some_and(|(end, start)| end < start);
        let wrong = early && (self.changes("startTime") || self.changes(time));
        self.refuse(wrong, time, status.at(time), "must be equal to or after `startTime`");
        let wrong = (self.flips("Failed") || self.changes("failedIndexes")) && failed && !targeted;
        let why = "cannot set Failed=True condition without the FailureTarget=true condition";
        self.refuse_conditions(wrong, why);
        let is_new = self.flips("Complete") || self.flips("SuccessCriteriaMet");
        let wrong = is_new && complete && !self.is("SuccessCriteriaMet");
        let why = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
        self.refuse_conditions(wrong, why);
    }

    fn finished(&mut self) {
        if !is_finished(self.status) {
            return;
        }
        let (finishes, status, pods) = (self.finishes(), self.status, "uncountedTerminatedPods");
        let active = count(status, "active");
        let wrong = (finishes || active != count(self.was, "active")) && active > 0;
        self.refuse(wrong, "active", active, "active>0 is invalid for finished job");
        let never_ran = self.spec.flag("suspend") && self.spec.int("completions") == Some(0);
        let missing = (finishes || self.changes("startTime")) && !never_ran && !status.has("startTime");
        self.require(missing, "startTime", "startTime is required for finished job");
        let uncounted = status.at(pods);
        let some = ["succeeded", "failed"].iter().any(|part| !uncounted.items(part).is_empty());
        let wrong = (finishes || self.changes(pods)) && some;
        self.refuse(wrong, pods, internal::uncounted_pods(uncounted), "must be empty for finished job");
    }

    fn indexes(&mut self) {
        let (spec, completions) = (self.spec, self.spec.int("completions"));
        let (completed, failed) =
            (self.status.text("completedIndexes"), self.status.at("failedIndexes").as_str());
        let (new_completed, new_failed) = (self.changes("completedIndexes"), self.changes("failedIndexes"));
        let fault = |list: &str| completions.and_then(|all| indexes::count(list, all).err());
        if let Some(why) = fault(completed).filter(|_| new_completed) {
            self.refuse(
                true,
                "completedIndexes",
                completed,
                &format!("error parsing completedIndexes: {why}"),
            );
        }
        let retried = spec.has("backoffLimitPerIndex");
        if let Some((why, list)) = failed.and_then(|list| Some((fault(list)?, list)))
            && new_failed
            && retried
        {
            self.refuse(true, "failedIndexes", list, &format!("error parsing failedIndexes: {why}"));
        }
        let why = "cannot set non-empty completedIndexes when non-indexed completion mode";
        let wrong = new_completed && !completed.is_empty() && !is_indexed(spec);
        self.refuse(wrong, "completedIndexes", completed, why);
        let Some(failed) = failed else { return };
        let why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        self.refuse(new_failed && !retried, "failedIndexes", failed, why);
        if let Some(both) = completions.and_then(|all| indexes::overlap(completed, failed, all)) {
            let why = format!("failedIndexes and completedIndexes overlap at index: {both}");
            self.refuse(new_failed || new_completed, "failedIndexes", failed, &why);
        }
    }

    fn pods(&mut self) {
        let (terminating, ready) = (count(self.status, "terminating"), count(self.status, "ready"));
        let is_new = self.finishes() || self.changes("terminating");
        let wrong = is_new && terminating > 0 && is_finished(self.status);
        self.refuse(wrong, "terminating", terminating, "terminating>0 is invalid for finished job");
        let active = count(self.status, "active");
        let is_new =
            self.status.has("ready") && (self.changes("ready") || active != count(self.was, "active"));
        self.refuse(is_new && ready > active, "ready", ready, "cannot set more ready pods than active");
    }

    fn success(&mut self) {
        let met = self.is("SuccessCriteriaMet");
        let wrong = met && self.is("Failed");
        self.refuse_conditions(wrong, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
        let wrong = met && self.is("FailureTarget");
        self.refuse_conditions(wrong, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
        let wrong = self.spec.has("successPolicy") && !met && self.is("Complete");
        let why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
        self.refuse_conditions(wrong, why);
    }

    /// What may not be taken back.
    fn change(&mut self) {
        let (spec, status, was) = (self.spec, self.status, self.was);
        let disabled = |kind: &str| is_true(was, kind) && !is_true(status, kind);
        for kind in ["Failed", "Complete", "FailureTarget"] {
            let why = format!("cannot disable the terminal {kind}=True condition");
            self.refuse_conditions(disabled(kind), &why);
        }
        // An Indexed job of which all run at a time can be made smaller.
        let can_shrink = is_indexed(spec) && spec.int("completions") == spec.int("parallelism");
        for (field, counts_down) in [("failed", false), ("succeeded", can_shrink)] {
            let (now, why) = (count(status, field), format!("cannot decrease the {field} counter"));
            self.refuse(!counts_down && now < count(was, field), field, now, &why);
        }
        let (end, start) = ("completionTime", "startTime");
        let wrong = was.has(end) && status.has(end) && self.changes(end);
        self.refuse(wrong, end, status.at(end), IMMUTABLE);
        let resumes = is_true(was, "Suspended") && is(status, "Suspended", "False");
        let wrong = was.has(start) && self.changes(start) && !resumes && !spec.flag("suspend");
        let why = "field is immutable for unsuspended job once set";
        self.refuse(wrong, start, status.at(start), why);
        let met = "SuccessCriteriaMet";
        self.refuse_conditions(disabled(met), "cannot disable the SuccessCriteriaMet=True condition");
        let wrong = is_true(was, "Complete") && !is_true(was, met) && is_true(status, met);
        let why = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
        self.refuse_conditions(wrong, why);
    }
}

fn is_finished(status: &Value) -> bool {
    is_true(status, "Complete") || is_true(status, "Failed")
}

fn is_true(status: &Value, kind: &str) -> bool {
    is(status, kind, "True")
}

fn is(status: &Value, kind: &str, value: &str) -> bool {
    let mut conditions = status.items("conditions").iter();
    conditions.any(|condition| condition.text("type") == kind && condition.text("status") == value)
}

fn count(status: &Value, field: &str) -> i64 {
    status.int(field).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_status_is_refused_in_upstreams_words() {
        let (indexed, plain) =
            (json!({"completionMode": "Indexed", "completions": 5, "parallelism": 5}), json!({}));
        let finished =
            json!([{"type": "Complete", "status": "True"}, {"type": "SuccessCriteriaMet", "status": "True"}]);
        let started = json!({"startTime": "2026-01-02T00:00:00Z"});
        let cases = [
            (&indexed, json!({}), json!({"completedIndexes": "0-2,4"}), ""),
            (
                &indexed,
                json!({}),
                json!({"completedIndexes": "0-9"}),
                "status.completedIndexes: Invalid value: \"0-9\": error parsing completedIndexes: too large index: \
                 \"9\"",
            ),
            (
                &plain,
                json!({}),
                json!({"completedIndexes": "0"}),
                "status.completedIndexes: Invalid value: \"0\": cannot set non-empty completedIndexes when non-indexed \
                 completion mode",
            ),
            (&plain, json!({"ready": 2}), json!({"ready": 2, "failed": 1}), ""),
            (
                &plain,
                started.clone(),
                json!({"startTime": "2026-01-01T00:00:00Z"}),
                "status.startTime: Invalid value: \"2026-01-01T00:00:00Z\": field is immutable for unsuspended job once \
                 set",
            ),
            (
                &plain,
                started.clone(),
                json!({"startTime": "2026-01-02T00:00:00Z", "completionTime": "2026-01-01T00:00:00Z",
                    "conditions": finished}),
                "status.completionTime: Invalid value: \"2026-01-01T00:00:00Z\": must be equal to or after `startTime`",
            ),
            (
                &plain,
                started,
                json!({"startTime": "2026-01-02T00:00:00Z", "completionTime": "2026-01-03T00:00:00Z",
                    "conditions": finished, "uncountedTerminatedPods": {"failed": ["a"]}}),
                "status.uncountedTerminatedPods: Invalid value: {\"Succeeded\":null,\"Failed\":[\"a\"]}: must be empty \
                 for finished job",
            ),
            (
                &plain,
                json!({}),
                json!({"uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["a", ""]}}),
                "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\", \
                 status.uncountedTerminatedPods.failed[1]: Invalid value: \"\": must not be empty",
            ),
            (&indexed, json!({"succeeded": 2}), json!({"succeeded": 1}), ""),
        ];
        for (spec, was, status, expected) in cases {
            let job = |status: Value| json!({"spec": spec, "status": status});
            let errors = validate(&job(status), &job(was));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }
}
