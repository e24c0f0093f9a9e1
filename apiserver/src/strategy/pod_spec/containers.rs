//! Containers: defaults and rules.

use serde_json::{Map, Value};

use super::image::pull_policy;
use crate::tree::{Fill, Read};

/// Fills in what a container leaves out.
pub(super) fn default(container: &mut Map<String, Value>) {
    if !container.has("imagePullPolicy") {
        container.put("imagePullPolicy", pull_policy(container.text("image")));
    }
    container.fill("terminationMessagePath", "/dev/termination-log");
    container.fill("terminationMessagePolicy", "File");
    for port in container.objects_mut("ports") {
        port.fill("protocol", "TCP");
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.object_mut(probe) {
            default_probe(probe);
        }
    }
    default_lifecycle(container);
    container.objects_mut("env").for_each(default_env);
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
