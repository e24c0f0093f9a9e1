//! Values as Go prints upstream's internal structs in messages: every field, in the order of the struct, under its Go
//! name.

mod affinity;
mod container;
mod device;
mod kinds;
mod line_diff;
mod pod;
mod print;
mod storage;
mod volume;

use steersman_core::field::Shown;
use steersman_core::tree::{Map, Value};

use crate::tree::{Fill, Read, fields};
use print::{Field, node};

/// A printed struct.
#[derive(Clone, Debug)]
pub(super) struct Printed(String);

impl Shown for Printed {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

/// What Go keeps a field as.
#[derive(Clone, Copy)]
enum Form {
    /// A string, empty if absent.
    Text,
    /// A number, zero if absent.
    Number,
    /// A truth, false if absent.
    Flag,
    /// Anything behind a pointer, null if absent.
    Pointer,
    /// A label selector, which has names of its own in Go too; null if absent.
    Selector,
    /// The metadata of an object, whose fields are those of what it is in and have their own names in Go too.
    Metadata,
    /// A struct, printed even if absent.
    Inside(&'static [Field]),
    /// A struct whose fields are the fields of what it is in.
    Inline(&'static [Field]),
    /// A struct behind a pointer.
    Struct(&'static [Field]),
    /// A list of structs.
    List(&'static [Field]),
}

/// The fields of a pod spec that Go keeps in its security context.
const HOST: [&str; 5] = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];

/// The spec of a PodDisruptionBudget.
pub(super) fn disruption_budget_spec(spec: &Value) -> Printed {
    printed(spec, kinds::DISRUPTION_BUDGET_SPEC)
}

/// An address of a node.
pub(super) fn node_address(address: &Value) -> Printed {
    printed(address, kinds::NODE_ADDRESS)
}

/// A taint of a node.
pub(super) fn taint(taint: &Value) -> Printed {
    printed(taint, kinds::TAINT)
}

/// A port of a service.
pub(super) fn service_port(port: &Value) -> Printed {
    printed(port, kinds::SERVICE_PORT)
}

/// The strategy of a Deployment or of a DaemonSet.
pub(super) fn deployment_strategy(strategy: &Value) -> Printed {
    printed(strategy, kinds::DEPLOYMENT_STRATEGY)
}

/// The update strategy of a StatefulSet.
pub(super) fn stateful_update(strategy: &Value) -> Printed {
    printed(strategy, kinds::STATEFUL_UPDATE)
}

/// How a StatefulSet rolls.
pub(super) fn stateful_rolling(rolling: &Value) -> Printed {
    printed(rolling, kinds::STATEFUL_ROLLING)
}

/// The success policy of a job, if there is one.
pub(super) fn success_policy(policy: &Value) -> Printed {
    pointed(policy, kinds::SUCCESS_POLICY)
}

/// The pod failure policy of a job, if there is one.
pub(super) fn failure_policy(policy: &Value) -> Printed {
    pointed(policy, kinds::FAILURE_POLICY)
}

/// The pods that a job has not counted yet.
pub(super) fn uncounted_pods(pods: &Value) -> Printed {
    printed(pods, kinds::UNCOUNTED_PODS)
}

/// What an event is about.
pub(super) fn object_reference(reference: &Value) -> Printed {
    printed(reference, kinds::OBJECT_REFERENCE)
}

/// What an event is about besides, if there is something.
pub(super) fn object_pointer(reference: &Value) -> Printed {
    pointed(reference, kinds::OBJECT_REFERENCE)
}

/// Who tells of an event.
pub(super) fn event_source(source: &Value) -> Printed {
    printed(source, kinds::EVENT_SOURCE)
}

/// A string, empty if absent.
pub(super) fn text(value: &Value) -> Printed {
    Printed(value.as_str().unwrap_or_default().shown())
}

/// A number, zero if absent.
pub(super) fn number(value: &Value) -> Printed {
    Printed(value.as_i64().unwrap_or_default().shown())
}

/// What Go keeps as JSON has it.
pub(super) fn plain(value: &Value) -> Printed {
    Printed(value.shown())
}

/// The spec of a FlowSchema.
pub(super) fn flow_schema_spec(spec: &Value) -> Printed {
    printed(spec, kinds::FLOW_SCHEMA_SPEC)
}

/// The spec of a PriorityLevelConfiguration.
pub(super) fn priority_level_spec(spec: &Value) -> Printed {
    printed(spec, kinds::PRIORITY_LEVEL_SPEC)
}

/// How the flows of a FlowSchema are told apart.
pub(super) fn distinguisher(method: &Value) -> Printed {
    printed(method, kinds::DISTINGUISHER)
}

/// The objects that a quota counts, by their scopes.
pub(super) fn scope_selector(selector: &Value) -> Printed {
    printed(selector, kinds::SCOPE_SELECTOR)
}

/// The role that a binding is to.
pub(super) fn role_reference(role: &Value) -> Printed {
    printed(role, kinds::ROLE_REFERENCE)
}

/// The spec of a ServiceCIDR.
pub(super) fn service_ranges(spec: &Value) -> Printed {
    printed(spec, kinds::SERVICE_RANGES)
}

/// Whose an IPAddress is.
pub(super) fn parent_reference(parent: &Value) -> Printed {
    printed(parent, kinds::PARENT_REFERENCE)
}

/// A driver of a CSINode.
pub(super) fn node_driver(driver: &Value) -> Printed {
    printed(driver, kinds::NODE_DRIVER)
}

/// A toleration.
pub(super) fn toleration(toleration: &Value) -> Printed {
    printed(toleration, pod::TOLERATION)
}

/// A resource claim of a pod.
pub(super) fn resource_claim(claim: &Value) -> Printed {
    printed(claim, pod::CLAIM)
}

/// The security context of a container.
pub(super) fn security_context(context: &Value) -> Printed {
    printed(context, container::SECURITY_CONTEXT)
}

/// A seccomp profile.
pub(super) fn seccomp_profile(profile: &Value) -> Printed {
    printed(profile, container::PROFILE)
}

/// The addresses of a pod, or of its host.
pub(super) fn pod_addresses(addresses: &[Value]) -> Printed {
    let addresses: Vec<String> = addresses.iter().map(|one| printed(one, pod::ADDRESS).0).collect();
    Printed(format!("[{}]", addresses.join(",")))
}

/// A list of node selector terms; none is no list.
pub(super) fn node_terms(terms: &[Value]) -> Printed {
    if terms.is_empty() {
        return Printed("null".to_owned());
    }
    let terms: Vec<String> = terms.iter().map(|term| node_term(term).0).collect();
    Printed(format!("[{}]", terms.join(",")))
}

/// A node selector term.
pub(super) fn node_term(term: &Value) -> Printed {
    printed(term, affinity::NODE_TERM)
}

/// The spec of a VolumeAttachment.
pub(super) fn attachment_spec(spec: &Value) -> Printed {
    printed(spec, storage::ATTACHMENT_SPEC)
}

/// The node affinity of a persistent volume, if there is one.
pub(super) fn volume_affinity(affinity: &Value) -> Printed {
    pointed(affinity, storage::VOLUME_AFFINITY)
}

/// The spec of a resource claim.
pub(super) fn device_claim(spec: &Value) -> Printed {
    printed(spec, device::CLAIM_SPEC)
}

/// The spec of a template of resource claims.
pub(super) fn device_claim_template(template: &Value) -> Printed {
    printed(template, device::TEMPLATE)
}

/// An attribute of a device.
pub(super) fn device_attribute(attribute: &Value) -> Printed {
    printed(attribute, device::ATTRIBUTE)
}

/// What was allocated for a claim.
pub(super) fn device_allocation(allocation: &Value) -> Printed {
    printed(allocation, device::ALLOCATION)
}

/// A pod template.
pub(super) fn pod_template(template: &Value) -> Printed {
    let mut template = template.clone();
    let spec = Value::Object(with_host(template.at("spec")));
    fields(&mut template).put("spec", spec);
    printed(&template, pod::TEMPLATE)
}

/// The spec of a pod.
pub(super) fn pod_spec(spec: &Value) -> Printed {
    printed(&Value::Object(with_host(spec)), pod::SPEC)
}

/// What differs between two pod specs, line by line.
pub(super) fn pod_spec_difference(old: &Value, new: &Value) -> String {
    let lines = |spec: &Value| indented(&Value::Object(with_host(spec)), pod::SPEC);
    line_diff::unified(&lines(old), &lines(new))
}

/// What differs between two ephemeral containers, line by line.
pub(crate) fn ephemeral_container_difference(old: &Value, new: &Value) -> String {
    let lines = |one: &Value| indented(one, container::EPHEMERAL_CONTAINER);
    line_diff::unified(&lines(old), &lines(new))
}

/// What differs between the specs of two claims, line by line.
pub(super) fn claim_spec_difference(old: &Value, new: &Value) -> String {
    line_diff::unified(&indented(old, storage::CLAIM_SPEC), &indented(new, storage::CLAIM_SPEC))
}

/// What differs between the sources of two persistent volumes, line by line.
pub(super) fn volume_source_difference(old: &Value, new: &Value) -> String {
    let lines = |spec: &Value| indented(spec, storage::PERSISTENT_SOURCE);
    line_diff::unified(&lines(old), &lines(new))
}

fn printed(value: &Value, fields: &'static [Field]) -> Printed {
    Printed(node(value, fields).compact())
}

/// A struct behind a pointer.
fn pointed(value: &Value, fields: &'static [Field]) -> Printed {
    if value.is_null() { Printed("null".to_owned()) } else { printed(value, fields) }
}

fn indented(value: &Value, fields: &'static [Field]) -> String {
    node(value, fields).indented()
}

/// The spec of a pod with what Go keeps in the security context there.
fn with_host(spec: &Value) -> Map {
    let mut spec = spec.as_object().cloned().unwrap_or_default();
    for field in HOST {
        if let Some(value) = spec.remove(field) {
            spec.object("securityContext").put(field, value);
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn structs_are_printed_whole() {
        assert_eq!(
            service_port(&json!({"protocol": "TCP", "port": 80})).0,
            r#"{"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}"#
        );
        assert_eq!(deployment_strategy(&json!({"type": "X"})).0, r#"{"Type":"X","RollingUpdate":null}"#);
        let context = json!({"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": false});
        assert!(security_context(&context).0.starts_with(
            r#"{"Capabilities":{"Add":["CAP_SYS_ADMIN"],"Drop":null},"Privileged":null,"SELinuxOptions":null,"#
        ));
    }

    #[test]
    fn a_changed_line_is_shown_with_three_around_it() {
        let old = json!({"securityContext": {}, "restartPolicy": "Always", "containers": [{"name": "c"}]});
        let mut new = old.clone();
        new["hostPID"] = json!(true);
        assert_eq!(
            pod_spec_difference(&old, &new),
            concat!(
                "@@ -45,7 +45,7 @@\n",
                "  \"NodeName\": \"\",\n",
                "  \"SecurityContext\": {\n",
                "   \"HostNetwork\": false,\n",
                "-  \"HostPID\": false,\n",
                "+  \"HostPID\": true,\n",
                "   \"HostIPC\": false,\n",
                "   \"ShareProcessNamespace\": null,\n",
                "   \"HostUsers\": null,\n"
            )
        );
    }
}
