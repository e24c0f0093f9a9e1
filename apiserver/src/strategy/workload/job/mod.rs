//! Jobs: defaults, rules, and the labels that tie pods to the job they belong to.

mod failure_policy;
mod indexes;
mod status;
mod success_policy;
mod update;
mod validate;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Map, Value};

use super::rules;
use crate::strategy::{Propagation, Strategy, WriteContext, checks, pod_template};
use crate::tree::{Fill, Read, fields, is_zero};

pub(super) use validate::validate as validate_spec;

/// The label of a job's pods that tells its uid.
const UID: &str = "batch.kubernetes.io/controller-uid";

/// The label of a job's pods that tells its name.
const NAME: &str = "batch.kubernetes.io/job-name";

/// What the value of a generated label is.
#[derive(Clone, Copy)]
enum Of {
    Uid,
    Name,
}

/// The labels that a job gives its pods; those without a prefix were there first.
const LABELS: [(&str, Of); 4] =
    [("controller-uid", Of::Uid), ("job-name", Of::Name), (UID, Of::Uid), (NAME, Of::Name)];

/// What is said of an Indexed job that may fail in too many places.
const LARGE: &str = "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
                     Kubernetes might not be able to track completedIndexes when a big number of indexes fail";

/// What a deleter is told who does not say what becomes of the pods.
const ORPHANS: &str = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to \
                       remove them or set propagationPolicy=Orphan to suppress this warning";

/// The strategy of jobs.
pub(in crate::strategy) struct Jobs;

impl Strategy for Jobs {
    fn default(&self, object: &mut Value) {
        let job = fields(object);
        default_spec(job.object("spec"));
        label(job);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let job = fields(object);
        if !job.at("spec").flag("manualSelector") {
            select_own_pods(job);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        check_generated(object, &LABELS, &mut errors);
        check_spec(object.at("spec"), &mut errors);
        check_host_name(object, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let had = |(key, _): &(&str, Of)| old.at("spec").at("template").at("metadata").at("labels").has(key);
        let generated = if LABELS[2..].iter().all(had) { &LABELS[..] } else { &LABELS[..2] };
        check_generated(object, generated, &mut errors);
        check_spec(object.at("spec"), &mut errors);
        check_host_name(object, &mut errors);
        // Upstream looks at the spec once as that of a new job, and once more as a changed one.
        check_spec(object.at("spec"), &mut errors);
        update::validate(object, old, &mut errors);
        errors
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        status::validate(object, old)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::from_iter(rules::name_warning(object, old));
        if rules::has_changed(object, old) {
            warnings.extend(spec_warnings(object.at("spec"), &Path::new("spec")));
        }
        warnings
    }

    /// A job that has no labels of its own has those of its template, from when it is read for the first time.
    fn read_back(&self, object: &mut Value) -> bool {
        let had = object.at("metadata").has("labels");
        label(fields(object));
        !had && object.at("metadata").has("labels")
    }

    fn default_propagation(&self) -> Propagation {
        Propagation::Orphan
    }

    fn unsaid_propagation_warning(&self) -> Option<String> {
        Some(ORPHANS.to_owned())
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> std::borrow::Cow<'a, str> {
        object.at("status").int("succeeded").unwrap_or_default().to_string().into()
    }
}

/// Fills in what the spec of a job leaves out.
fn default_spec(spec: &mut Map) {
    if !spec.has("completions") && !spec.has("parallelism") {
        spec.put("completions", 1);
    }
    spec.fill("parallelism", 1);
    let forever = spec.has("backoffLimitPerIndex");
    spec.fill("backoffLimit", if forever { i32::MAX } else { 6 });
    spec.fill("completionMode", "NonIndexed");
    spec.fill("suspend", false);
    spec.fill("manualSelector", false);
    let replace = if spec.has("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    spec.fill("podReplacementPolicy", replace);
    default_template(spec);
}

/// Fills in what the parts of a spec leave out, that of a CronJob's template among them.
pub(super) fn default_template(spec: &mut Map) {
    let policy = spec.object_mut("podFailurePolicy");
    for rule in policy.into_iter().flat_map(|policy| policy.objects_mut("rules")) {
        rule.objects_mut("onPodConditions").for_each(|pattern| pattern.fill_zero("status", "True"));
    }
    pod_template::default(spec);
}

/// The warnings for the spec at `at`.
pub(super) fn spec_warnings(spec: &Value, at: &Path<'_>) -> Vec<String> {
    let more = |field: &str, than: i64| spec.int(field).is_some_and(|number| number > than);
    let large = validate::is_indexed(spec) && more("completions", 100_000) && more("parallelism", 10_000);
    let mut warnings = Vec::from_iter(large.then(|| format!("{at}: {LARGE}")));
    warnings.extend(pod_template::warnings(spec.at("template"), &at.child("template")));
    warnings
}

fn label(job: &mut Map) {
    let labels = job.at("spec").at("template").at("metadata").at("labels").clone();
    if is_zero(job.at("metadata").at("labels")) && !labels.is_null() {
        job.object("metadata").put("labels", labels);
    }
}

/// Labels the template with the job's uid and name, and selects by the uid.
fn select_own_pods(job: &mut Map) {
    let (uid, name) = (job.at("metadata").text("uid").to_owned(), job.at("metadata").text("name").to_owned());
    for (key, of) in LABELS {
        let template = job.object("spec").object("template");
        let value = if matches!(of, Of::Uid) { &uid } else { &name };
        // What the creator has set stays, to be refused if it is wrong.
        template.object("metadata").object("labels").fill(key, value.as_str());
    }
    let selector = job.object("spec").object("selector");
    selector.object("matchLabels").fill(UID, uid);
}

/// The generated labels must still be there, and be what is selected.
fn check_generated(job: &Value, wanted: &[(&'static str, Of)], errors: &mut ErrorList) {
    let (spec, metadata) = (job.at("spec"), job.at("metadata"));
    if spec.flag("manualSelector") || !spec.has("selector") {
        return;
    }
    let generated = wanted.iter().map(|(key, of)| match of {
        Of::Uid => (*key, metadata.text("uid")),
        Of::Name => (*key, metadata.text("name")),
    });
    let labels = spec.at("template").at("metadata").at("labels");
    let (at, template) = (Path::new("spec"), Path::new("spec.template.metadata"));
    let path = template.child("labels");
    for (key, value) in generated.clone() {
        let why = format!("must be '{value}'");
        if !labels.has(key) {
            errors.push(Error::required(&path.key(key), why));
        } else if labels.text(key) != value {
            errors.push(Error::invalid(&path.key(key), labels, why));
        }
    }
    let expected: Map = generated.map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    if !checks::selects(spec.at("selector"), &Value::Object(expected)) {
        errors.push(Error::invalid(
            &at.child("selector"),
            spec.at("selector"),
            "`selector` not auto-generated",
        ));
    }
}

fn check_spec(spec: &Value, errors: &mut ErrorList) {
    let at = Path::new("spec");
    validate::validate(spec, &at, errors);
    let (selector, path) = (spec.at("selector"), at.child("selector"));
    if selector.is_null() {
        errors.push(Error::required(&path, ""));
    } else {
        checks::selector(selector, &path, errors);
    }
    let labels = spec.at("template").at("metadata").at("labels");
    if !checks::selects(selector, labels) {
        let (template, why) = (at.child("template"), "`selector` does not match template `labels`");
        let metadata = template.child("metadata");
        errors.push(Error::invalid(&metadata.child("labels"), labels, why));
    }
}

/// The pods of an Indexed job have its name and their index for a host name.
fn check_host_name(job: &Value, errors: &mut ErrorList) {
    let (spec, name) = (job.at("spec"), job.at("metadata").text("name"));
    let completions = spec.int("completions").unwrap_or_default();
    if spec.text("completionMode") != "Indexed" || completions <= 0 {
        return;
    }
    let longest = format!("{name}-{}", completions - 1);
    if !names::dns1123_label(&longest).is_empty() {
        let (metadata, why) =
            (Path::new("metadata"), format!("will not able to create pod with invalid DNS label: {longest}"));
        errors.push(Error::invalid(&metadata.child("name"), name, why));
    }
}
