//! CronJobs: defaults, and the rules of schedules and templates.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::{job, rules, schedule};
use crate::strategy::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The longest name: the controller makes jobs of it by adding eleven letters.
const LONGEST_NAME: usize = 52;

/// What is said of a schedule with a time zone, with the path that upstream gives it.
const ZONE_IN_SCHEDULE: &str = "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
    https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";

/// The strategy of cron jobs.
pub(in crate::strategy) struct CronJobs;

impl Strategy for CronJobs {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill_zero("concurrencyPolicy", "Allow");
        spec.fill("suspend", false);
        spec.fill("successfulJobsHistoryLimit", 3);
        spec.fill("failedJobsHistoryLimit", 1);
        let template = spec.object("jobTemplate");
        job::default_template(template.object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = check(object.at("spec"), &Value::Null);
        let (metadata, name) = (Path::new("metadata"), object.at("metadata").text("name"));
        if name.len() > LONGEST_NAME {
            let why = format!("must be no more than {LONGEST_NAME} characters");
            errors.push(Error::invalid(&metadata.child("name"), name, why));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        check(object.at("spec"), old.at("spec"))
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        let mut warnings = Vec::from_iter(rules::name_warning(object, old));
        if rules::has_changed(object, old) {
            let job = at.child("jobTemplate");
            warnings.extend(job::spec_warnings(spec.at("jobTemplate").at("spec"), &job.child("spec")));
        }
        if old.is_some() && spec.text("schedule").contains("TZ") {
            warnings.push(ZONE_IN_SCHEDULE.to_owned());
        }
        warnings
    }

    fn repeats_metadata_of_status(&self) -> bool {
        false
    }
}

/// What is wrong with a spec that replaces `was`, if there was one.
fn check(spec: &Value, was: &Value) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
    if checks::required(spec, "schedule", &at, &mut errors) {
        check_schedule(spec, was, &at.child("schedule"), &mut errors);
    }
    checks::non_negative(spec, "startingDeadlineSeconds", &at, &mut errors);
    let zone = spec.at("timeZone");
    if let Some(zone) = zone.as_str().filter(|_| zone != was.at("timeZone")) {
        check_zone(zone, &at.child("timeZone"), &mut errors);
    }
    let policies = ["Allow", "Forbid", "Replace"];
    let path = at.child("concurrencyPolicy");
    checks::required_one_of(spec.text("concurrencyPolicy"), &policies, &path, &mut errors);
    check_template(spec.at("jobTemplate"), &at.child("jobTemplate"), &mut errors);
    checks::non_negative(spec, "successfulJobsHistoryLimit", &at, &mut errors);
    checks::non_negative(spec, "failedJobsHistoryLimit", &at, &mut errors);
    errors
}

/// A zone stays in the schedule where there already was one.
fn check_schedule(spec: &Value, was: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let text = spec.text("schedule");
    if let Err(why) = schedule::check(text) {
        errors.push(Error::invalid(at, text, why));
    }
    let why = match was.text("schedule").contains("TZ") {
        _ if !text.contains("TZ") => return,
        true if spec.has("timeZone") => "cannot use both timeZone field and TZ or CRON_TZ in schedule",
        true => return,
        false => "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
    };
    errors.push(Error::invalid(at, text, why));
}

fn check_zone(zone: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if zone.is_empty() {
        errors.push(Error::invalid(at, zone, "timeZone must be nil or non-empty string"));
        return;
    }
    let is_path = zone.split('/').all(is_part_of_zone);
    if is_path && zone.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(Error::invalid(at, zone, why));
    }
    if !is_path || !schedule::is_zone(zone) {
        errors.push(Error::invalid(at, zone, format!("unknown time zone {zone}")));
    }
}

fn is_part_of_zone(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    (1..=14).contains(&part.len())
        && part.bytes().all(is_allowed)
        && !part.starts_with('-')
        && !matches!(part, "." | "..")
}

/// The jobs choose their pods themselves.
fn check_template(template: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (spec, path) = (template.at("spec"), at.child("spec"));
    job::validate_spec(spec, &path, errors);
    if spec.has("selector") {
        let why = "`selector` will be auto-generated";
        errors.push(Error::invalid(&path.child("selector"), spec.at("selector"), why));
    }
    if spec.flag("manualSelector") {
        errors.push(Error::not_supported(&path.child("manualSelector"), true, &["nil", "false"]));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    /// What is wrong with a cron job that has this schedule and zone, and had another.
    fn messages(zoned: [&str; 2], was: [&str; 2]) -> String {
        let pod = json!({"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"});
        let spec = |[schedule, zone]: [&str; 2]| {
            let zone = if zone.is_empty() { Value::Null } else { zone.into() };
            json!({"schedule": schedule, "timeZone": zone, "jobTemplate": {"spec": {"template": {"spec": pod}}}})
        };
        let mut cron_job = json!({"spec": spec(zoned)});
        CronJobs.default(&mut cron_job);
        let old = json!({"spec": spec(was)});
        let errors = CronJobs.validate_update(&cron_job, &old);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn zones_are_refused_in_upstreams_words() {
        let (every, zoned) = ("* * * * *", "TZ=UTC * * * * *");
        let cases = [
            ([every, "Europe/Berlin"], [every, ""], ""),
            ([zoned, ""], [zoned, ""], ""),
            (
                [zoned, "UTC"],
                [zoned, ""],
                "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use both timeZone field and TZ or CRON_TZ \
                 in schedule",
            ),
            (
                [zoned, ""],
                [every, ""],
                "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use \
                 timeZone field instead",
            ),
            ([every, "../x"], [every, "../x"], ""),
            (
                [every, "europe/berlin"],
                [every, ""],
                "spec.timeZone: Invalid value: \"europe/berlin\": unknown time zone europe/berlin",
            ),
            (
                [every, "Local"],
                [every, ""],
                "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone as defined in \
                 https://www.iana.org/time-zones",
            ),
        ];
        for (zoned, was, expected) in cases {
            assert_eq!(messages(zoned, was), expected);
        }
    }
}
