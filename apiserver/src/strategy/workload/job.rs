//! Jobs: defaults, and the labels that tie pods to the job they belong to.

use serde_json::{Map, Value, json};

use crate::strategy::{Propagation, Strategy, WriteContext, pod_template};
use crate::tree::{Fill, Read, fields};

/// The strategy of jobs.
pub(in crate::strategy) struct Jobs;

impl Strategy for Jobs {
    fn default(&self, object: &mut Value) {
        let job = fields(object);
        default_spec(job.object("spec"));
        let labels = job.at("spec").at("template").at("metadata").at("labels").clone();
        if !job.at("metadata").has("labels") && !labels.is_null() {
            job.object("metadata").put("labels", labels);
        }
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        let job = fields(object);
        if !job.at("spec").flag("manualSelector") {
            select_own_pods(job);
        }
    }

    fn default_propagation(&self) -> Propagation {
        Propagation::Orphan
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn field<'a>(&self, object: &'a Value, _field: &str) -> std::borrow::Cow<'a, str> {
        object.at("status").int("succeeded").unwrap_or_default().to_string().into()
    }
}

/// Fills in what the spec of a job, or of a CronJob's template, leaves out.
fn default_spec(spec: &mut Map<String, Value>) {
    if !spec.has("completions") && !spec.has("parallelism") {
        spec.put("completions", 1);
    }
    spec.fill("parallelism", 1);
    let forever = spec.has("backoffLimitPerIndex");
    spec.fill("backoffLimit", if forever { i32::MAX } else { 6 });
    spec.fill("completionMode", "NonIndexed");
    spec.fill("suspend", false);
    let replace = if spec.has("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    spec.fill("podReplacementPolicy", replace);
    for rule in spec.object_mut("podFailurePolicy").into_iter().flat_map(|policy| policy.objects_mut("rules"))
    {
        rule.objects_mut("onPodConditions").for_each(|pattern| pattern.fill_zero("status", "True"));
    }
    pod_template::default(spec);
}

/// Labels the job and its template with the job's uid and name, and selects by the uid.
fn select_own_pods(job: &mut Map<String, Value>) {
    let (uid, name) = (job.at("metadata").text("uid").to_owned(), job.at("metadata").text("name").to_owned());
    let labels = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ];
    for (key, value) in labels {
        job.object("metadata").object("labels").put(key, value.as_str());
        let template = job.object("spec").object("template");
        template.object("metadata").object("labels").put(key, value.as_str());
    }
    let spec = job.object("spec");
    spec.fill("manualSelector", false);
    spec.object("selector").put("matchLabels", json!({"batch.kubernetes.io/controller-uid": uid}));
}
