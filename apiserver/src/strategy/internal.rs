//! Values as Go prints upstream's internal structs in messages: every field, in the order of the struct, under its Go
//! name.

use serde_json::Value;
use steersman_core::field::{Shown, quote};

use crate::tree::Read;

/// A printed struct.
#[derive(Clone, Debug)]
pub(super) struct Printed(String);

impl Shown for Printed {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

/// A field of a struct: its Go name, its name in JSON, and what it is.
struct Field(&'static str, &'static str, Form);

/// What Go keeps a field as.
enum Form {
    /// A string, empty if absent.
    Text,
    /// A number, zero if absent.
    Number,
    /// Anything behind a pointer, null if absent.
    Pointer,
    /// A struct behind a pointer.
    Struct(&'static [Field]),
}

const DISRUPTION_BUDGET_SPEC: &[Field] = &[
    Field("MinAvailable", "minAvailable", Form::Pointer),
    Field("Selector", "selector", Form::Pointer),
    Field("MaxUnavailable", "maxUnavailable", Form::Pointer),
    Field("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy", Form::Pointer),
];

const SERVICE_PORT: &[Field] = &[
    Field("Name", "name", Form::Text),
    Field("Protocol", "protocol", Form::Text),
    Field("AppProtocol", "appProtocol", Form::Pointer),
    Field("Port", "port", Form::Number),
    Field("TargetPort", "targetPort", Form::Number),
    Field("NodePort", "nodePort", Form::Number),
];

const ROLLING_UPDATE: &[Field] =
    &[Field("MaxUnavailable", "maxUnavailable", Form::Pointer), Field("MaxSurge", "maxSurge", Form::Pointer)];

const DEPLOYMENT_STRATEGY: &[Field] = &[
    Field("Type", "type", Form::Text),
    Field("RollingUpdate", "rollingUpdate", Form::Struct(ROLLING_UPDATE)),
];

const CLAIM: &[Field] = &[
    Field("Name", "name", Form::Text),
    Field("ResourceClaimName", "resourceClaimName", Form::Pointer),
    Field("ResourceClaimTemplateName", "resourceClaimTemplateName", Form::Pointer),
];

const CAPABILITIES: &[Field] = &[Field("Add", "add", Form::Pointer), Field("Drop", "drop", Form::Pointer)];

const SECURITY_CONTEXT: &[Field] = &[
    Field("Capabilities", "capabilities", Form::Struct(CAPABILITIES)),
    Field("Privileged", "privileged", Form::Pointer),
    Field("SELinuxOptions", "seLinuxOptions", Form::Pointer),
    Field("WindowsOptions", "windowsOptions", Form::Pointer),
    Field("RunAsUser", "runAsUser", Form::Pointer),
    Field("RunAsGroup", "runAsGroup", Form::Pointer),
    Field("RunAsNonRoot", "runAsNonRoot", Form::Pointer),
    Field("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", Form::Pointer),
    Field("AllowPrivilegeEscalation", "allowPrivilegeEscalation", Form::Pointer),
    Field("ProcMount", "procMount", Form::Pointer),
    Field("SeccompProfile", "seccompProfile", Form::Pointer),
    Field("AppArmorProfile", "appArmorProfile", Form::Pointer),
];

/// The spec of a PodDisruptionBudget.
pub(super) fn disruption_budget_spec(spec: &Value) -> Printed {
    Printed(print(spec, DISRUPTION_BUDGET_SPEC))
}

/// A port of a service.
pub(super) fn service_port(port: &Value) -> Printed {
    Printed(print(port, SERVICE_PORT))
}

/// The strategy of a Deployment.
pub(super) fn deployment_strategy(strategy: &Value) -> Printed {
    Printed(print(strategy, DEPLOYMENT_STRATEGY))
}

/// A resource claim of a pod.
pub(super) fn resource_claim(claim: &Value) -> Printed {
    Printed(print(claim, CLAIM))
}

/// The security context of a container.
pub(super) fn security_context(context: &Value) -> Printed {
    Printed(print(context, SECURITY_CONTEXT))
}

fn print(value: &Value, fields: &[Field]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|Field(go, json, form)| {
            let value = value.at(json);
            let printed = match form {
                Form::Text => quote(value.as_str().unwrap_or_default()),
                Form::Number if value.is_null() => "0".to_owned(),
                Form::Struct(fields) if !value.is_null() => print(value, fields),
                _ => value.to_string(),
            };
            format!("\"{go}\":{printed}")
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
}
