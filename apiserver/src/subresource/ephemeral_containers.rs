//! `pods/ephemeralcontainers`: adds containers for debugging to a pod that runs.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::tree::Value;

use super::Subresource;
use crate::strategy::{WriteContext, ephemeral_container_difference, validate_pod, validate_pod_annotations};
use crate::tree::{Fill, Read, fields};

pub(super) struct EphemeralContainers;

#[async_trait]
impl Subresource for EphemeralContainers {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "pods")
    }

    fn name(&self) -> &'static str {
        "ephemeralcontainers"
    }

    fn replace(&self, body: Value, old: &Value, _cx: &WriteContext<'_>) -> Result<Value> {
        let mut pod = old.clone();
        let spec = fields(&mut pod).object("spec");
        match body.at("spec").at("ephemeralContainers") {
            Value::Null => spec.drop_field("ephemeralContainers"),
            containers => spec.put("ephemeralContainers", containers.clone()),
        }
        Ok(pod)
    }

    fn validate(&self, object: &Value, old: &Value) -> ErrorList {
        let spec = Path::new("spec");
        let at = spec.child("ephemeralContainers");
        if old.at("metadata").at("annotations").has("kubernetes.io/config.mirror") {
            return vec![field::Error::forbidden(
                &Path::ROOT,
                "static pods do not support ephemeral containers",
            )];
        }
        let mut errors = validate_pod(object);
        errors.extend(validate_pod_annotations(object, old));
        let containers = object.at("spec").items("ephemeralContainers");
        for before in old.at("spec").items("ephemeralContainers") {
            let name = before.text("name");
            let shown = field::quote(name);
            let why = match containers.iter().find(|now| now.text("name") == name) {
                Some(now) if now == before => continue,
                Some(now) => {
                    let difference = ephemeral_container_difference(before, now);
                    format!("existing ephemeral containers {shown} may not be changed\n{difference}")
                }
                None => format!("existing ephemeral containers {shown} may not be removed\n"),
            };
            errors.push(field::Error::forbidden(&at, why));
        }
        errors
    }
}
