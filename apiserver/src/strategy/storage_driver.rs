//! CSIDrivers, CSINodes, CSIStorageCapacities and VolumeAttachments: what drivers of volumes say of themselves, and do.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{labels, names};

use super::checks::{self, IMMUTABLE};
use super::persistent_volume::{self, Use};
use super::{Strategy, WriteContext, internal, pod_spec};
use crate::tree::{Fill, Read, fields};

/// The longest name that a driver has for a node, in bytes.
const LONGEST_NODE: usize = 256;

/// The shortest period in which a driver counts again what a node can take, in seconds.
const SHORTEST_PERIOD: i64 = 10;

/// The most bytes in what an attachment tells of itself, and in one message.
const MOST_METADATA: usize = 256 * 1024;
const LONGEST_MESSAGE: usize = 1024;

/// The shortest life of a token for a driver, in seconds.
const SHORTEST_TOKEN: i64 = 600;

/// The strategy of drivers.
pub(super) struct Drivers;

impl Strategy for Drivers {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        spec.fill("attachRequired", true);
        for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            spec.fill(field, false);
        }
        spec.fill("fsGroupPolicy", "ReadWriteOnceWithFSType");
        spec.fill_zero("volumeLifecycleModes", vec!["Persistent"]);
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        let policies = ["File", "None", "ReadWriteOnceWithFSType"];
        checks::one_of(spec.text("fsGroupPolicy"), &policies, &at.child("fsGroupPolicy"), &mut errors);
        check_tokens(spec.items("tokenRequests"), &at.child("tokenRequests"), &mut errors);
        for mode in spec.texts("volumeLifecycleModes") {
            let path = at.child("volumeLifecycleModes");
            checks::one_of(mode, &["Persistent", "Ephemeral"], &path, &mut errors);
        }
        let (field, shortest) = ("nodeAllocatableUpdatePeriodSeconds", SHORTEST_PERIOD);
        if let Some(seconds) = spec.int(field).filter(|seconds| *seconds < shortest) {
            let why = format!("must be greater than or equal to {shortest} seconds");
            errors.push(Error::invalid(&at.child(field), seconds, why));
        }
        let secrets = "serviceAccountTokenInSecrets";
        if spec.has(secrets) && spec.items("tokenRequests").is_empty() {
            let why = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
            errors.push(Error::invalid(&at.child(secrets), spec.at(secrets), why));
        }
        errors
    }

    fn prepare_create(&self, object: &mut Value, _cx: &WriteContext<'_>) {
        drop_scaling(object);
    }

    /// A driver starts without a generation; its changes are counted all the same.
    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        drop_scaling(object);
        if object.at("spec") != old.at("spec") {
            let before = old.at("metadata").int("generation").unwrap_or_default();
            fields(object).object("metadata").put("generation", before + 1);
        }
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, at) = (self.validate(object), Path::new("spec"));
        let (spec, was) = (object.at("spec"), old.at("spec"));
        if spec.at("attachRequired") != was.at("attachRequired") {
            // Upstream names the field so.
            let path = at.child("attachedRequired");
            errors.push(Error::invalid(&path, spec.at("attachRequired"), IMMUTABLE));
        }
        checks::unchanged(spec, was, "volumeLifecycleModes", &at, &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let spec = object.at("spec");
        let is_known = old.is_some_and(|old| old.at("spec").at("tokenRequests") == spec.at("tokenRequests"));
        let has_tokens = !spec.items("tokenRequests").is_empty();
        let is_open = has_tokens && !is_known && !spec.has("serviceAccountTokenInSecrets");
        let warning = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to \
                       prevent possible logging of tokens in volume attributes";
        is_open.then(|| warning.to_owned()).into_iter().collect()
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// Whether pods wait for a driver is behind a gate that is off by default.
fn drop_scaling(driver: &mut Value) {
    fields(driver).object("spec").drop_field("preventPodSchedulingIfMissing");
}

fn check_tokens(requests: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    for (index, request) in requests.iter().enumerate() {
        let (path, audience) = (at.index(index), request.text("audience"));
        if requests[..index].iter().any(|before| before.text("audience") == audience) {
            errors.push(Error::duplicate(&path.child("audience"), audience));
            continue;
        }
        let Some(seconds) = request.int("expirationSeconds") else { continue };
        let path = path.child("expirationSeconds");
        if seconds < SHORTEST_TOKEN {
            errors.push(Error::invalid(&path, seconds, "may not specify a duration less than 10 minutes"));
        } else if seconds > 1 << 32 {
            let why = "may not specify a duration larger than 2^32 seconds";
            errors.push(Error::invalid(&path, seconds, why));
        }
    }
}

/// The strategy of what drivers say of nodes.
pub(super) struct DriverNodes;

impl Strategy for DriverNodes {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let (drivers, at) = (object.at("spec").items("drivers"), spec.child("drivers"));
        for (index, driver) in drivers.iter().enumerate() {
            let (path, name) = (at.index(index), driver.text("name"));
            checks::driver_name(name, &path.child("name"), &mut errors);
            check_node(driver, &path, &mut errors);
            if drivers[..index].iter().any(|before| before.text("name") == name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
            check_keys(driver, &path, &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (self.validate(object), Path::new("spec"));
        let now: Vec<Value> = object.at("spec").items("drivers").iter().map(without_count).collect();
        for before in old.at("spec").items("drivers").iter().map(without_count) {
            let same = now.iter().filter(|driver| driver.text("name") == before.text("name"));
            errors.extend(same.filter(|driver| **driver != before).map(|driver| {
                Error::invalid(&spec.child("drivers"), internal::node_driver(driver), IMMUTABLE)
            }));
        }
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// A driver as it stays: only what a node can take may change.
fn without_count(driver: &Value) -> Value {
    let mut driver = driver.clone();
    fields(&mut driver).drop_field("allocatable");
    driver
}

fn check_node(driver: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if checks::required(driver, "nodeID", at, errors) && driver.text("nodeID").len() > LONGEST_NODE {
        let why = format!("must be {LONGEST_NODE} characters or less");
        errors.push(Error::invalid(&at.child("nodeID"), driver.text("nodeID"), why));
    }
    checks::non_negative(driver.at("allocatable"), "count", &at.child("allocatable"), errors);
}

fn check_keys(driver: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let keys: Vec<&str> = driver.texts("topologyKeys").collect();
    for (index, key) in keys.iter().enumerate() {
        if key.is_empty() {
            errors.push(Error::required(at, ""));
        }
        if keys[..index].contains(key) {
            errors.push(Error::duplicate(at, *key));
        }
        checks::each(labels::qualified_name(key), *key, at, errors);
    }
}

/// The strategy of capacities.
pub(super) struct Capacities;

impl Strategy for Capacities {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        if object.has("nodeTopology") {
            checks::selector(object.at("nodeTopology"), &Path::new("nodeTopology"), &mut errors);
        }
        let class = object.text("storageClassName");
        checks::each(names::dns1123_subdomain(class), class, &Path::new("storageClassName"), &mut errors);
        checks::quantity_not_negative(object.at("capacity"), &Path::new("capacity"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        for field in ["nodeTopology", "storageClassName"] {
            checks::unchanged(object, old, field, &Path::ROOT, &mut errors);
        }
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let (mut warnings, at) = (Vec::new(), Path::new("nodeTopology"));
        let (topology, list) = (object.at("nodeTopology"), at.child("matchExpressions"));
        for (index, expression) in topology.items("matchExpressions").iter().enumerate() {
            let key = expression.text("key");
            let why = pod_spec::renamed_node_label(key);
            warnings.extend(why.map(|why| format!("{}: {key} is {why}", list.index(index).child("key"))));
        }
        let labels = at.child("matchLabels");
        for (label, _) in topology.entries("matchLabels") {
            let why = pod_spec::renamed_node_label(label);
            warnings.extend(why.map(|why| format!("{}: {why}", labels.child(label))));
        }
        warnings
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

/// The strategy of attachments.
pub(super) struct Attachments;

impl Strategy for Attachments {
    fn default(&self, object: &mut Value) {
        let source = fields(object).object_mut("spec").and_then(|spec| spec.object_mut("source"));
        if let Some(volume) = source.and_then(|source| source.object_mut("inlineVolumeSpec")) {
            pod_spec::default_volume_sources(volume);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        checks::driver_name(spec.text("attacher"), &at.child("attacher"), &mut errors);
        check_attached(spec.at("source"), &at.child("source"), &mut errors);
        let node = spec.text("nodeName");
        checks::each(names::dns1123_subdomain(node), node, &at.child("nodeName"), &mut errors);
        if let Some(volume) = spec.at("source").at("persistentVolumeName").as_str() {
            let (source, field) = (at.child("source"), "persistentVolumeName");
            checks::each(names::dns1123_subdomain(volume), volume, &source.child(field), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (self.validate(object), object.at("spec"));
        if spec != old.at("spec") {
            let shown = internal::attachment_spec(spec);
            errors.push(Error::invalid(&Path::new("spec"), shown, IMMUTABLE));
        }
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("status"));
        let status = object.at("status");
        let metadata = status.entries("attachmentMetadata");
        let bytes: usize = metadata.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
        if bytes > MOST_METADATA {
            errors.push(Error::too_long(&at.child("attachmentMetadata"), MOST_METADATA));
        }
        for field in ["attachError", "detachError"] {
            check_failure(status.at(field), &at.child(field), &mut errors);
        }
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }
}

fn check_failure(failure: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if failure.text("message").len() > LONGEST_MESSAGE {
        // Upstream names the other limit.
        errors.push(Error::too_long(&at.child("message"), MOST_METADATA));
    }
    if let Some(code) = failure.int("errorCode").filter(|code| *code < 0) {
        let why = format!("must be between 0 and {}, inclusive", i32::MAX);
        errors.push(Error::invalid(&at.child("errorCode"), code, why));
    }
}

fn check_attached(source: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let exactly_one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (source.at("persistentVolumeName").as_str(), source.has("inlineVolumeSpec")) {
        (None, false) => errors.push(Error::required(at, exactly_one)),
        (Some(_), true) => errors.push(Error::forbidden(at, exactly_one)),
        (Some(""), false) => {
            let why = "must specify non empty persistentVolumeName";
            errors.push(Error::required(&at.child("persistentVolumeName"), why));
        }
        (Some(_), false) => {}
        (None, true) => {
            let path = at.child("inlineVolumeSpec");
            persistent_volume::validate_spec(source.at("inlineVolumeSpec"), Use::Attachment, &path, errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_driver_of_a_node_keeps_all_but_its_count() {
        let node = |id: &str, count: i64| json!({"spec": {"drivers": [{"name": "d", "nodeID": id, "allocatable": {"count": count}}]}});
        assert_eq!(texts(&DriverNodes.validate_update(&node("n", 2), &node("n", 1))), "");
        assert_eq!(
            texts(&DriverNodes.validate_update(&node("m", 1), &node("n", 1))),
            r#"spec.drivers: Invalid value: {"Name":"d","NodeID":"m","TopologyKeys":null,"Allocatable":null}: field is immutable"#
        );
        assert_eq!(DriverNodes.validate(&node(&"n".repeat(257), 1)).len(), 1);
    }

    #[test]
    fn a_volume_within_an_attachment_has_the_defaults_of_volumes() {
        let mut attachment =
            json!({"spec": {"source": {"inlineVolumeSpec": {"iscsi": {"iqn": "i"}, "accessModes": []}}}});
        Attachments.default(&mut attachment);
        assert_eq!(attachment["spec"]["source"]["inlineVolumeSpec"]["iscsi"]["iscsiInterface"], "default");
    }

    #[test]
    fn tokens_are_warned_of_when_they_are_asked_for() {
        let driver = |audience: &str| json!({"spec": {"tokenRequests": [{"audience": audience}]}});
        let warned = |old: Option<&Value>| Drivers.warnings(&driver("a"), old).len();
        assert_eq!((warned(None), warned(Some(&driver("a"))), warned(Some(&driver("b")))), (1, 0, 1));
    }

    #[test]
    fn old_labels_of_a_topology_are_warned_of() {
        let topology = json!({
            "matchExpressions": [{"key": "beta.kubernetes.io/os", "operator": "Exists"}],
            "matchLabels": {"beta.kubernetes.io/arch": "arm64"},
        });
        assert_eq!(
            Capacities.warnings(&json!({"nodeTopology": topology}), None),
            [
                "nodeTopology.matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use \
                 \"kubernetes.io/os\" instead",
                "nodeTopology.matchLabels.beta.kubernetes.io/arch: deprecated since v1.14; use \
                 \"kubernetes.io/arch\" instead",
            ]
        );
    }

    #[test]
    fn a_failure_is_told_in_a_few_words() {
        let attachment = json!({"status": {"attachError": {"message": "m".repeat(1025), "errorCode": -1}}});
        assert_eq!(
            texts(&Attachments.validate_status(&attachment, &Value::Null)),
            "status.attachError.message: Too long: may not be more than 262144 bytes, \
             status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive"
        );
    }
}
