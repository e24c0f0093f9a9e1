//! ResourceClaims and their templates, DeviceClasses and ResourceSlices (KEP-4381): which devices there are, and who
//! asks for them.

mod allocation;
mod claim;
mod forms;
mod offer;
mod policy;
mod slice;

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value};

use super::checks::{self, IMMUTABLE};
use super::{Strategy, WriteContext, internal, pod_spec, template_metadata};
use crate::tree::{Fill, Read, fields};

pub(super) use slice::Slices;

/// The most requests, constraints and configurations of a claim.
const MOST: usize = 32;

/// The label of namespaces of administrators.
const ADMIN: &str = "resource.kubernetes.io/admin-access";

/// The strategy of claims.
pub(super) struct Claims;

impl Strategy for Claims {
    fn default(&self, object: &mut Value) {
        let claim = fields(object);
        default_claim(claim.object("spec"));
        let allocation = claim.object_mut("status").and_then(|status| status.object_mut("allocation"));
        if let Some(devices) = allocation.and_then(|allocation| allocation.object_mut("devices")) {
            devices.objects_mut("results").for_each(default_tolerations);
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        claim::validate(object.at("spec"), &at, &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), object.at("spec"));
        if spec != old.at("spec") {
            let shown = internal::device_claim(spec);
            errors.push(Error::invalid(&Path::new("spec"), shown, IMMUTABLE));
        }
        errors
    }

    fn validate_status(&self, object: &Value, old: &Value) -> ErrorList {
        allocation::validate(object, old)
    }

    fn validate_in_cluster(&self, object: &Value, cx: &WriteContext<'_>) -> ErrorList {
        check_admin_access(object, object.at("spec"), cx)
    }

    fn validate_status_in_cluster(&self, object: &Value, old: &Value, cx: &WriteContext<'_>) -> ErrorList {
        let asks = |claim: &Value| {
            let results = claim.at("status").at("allocation").at("devices").items("results");
            results.iter().position(|result| result.flag("adminAccess"))
        };
        let Some(index) = asks(object).filter(|_| asks(old).is_none()) else { return ErrorList::new() };
        let (status, field) = (Path::new("status"), "adminAccess");
        let (allocation, results) = (status.child("allocation"), "results");
        let devices = allocation.child("devices");
        check_admin_namespace(object, &devices.child(results).index(index).child(field), cx)
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
        allocation::forget_freed(fields(object).object("status"), old.at("status"));
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The strategy of templates of claims.
pub(super) struct ClaimTemplates;

impl Strategy for ClaimTemplates {
    fn default(&self, object: &mut Value) {
        let template = fields(object).object("spec");
        template.object("metadata");
        default_claim(template.object("spec"));
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let template = object.at("spec");
        template_metadata::validate(template.at("metadata"), &spec.child("metadata"), &mut errors);
        claim::validate(template.at("spec"), &spec.child("spec"), &mut errors);
        errors
    }

    fn validate_in_cluster(&self, object: &Value, cx: &WriteContext<'_>) -> ErrorList {
        check_admin_access(object, object.at("spec").at("spec"), cx)
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, template) = (self.validate(object), object.at("spec"));
        if template != old.at("spec") {
            let shown = internal::device_claim_template(template);
            errors.push(Error::invalid(&Path::new("spec"), shown, IMMUTABLE));
        }
        errors
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

/// The strategy of device classes.
pub(super) struct Classes;

impl Strategy for Classes {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let class = object.at("spec");
        claim::validate_selectors(class.items("selectors"), &spec.child("selectors"), &mut errors);
        let (configurations, at) = (class.items("config"), spec.child("config"));
        forms::list(configurations, MOST, &at, &mut errors, claim::validate_configuration);
        let (resource, at) = (class.text("extendedResourceName"), spec.child("extendedResourceName"));
        if class.has("extendedResourceName") && !pod_spec::is_extended_resource(resource) {
            errors.push(Error::invalid(&at, resource, "must be a valid extended resource name"));
        }
        errors
    }
}

/// Administrators get at devices that others use, from namespaces that are theirs (KEP-5018).
fn check_admin_access(object: &Value, spec: &Value, cx: &WriteContext<'_>) -> ErrorList {
    let requests = spec.at("devices").items("requests").iter();
    let asking = requests.map(|request| request.at("exactly").flag("adminAccess")).position(|asks| asks);
    let Some(index) = asking else { return ErrorList::new() };
    let spec = Path::new("spec");
    let devices = spec.child("devices");
    let requests = devices.child("requests");
    check_admin_namespace(object, &requests.index(index).child("adminAccess"), cx)
}

/// What is wrong with access of an administrator that is asked for at `at`, unless the namespace is made for it.
fn check_admin_namespace(object: &Value, at: &Path<'_>, cx: &WriteContext<'_>) -> ErrorList {
    let namespace =
        cx.cluster.get(&GroupResource::new("", "namespaces"), "", object.at("metadata").text("namespace"));
    let labels = namespace.iter().flat_map(|namespace| &namespace.metadata().labels);
    if labels.into_iter().any(|(key, value)| key == ADMIN && value == "true") {
        return ErrorList::new();
    }
    let why =
        format!("admin access to devices requires the `{ADMIN}: true` label on the containing namespace");
    vec![Error::forbidden(at, why)]
}

fn default_claim(spec: &mut Map) {
    let Some(devices) = spec.object_mut("devices") else { return };
    for request in devices.objects_mut("requests") {
        if let Some(exactly) = request.object_mut("exactly") {
            default_request(exactly);
        }
        request.objects_mut("firstAvailable").for_each(default_request);
    }
}

fn default_request(request: &mut Map) {
    request.fill_zero("allocationMode", "ExactCount");
    if request.text("allocationMode") == "ExactCount" {
        request.fill_zero("count", 1);
    }
    default_tolerations(request);
}

fn default_tolerations(of: &mut Map) {
    of.objects_mut("tolerations").for_each(|toleration| toleration.fill_zero("operator", "Equal"));
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_toleration_is_of_one_value_unless_it_says_otherwise() {
        let tolerant = || json!({"tolerations": [{"key": "a"}]});
        let request = json!({"exactly": tolerant(), "firstAvailable": [tolerant()]});
        let status = json!({"allocation": {"devices": {"results": [tolerant()]}}});
        let mut claim = json!({"spec": {"devices": {"requests": [request]}}, "status": status});
        Claims.default(&mut claim);
        for owner in ["/spec/devices/requests/0/exactly", "/spec/devices/requests/0/firstAvailable/0"] {
            let operator = claim.pointer(&format!("{owner}/tolerations/0/operator"));
            assert_eq!(operator, Some(&json!("Equal")), "{owner}");
        }
        let result = &claim["status"]["allocation"]["devices"]["results"][0];
        assert_eq!(result["tolerations"][0]["operator"], "Equal");
    }

    #[test]
    fn a_template_has_labels_and_annotations_and_does_not_change() {
        let template = |uid: &str| {
            let request = json!({"name": "r", "exactly": {"deviceClassName": "c", "allocationMode": "All"}});
            json!({"spec": {"metadata": {"uid": uid}, "spec": {"devices": {"requests": [request]}}}})
        };
        assert_eq!(texts(&ClaimTemplates.validate(&template(""))), "");
        let foreign = "spec.metadata.uID: Forbidden: cannot be set";
        assert_eq!(texts(&ClaimTemplates.validate(&template("1"))), foreign);
        let changed = texts(&ClaimTemplates.validate_update(&template("1"), &template("")));
        let immutable = format!("{foreign}, spec: Invalid value: {{\"Spec\":{{\"Devices\":");
        assert!(changed.starts_with(&immutable), "{changed}");
    }

    #[test]
    fn a_class_is_set_up_and_may_be_a_resource() {
        let class = json!({"spec": {"config": [{}], "extendedResourceName": "cpu"}});
        assert_eq!(
            texts(&Classes.validate(&class)),
            "spec.config[0].opaque: Required value, spec.extendedResourceName: Invalid value: \"cpu\": must be a valid \
             extended resource name"
        );
    }
}
