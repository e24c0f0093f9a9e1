//! Containers: defaults and rules.

use serde_json::{Map, Value};

use super::image::pull_policy;
use crate::strategy::tree::{Fill, Read, drop_zero};

/// The fields that Go keeps behind a pointer, so that a zero in them is a value, or always writes.
const POINTERS: &[&str] = &[
    "lifecycle",
    "livenessProbe",
    "name",
    "readinessProbe",
    "resources",
    "restartPolicy",
    "securityContext",
    "startupProbe",
];

/// Fills in what a container leaves out.
pub(super) fn default(container: &mut Map<String, Value>) {
    drop_zero(container, POINTERS);
    if !container.has("imagePullPolicy") {
        container.put("imagePullPolicy", pull_policy(container.text("image")));
    }
    container.fill("terminationMessagePath", "/dev/termination-log");
    container.fill("terminationMessagePolicy", "File");
    drop_zero(container.object("resources"), &[]);
    for port in container.objects_mut("ports") {
        drop_zero(port, &["containerPort"]);
        port.fill("protocol", "TCP");
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.object_mut(probe) {
            default_probe(probe);
        }
    }
    default_lifecycle(container);
    container.objects_mut("env").for_each(default_env);
    for mount in container.objects_mut("volumeMounts") {
        drop_zero(mount, &["mountPath", "mountPropagation", "name", "recursiveReadOnly"]);
    }
    for source in container.objects_mut("envFrom") {
        drop_zero(source, &["configMapRef", "secretRef"]);
    }
}

/// Handlers of hooks. Stop signals are behind a gate that is off by default, so they are dropped.
fn default_lifecycle(container: &mut Map<String, Value>) {
    let Some(lifecycle) = container.object_mut("lifecycle") else { return };
    let had_signal = lifecycle.remove("stopSignal").is_some();
    if had_signal && lifecycle.is_empty() {
        container.drop_field("lifecycle");
        return;
    }
    for hook in ["postStart", "preStop"] {
        if let Some(http) = lifecycle.object_mut(hook).and_then(|hook| hook.object_mut("httpGet")) {
            default_http_get(http);
        }
    }
}

fn default_probe(probe: &mut Map<String, Value>) {
    drop_zero(probe, &["exec", "grpc", "httpGet", "tcpSocket", "terminationGracePeriodSeconds"]);
    probe.fill("timeoutSeconds", 1);
    probe.fill("periodSeconds", 10);
    probe.fill("successThreshold", 1);
    probe.fill("failureThreshold", 3);
    if let Some(http) = probe.object_mut("httpGet") {
        default_http_get(http);
    }
    if let Some(grpc) = probe.object_mut("grpc") {
        grpc.fill("service", "");
    }
}

fn default_http_get(http: &mut Map<String, Value>) {
    http.fill_zero("path", "/");
    http.fill_zero("scheme", "HTTP");
}

fn default_env(env: &mut Map<String, Value>) {
    drop_zero(env, &["name", "valueFrom"]);
    if let Some(source) = env.object_mut("valueFrom") {
        if let Some(field) = source.object_mut("fieldRef") {
            field.fill_zero("apiVersion", "v1");
        }
        if let Some(resource) = source.object_mut("resourceFieldRef") {
            resource.fill("divisor", "0");
        }
        if let Some(file) = source.object_mut("fileKeyRef") {
            file.fill("optional", false);
        }
    }
}
