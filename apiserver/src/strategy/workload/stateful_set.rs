//! StatefulSets: defaults of updates, retention and claims.

use std::collections::BTreeSet;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Value, json};

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

const KEEPS_ALL: &str = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended";

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
        if update.text("type").is_empty() {
            update.put("type", "RollingUpdate");
            update.object("rollingUpdate");
        }
        if let Some(rolling) = update.object_mut("rollingUpdate") {
            rolling.fill("partition", 0);
        }
        let retention = spec.object("persistentVolumeClaimRetentionPolicy");
        retention.fill_zero("whenDeleted", "Retain");
        retention.fill_zero("whenScaled", "Retain");
        for claim in spec.objects_mut("volumeClaimTemplates") {
            claim.put("apiVersion", "v1");
            claim.put("kind", "PersistentVolumeClaim");
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
        check(object.at("spec"), Looks::New)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = check(object.at("spec"), Looks::Changed);
        if !errors.is_empty() && !check(old.at("spec"), Looks::Changed).is_empty() {
            errors = check(object.at("spec"), Looks::ChangedFromInvalid);
        }
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

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
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
        rules::check_status(object, &counts, &parts, "status.readyReplicas", &mut errors);
        rules::check_collisions(object, old, &mut errors);
        errors
    }

    /// Upstream gives the paths of claims without `spec`, and with `Spec` in an update.
    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let (spec, at, mut warnings) = (object.at("spec"), Path::new("spec"), Vec::new());
        if rules::has_changed(object, old) {
            warnings.extend(pod_template::warnings(spec.at("template"), &at.child("template")));
        }
        let path = at.child("volumeClaimTemplates");
        for (index, claim) in spec.items("volumeClaimTemplates").iter().enumerate() {
            let (item, claim) = (path.index(index), claim.at("spec"));
            let place = if old.is_some() { item.child("Spec") } else { item };
            warnings.extend(volume_claim::size_warnings(claim, &place));
        }
        if spec.int("revisionHistoryLimit").is_some_and(|limit| limit < 0) {
            warnings.push(KEEPS_ALL.to_owned());
        }
        warnings
    }

    fn validate_name(&self, name: &str, is_prefix: bool) -> Vec<String> {
        names::dns_label(name, is_prefix)
    }
}

/// How closely a spec is looked at: what does not change when it is new, and the pods of its template unless it was
/// invalid before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    New,
    Changed,
    ChangedFromInvalid,
}

/// What is wrong with a spec.
fn check(spec: &Value, looks: Looks) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
    let is_new = looks == Looks::New;
    check_management(spec, &at, &mut errors);
    check_update(spec.at("updateStrategy"), &at.child("updateStrategy"), &mut errors);
    let retention = at.child("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        let policy = spec.at("persistentVolumeClaimRetentionPolicy").text(field);
        checks::one_of(policy, &["Retain", "Delete"], &retention.child(field), &mut errors);
    }
    if is_new {
        let path = at.child("volumeClaimTemplates");
        for (index, claim) in spec.items("volumeClaimTemplates").iter().enumerate() {
            volume_claim::validate_spec(claim.at("spec"), &path.index(index).child("spec"), &mut errors);
        }
    }
    checks::non_negative(spec, "replicas", &at, &mut errors);
    checks::non_negative(spec, "minReadySeconds", &at, &mut errors);
    checks::non_negative(spec.at("ordinals"), "start", &at.child("ordinals"), &mut errors);
    let service = spec.text("serviceName");
    if is_new && !service.is_empty() {
        checks::each(names::dns1123_label(service), service, &at.child("serviceName"), &mut errors);
    }
    rules::check_selector(spec, "statefulset", &at, &mut errors);
    check_template(spec, looks != Looks::ChangedFromInvalid, &at, &mut errors);
    errors
}

/// A template whose selector cannot be read is not looked at, but for whether its pods run on. Upstream looks at labels
/// and annotations twice.
fn check_template(spec: &Value, checks_pods: bool, at: &Path<'_>, errors: &mut ErrorList) {
    let (selector, template, path) = (spec.at("selector"), spec.at("template"), at.child("template"));
    if checks::is_malformed(selector) {
        errors.push(Error::invalid(&at.child("selector"), selector, ""));
        return rules::check_runs_on(template, "StatefulSet", &path, errors);
    }
    let mounted = with_claims(spec);
    rules::check_labels(selector, template, &path, errors);
    if checks_pods {
        pod_template::validate(&mounted, &path, errors);
    }
    pod_template::validate_metadata(&mounted, &path, errors);
    rules::check_runs_on(template, "StatefulSet", &path, errors);
}

/// The template with what the controller gives its pods: a volume for each claim, and host names of its own.
fn with_claims(spec: &Value) -> Value {
    let mut template = spec.at("template").clone();
    let pod = fields(&mut template).object("spec");
    pod.drop_field("hostname");
    pod.drop_field("subdomain");
    let names: BTreeSet<&str> =
        spec.items("volumeClaimTemplates").iter().map(|claim| claim.at("metadata").text("name")).collect();
    let claims = names.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
    let volumes: Vec<Value> = claims
        .chain(pod.items("volumes").iter().filter(|volume| !names.contains(volume.text("name"))).cloned())
        .collect();
    if !names.is_empty() {
        pod.put("volumes", volumes);
    }
    template
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A set whose spec is changed by `patch`.
    fn set(patch: Value) -> Value {
        let mut set = json!({"spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        }});
        for (field, value) in patch.as_object().unwrap() {
            set["spec"][field] = value.clone();
        }
        StatefulSets.default(&mut set);
        set
    }

    #[test]
    fn sets_are_refused_in_upstreams_words() {
        let claim = json!({"metadata": {"name": "d"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        let mount = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"hostname": "A", "containers": [
            {"name": "c", "image": "i", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}]}});
        let unnamed = json!({"matchExpressions": [{"key": "a", "operator": "X"}]});
        let cases = [
            (json!({}), ""),
            (json!({"revisionHistoryLimit": -1}), ""),
            (json!({"volumeClaimTemplates": [claim], "template": mount}), ""),
            (
                json!({"template": mount}),
                "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"d\"",
            ),
            (
                json!({"selector": unnamed, "template": {}}),
                "spec.selector.matchExpressions[0].operator: Invalid value: \"X\": not a valid selector operator, \
                 spec.selector: Invalid value: {\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"X\"}]}",
            ),
        ];
        for (patch, expected) in cases {
            let errors = StatefulSets.validate(&set(patch));
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), expected);
        }
    }

    #[test]
    fn the_pods_of_a_set_that_was_invalid_may_stay_so() {
        let template = |image: &str| {
            json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
                {"name": "c", "image": image}]}}})
        };
        let (good, bad, worse) = (set(template("i")), set(template("")), set(template(" ")));
        for (old, new, is_let_pass) in [(&good, &bad, false), (&bad, &worse, true), (&bad, &good, true)] {
            assert_eq!(StatefulSets.validate_update(new, old).is_empty(), is_let_pass, "{new}");
        }
    }

    #[test]
    fn claims_in_a_set_are_claims() {
        let set = set(json!({"volumeClaimTemplates": [{"apiVersion": "v2", "kind": "Other"}]}));
        let claim = &set.at("spec").items("volumeClaimTemplates")[0];
        assert_eq!((claim.text("apiVersion"), claim.text("kind")), ("v1", "PersistentVolumeClaim"));
    }

    #[test]
    fn only_a_set_without_a_type_of_update_is_told_how_to_roll() {
        let rolling =
            |update: Value| set(json!({"updateStrategy": update}))["spec"]["updateStrategy"].clone();
        assert_eq!(rolling(json!({})), json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
        assert_eq!(rolling(json!({"type": "RollingUpdate"})), json!({"type": "RollingUpdate"}));
    }

    #[test]
    fn collisions_are_only_counted_up() {
        let status = |count: Value| json!({"status": {"collisionCount": count}});
        let cases = [(json!(1), json!(2), 0), (json!(2), json!(1), 1), (json!(1), json!(null), 1)];
        for (old, new, expected) in cases {
            assert_eq!(StatefulSets.validate_status(&status(new), &status(old)).len(), expected);
        }
    }
}
