//! StatefulSets: defaults of updates, retention and claims.

use serde_json::Value;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::rules;
use crate::strategy::{Strategy, WriteContext, checks, internal, pod_spec, pod_template, volume_claim};
use crate::tree::{Fill, Read, fields};

/// What an update may change.
const OPEN: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

const ONLY: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
    'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// The strategy of stateful sets.
pub(in crate::strategy) struct StatefulSets;

impl Strategy for StatefulSets {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("podManagementPolicy", "OrderedReady");
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        let update = spec.object("updateStrategy");
        update.fill_zero("type", "RollingUpdate");
        if update.text("type") == "RollingUpdate" {
            let rolling = update.object("rollingUpdate");
            rolling.fill("partition", 0);
        }
        let retention = spec.object("persistentVolumeClaimRetentionPolicy");
        retention.fill_zero("whenDeleted", "Retain");
        retention.fill_zero("whenScaled", "Retain");
        for claim in spec.objects_mut("volumeClaimTemplates") {
            claim.fill_zero("apiVersion", "v1");
            claim.fill_zero("kind", "PersistentVolumeClaim");
            pod_spec::default_claim(claim.object("spec"));
            claim.object("status").fill("phase", "Pending");
        }
        pod_template::default(spec);
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        roll_one_by_one(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &WriteContext<'_>) {
        roll_one_by_one(object);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (spec, at) = (object.at("spec"), Path::new("spec"));
        check_management(spec, &at, &mut errors);
        check_update(spec.at("updateStrategy"), &at.child("updateStrategy"), &mut errors);
        let retention = at.child("persistentVolumeClaimRetentionPolicy");
        for field in ["whenDeleted", "whenScaled"] {
            let policy = spec.at("persistentVolumeClaimRetentionPolicy").text(field);
            checks::one_of(policy, &["Retain", "Delete"], &retention.child(field), &mut errors);
        }
        checks::non_negative(spec, "replicas", &at, &mut errors);
        checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
        rules::check_selector(spec, "statefulset", &at, &mut errors);
        if checks::is_malformed(spec.at("selector")) {
            errors.push(Error::invalid(&at.child("selector"), spec.at("selector"), ""));
        }
        let path = at.child("volumeClaimTemplates");
        for (index, claim) in spec.items("volumeClaimTemplates").iter().enumerate() {
            volume_claim::validate_spec(claim.at("spec"), &path.index(index).child("spec"), &mut errors);
        }
        rules::check_template(spec, "StatefulSet", &at, &mut errors);
        checks::non_negative(spec, "revisionHistoryLimit", &at, &mut errors);
        checks::non_negative(spec.at("ordinals"), "start", &at.child("ordinals"), &mut errors);
        let service = spec.text("serviceName");
        if !service.is_empty() {
            checks::each(names::dns1123_label(service), service, &at.child("serviceName"), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        let (mut spec, was, at) = (object.at("spec").clone(), old.at("spec"), Path::new("spec"));
        for field in OPEN {
            match was.at(field) {
                Value::Null => fields(&mut spec).drop_field(field),
                value => fields(&mut spec).put(field, value.clone()),
            }
        }
        if spec != *was {
            errors.push(Error::forbidden(&at, ONLY));
        }
        errors
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let counts = [
            "replicas",
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
            "availableReplicas",
            "observedGeneration",
            "collisionCount",
        ];
        let parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
        rules::check_status(object, &counts, &parts, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let spec = Path::new("spec");
        pod_template::warnings(object.at("spec").at("template"), &spec.child("template"))
    }
}

/// Rolling several at once is behind a gate that is off by default.
fn roll_one_by_one(object: &mut Value) {
    let update = fields(object).object("spec").object("updateStrategy");
    if let Some(rolling) = update.object_mut("rollingUpdate") {
        rolling.drop_field("maxUnavailable");
    }
}

fn check_management(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (policy, path) = (spec.text("podManagementPolicy"), at.child("podManagementPolicy"));
    match policy {
        "" => errors.push(Error::required(&path, "")),
        "OrderedReady" | "Parallel" => {}
        _ => {
            let why = "must be 'OrderedReady' or 'Parallel'";
            errors.push(Error::invalid(&path, policy, why));
        }
    }
}

fn check_update(update: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (rolling, path) = (update.at("rollingUpdate"), at.child("rollingUpdate"));
    match update.text("type") {
        "" => errors.push(Error::required(at, "")),
        "OnDelete" if rolling.is_null() => {}
        "OnDelete" => {
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(Error::invalid(&path, internal::stateful_rolling(rolling), why));
        }
        "RollingUpdate" => {
            if rolling.is_object() {
                checks::non_negative(rolling, "partition", &path, errors);
            }
        }
        _ => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(Error::invalid(at, internal::stateful_update(update), why));
        }
    }
}
