//! DaemonSets: the rolling update's defaults, and the rules of the template.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use super::rules;
use crate::schema::TEMPLATE_GENERATION;
use crate::strategy::{Strategy, WriteContext, checks, internal, pod_template};
use crate::tree::{Fill, Read, fields};

/// The counts of the status.
const COUNTS: [&str; 9] = [
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
];

/// The strategy of daemon sets.
pub(in crate::strategy) struct DaemonSets;

impl Strategy for DaemonSets {
    fn default(&self, object: &mut Value) {
        let set = fields(object);
        let annotations = set.object("metadata").object("annotations");
        annotations.fill(TEMPLATE_GENERATION, "0");
        let spec = set.object("spec");
        spec.fill("revisionHistoryLimit", 10);
        let update = spec.object("updateStrategy");
        update.fill_zero("type", "RollingUpdate");
        if update.text("type") == "RollingUpdate" {
            let rolling = update.object("rollingUpdate");
            rolling.fill("maxUnavailable", 1);
        }
        if let Some(rolling) = update.object_mut("rollingUpdate") {
            rolling.fill("maxUnavailable", 0);
            rolling.fill("maxSurge", 0);
        }
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let first = template_generation(object).max(1);
        count_template(object, first);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        if spec.has("selector") {
            rules::check_selector(spec, "daemonset", &at, &mut errors);
        }
        rules::check_template(spec, "DaemonSet", &at, &mut errors);
        checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
        check_update(spec.at("updateStrategy"), &at.child("updateStrategy"), &mut errors);
        checks::non_negative(spec, "revisionHistoryLimit", &at, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        checks::unchanged(object.at("spec"), old.at("spec"), "selector", &Path::new("spec"), &mut errors);
        errors.extend(self.validate(object));
        errors
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        for field in COUNTS {
            checks::non_negative(object.at("status"), field, &at, &mut errors);
        }
        rules::check_collisions(object, old, &mut errors);
        errors
    }

    /// Only a new template is looked at.
    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let (spec, template) = (Path::new("spec"), object.at("spec").at("template"));
        if old.is_some_and(|old| template_generation(old) == template_generation(object)) {
            return Vec::new();
        }
        pod_template::warnings(template, &spec.child("template"))
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        let changed = object.at("spec").at("template") != old.at("spec").at("template");
        count_template(object, template_generation(old).saturating_add(i64::from(changed)));
    }
}

fn template_generation(set: &Value) -> i64 {
    set.at("metadata").at("annotations").text(TEMPLATE_GENERATION).parse().unwrap_or_default()
}

fn count_template(set: &mut Value, generation: i64) {
    let annotations = fields(set).object("metadata").object("annotations");
    annotations.put(TEMPLATE_GENERATION, generation.to_string());
}

fn check_update(update: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match update.text("type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let (rolling, path) = (update.at("rollingUpdate"), at.child("rollingUpdate"));
            if rolling.is_null() {
                errors.push(Error::required(&path, ""));
            } else {
                check_rolling(rolling, &path, errors);
            }
        }
        _ => {
            let shown = internal::deployment_strategy(update);
            errors.push(Error::not_supported(at, shown, &["RollingUpdate", "OnDelete"]));
        }
    }
}

/// Either old pods go first, or new ones come first.
fn check_rolling(rolling: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (unavailable, surge) = (rolling.at("maxUnavailable"), rolling.at("maxSurge"));
    let fields = [(unavailable, "maxUnavailable"), (surge, "maxSurge")];
    for (value, field) in fields {
        checks::count_or_percent(value, &at.child(field), errors);
    }
    for (value, field) in fields {
        checks::not_more_than_all(value, &at.child(field), errors);
    }
    let is_some = |value: &Value| checks::number_or_percentage(value) != 0;
    match (is_some(unavailable), is_some(surge)) {
        (true, true) => {
            let why = "may not be set when maxUnavailable is non-zero";
            errors.push(Error::invalid(&at.child("maxSurge"), surge, why));
        }
        (false, false) => {
            errors.push(Error::required(&at.child("maxUnavailable"), "cannot be 0 when maxSurge is 0"));
        }
        _ => {}
    }
}
