//! Containers: defaults and rules.

use serde_json::{Map, Value};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;

use super::image::pull_policy;
use super::validate::Holder;
use super::{env, handlers, mounts, ports, resources, security};
use crate::strategy::checks;
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

fn default_lifecycle(container: &mut Map<String, Value>) {
    let Some(lifecycle) = container.object_mut("lifecycle") else { return };
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

/// What containers of a spec have in common.
struct Group<'a> {
    spec: &'a Value,
    holder: Holder,
    grace: i64,
    host_users: bool,
}

/// Checks all containers of a spec.
pub(super) fn validate(spec: &Value, holder: Holder, at: &Path<'_>, errors: &mut ErrorList) {
    let group = Group {
        spec,
        holder,
        grace: spec.int("terminationGracePeriodSeconds").unwrap_or_default(),
        host_users: spec.at("hostUsers").as_bool() != Some(false),
    };
    let (path, containers) = (at.child("containers"), spec.items("containers"));
    if containers.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    for (index, container) in containers.iter().enumerate() {
        let item = path.index(index);
        group.check(container, &item, errors);
        check_unique(container, &containers[..index], &item, errors);
        handlers::validate(container, group.grace, &item, errors);
    }
    ports::host_conflicts(containers, &path, errors);
    group.check_init(&at.child("initContainers"), errors);
    group.check_ephemeral(&at.child("ephemeralContainers"), errors);
}

fn check_unique(container: &Value, others: &[Value], at: &Path<'_>, errors: &mut ErrorList) {
    let name = container.text("name");
    if others.iter().any(|other| other.text("name") == name) {
        errors.push(Error::duplicate(&at.child("name"), name));
    }
}

impl Group<'_> {
    /// What every container obeys.
    fn check(&self, container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
        let (name, image) = (container.text("name"), container.text("image"));
        if checks::required(container, "name", at, errors) {
            checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
        }
        if checks::required(container, "image", at, errors)
            && self.holder == Holder::Pod
            && image.trim() != image
        {
            let why = "must not have leading or trailing whitespace";
            errors.push(Error::invalid(&at.child("image"), image, why));
        }
        let policy = at.child("terminationMessagePolicy");
        let policies = ["File", "FallbackToLogsOnError"];
        checks::required_one_of(container.text("terminationMessagePolicy"), &policies, &policy, errors);
        ports::validate(container, &at.child("ports"), errors);
        env::validate(container, at, errors);
        mounts::validate(container, self.spec.items("volumes"), at, errors);
        let policies = ["Always", "IfNotPresent", "Never"];
        let policy = at.child("imagePullPolicy");
        checks::required_one_of(container.text("imagePullPolicy"), &policies, &policy, errors);
        resources::validate_container(container.at("resources"), &at.child("resources"), errors);
        check_resize(container, &at.child("resizePolicy"), errors);
        let context = container.at("securityContext");
        security::validate_container(context, self.host_users, &at.child("securityContext"), errors);
        if container.has("restartPolicy") {
            let policies = ["Always", "Never", "OnFailure"];
            checks::one_of(container.text("restartPolicy"), &policies, &at.child("restartPolicy"), errors);
        }
    }

    /// An init container that runs on (a sidecar) may have what a container has; another ends too soon for that.
    fn check_init(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let containers = self.spec.items("initContainers");
        for (index, container) in containers.iter().enumerate() {
            let item = at.index(index);
            self.check(container, &item, errors);
            check_unique(container, self.spec.items("containers"), &item, errors);
            check_unique(container, &containers[..index], &item, errors);
            if container.text("restartPolicy") == "Always" {
                handlers::validate(container, self.grace, &item, errors);
                continue;
            }
            let set = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
            for field in set.into_iter().filter(|field| container.has(field)) {
                let why = "may not be set for init containers without restartPolicy=Always";
                errors.push(Error::forbidden(&item.child(field), why));
            }
        }
        ports::host_conflicts(containers, at, errors);
    }

    fn check_ephemeral(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let containers = self.spec.items("ephemeralContainers");
        for (index, container) in containers.iter().enumerate() {
            let item = at.index(index);
            self.check(container, &item, errors);
            check_unique(container, self.spec.items("containers"), &item, errors);
            check_unique(container, self.spec.items("initContainers"), &item, errors);
            check_unique(container, &containers[..index], &item, errors);
            let target = container.text("targetContainerName");
            let known = ["containers", "initContainers"];
            let mut all = known.into_iter().flat_map(|list| self.spec.items(list));
            if !target.is_empty() && !all.any(|one| one.text("name") == target) {
                errors.push(Error::not_found(&item.child("targetContainerName"), target));
            }
            let set =
                ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy"];
            for field in set.into_iter().filter(|field| container.has(field)) {
                errors.push(Error::forbidden(&item.child(field), "cannot be set for an Ephemeral Container"));
            }
        }
    }
}

fn check_resize(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for policy in container.items("resizePolicy") {
        checks::required_one_of(policy.text("resourceName"), &["cpu", "memory"], at, errors);
        checks::required_one_of(
            policy.text("restartPolicy"),
            &["NotRequired", "RestartContainer"],
            at,
            errors,
        );
    }
}
