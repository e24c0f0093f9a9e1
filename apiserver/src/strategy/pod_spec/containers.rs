//! Containers: defaults and rules.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::{Map, Value};

use super::image::pull_policy;
use super::{env, handlers, mounts, ports, resources, restarts, security};
use crate::strategy::checks;
use crate::tree::{Fill, Read, is_zero};

/// Fills in what a container leaves out.
pub(super) fn default(container: &mut Map) {
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

fn default_lifecycle(container: &mut Map) {
    let Some(lifecycle) = container.object_mut("lifecycle") else { return };
    for hook in ["postStart", "preStop"] {
        if let Some(http) = lifecycle.object_mut(hook).and_then(|hook| hook.object_mut("httpGet")) {
            default_http_get(http);
        }
    }
}

fn default_probe(probe: &mut Map) {
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

fn default_http_get(http: &mut Map) {
    http.fill_zero("path", "/");
    http.fill_zero("scheme", "HTTP");
}

fn default_env(env: &mut Map) {
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
    volumes: &'a [&'a Value],
    claims: Vec<&'a str>,
    grace: i64,
    host_users: bool,
}

/// The names that are taken, in a list of containers or in all.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    fn of(containers: &'a [Value]) -> Self {
        Names(containers.iter().map(|container| container.text("name")).collect())
    }

    /// Takes the name of a container that nobody has.
    fn take(&mut self, container: &'a Value, at: &Path<'_>, errors: &mut ErrorList) {
        let name = container.text("name");
        if self.0.contains(&name) {
            errors.push(Error::duplicate(&at.child("name"), name));
        } else {
            self.0.push(name);
        }
    }

    /// As [`Names::take`], but of nameless ones none is another's double.
    fn take_given(&mut self, container: &'a Value, at: &Path<'_>, errors: &mut ErrorList) {
        if !container.text("name").is_empty() || self.0.contains(&"") {
            self.take(container, at, errors);
        }
    }
}

/// Checks all containers of a spec with these volumes.
pub(super) fn validate(spec: &Value, volumes: &[&Value], at: &Path<'_>, errors: &mut ErrorList) {
    let claims = spec.items("resourceClaims").iter().map(|claim| claim.text("name"));
    let group = Group {
        spec,
        volumes,
        claims: claims.filter(|name| !name.is_empty()).collect(),
        grace: spec.int("terminationGracePeriodSeconds").unwrap_or_default(),
        host_users: spec.at("hostUsers").as_bool() != Some(false),
    };
    group.check_main(&at.child("containers"), errors);
    group.check_init(&at.child("initContainers"), errors);
    group.check_ephemeral(&at.child("ephemeralContainers"), errors);
}

/// In a pod, unlike in a template, the image of a container is no more than an image.
pub(in crate::strategy) fn validate_image(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let image = container.text("image");
    if image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        errors.push(Error::invalid(&at.child("image"), image, why));
    }
}

impl Group<'_> {
    /// What every container obeys.
    fn check(&self, container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
        let name = container.text("name");
        if checks::required(container, "name", at, errors) {
            checks::each(names::dns1123_label(name), name, &at.child("name"), errors);
        }
        checks::required(container, "image", at, errors);
        let policy = at.child("terminationMessagePolicy");
        let policies = ["File", "FallbackToLogsOnError"];
        checks::required_one_of(container.text("terminationMessagePolicy"), &policies, &policy, errors);
        ports::validate(container, &at.child("ports"), errors);
        env::validate(container, at, errors);
        mounts::validate(container, self.volumes, at, errors);
        let policies = ["Always", "IfNotPresent", "Never"];
        let policy = at.child("imagePullPolicy");
        checks::required_one_of(container.text("imagePullPolicy"), &policies, &policy, errors);
        let resources = at.child("resources");
        resources::validate_container(container.at("resources"), &resources, errors);
        resources::validate_claims(
            container.at("resources"),
            &self.claims,
            &resources.child("claims"),
            errors,
        );
        restarts::validate_resize(
            container,
            self.spec.text("restartPolicy"),
            &at.child("resizePolicy"),
            errors,
        );
        let context = container.at("securityContext");
        security::validate_container(context, self.host_users, &at.child("securityContext"), errors);
    }

    fn check_main(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let (containers, mut names) = (self.spec.items("containers"), Names::default());
        if containers.is_empty() {
            errors.push(Error::required(at, ""));
        }
        for (index, container) in containers.iter().enumerate() {
            let item = at.index(index);
            self.check(container, &item, errors);
            names.take(container, &item, errors);
            handlers::validate(container, self.grace, &item, errors);
            restarts::validate(container, &item, errors);
        }
        ports::host_conflicts(containers, at, errors);
    }

    /// An init container that runs on (a sidecar) may have what a container has; another ends too soon for that.
    fn check_init(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let mut names = Names::of(self.spec.items("containers"));
        for (index, container) in self.spec.items("initContainers").iter().enumerate() {
            let item = at.index(index);
            self.check(container, &item, errors);
            restarts::validate(container, &item, errors);
            names.take_given(container, &item, errors);
            // They run one by one, and upstream's path is that of a list of one.
            ports::host_conflicts(std::slice::from_ref(container), at, errors);
            if container.text("restartPolicy") == "Always" {
                handlers::validate(container, self.grace, &item, errors);
                continue;
            }
            let set = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
            for field in set.into_iter().filter(|field| container.has(field)) {
                let why = "may not be set for init containers without restartPolicy=Always";
                errors.push(Error::forbidden(&item.child(field), why));
            }
            restarts::validate_resize_of_init(container, &item, errors);
        }
    }

    fn check_ephemeral(&self, at: &Path<'_>, errors: &mut ErrorList) {
        let others = ["containers", "initContainers"].map(|list| Names::of(self.spec.items(list)).0).concat();
        let mut names = Names(others.clone());
        for (index, container) in self.spec.items("ephemeralContainers").iter().enumerate() {
            let item = at.index(index);
            self.check(container, &item, errors);
            validate_image(container, &item, errors);
            names.take(container, &item, errors);
            let target = container.text("targetContainerName");
            if !target.is_empty() && !others.contains(&target) {
                errors.push(Error::not_found(&item.child("targetContainerName"), target));
            }
            check_nothing_lasting(container, &item, errors);
        }
    }
}

const NOT_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

/// An ephemeral container serves nothing, and leaves nothing behind.
fn check_nothing_lasting(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let fields = [
        "ports",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
    ];
    for field in fields.into_iter().filter(|field| container.has(field)) {
        if field != "resources" || !is_zero(container.at(field)) {
            errors.push(Error::forbidden(&at.child(field), NOT_EPHEMERAL));
        }
    }
    let list = at.child("volumeMounts");
    for (index, mount) in container.items("volumeMounts").iter().enumerate() {
        let set = ["subPath", "subPathExpr"].into_iter().filter(|field| !mount.text(field).is_empty());
        errors.extend(set.map(|field| Error::forbidden(&list.index(index).child(field), NOT_EPHEMERAL)));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn errors(spec: Value) -> String {
        let mut errors = ErrorList::new();
        validate(&spec, &[], &Path::new("s"), &mut errors);
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn container(name: &str, more: Value) -> Value {
        let mut container = json!({
            "name": name, "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"
        });
        let fields = more.as_object().cloned().unwrap_or_default();
        container.as_object_mut().unwrap().extend(fields);
        container
    }

    #[test]
    fn a_name_is_taken_once_in_all_lists() {
        let spec = json!({
            "containers": [container("a", json!({}))],
            "initContainers": [container("b", json!({})), container("a", json!({}))],
            "ephemeralContainers": [container("b", json!({"targetContainerName": "c"}))],
        });
        let why = "s.initContainers[1].name: Duplicate value: \"a\"; s.ephemeralContainers[0].name: Duplicate value: \
                   \"b\"; s.ephemeralContainers[0].targetContainerName: Not found: \"c\"";
        assert_eq!(errors(spec), why);
    }

    #[test]
    fn an_ephemeral_container_has_nothing_that_lasts() {
        let ephemeral = container(
            "e",
            json!({
                "resources": {"limits": {"cpu": "1"}}, "restartPolicy": "Always",
                "volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "b"}]
            }),
        );
        let spec = json!({"containers": [container("a", json!({}))], "ephemeralContainers": [ephemeral]});
        let at = "s.ephemeralContainers[0]";
        let why = format!(
            "{at}.volumeMounts[0].name: Not found: \"v\"; {at}.resources: Forbidden: {NOT_EPHEMERAL}; \
             {at}.restartPolicy: Forbidden: {NOT_EPHEMERAL}; {at}.volumeMounts[0].subPath: Forbidden: {NOT_EPHEMERAL}"
        );
        assert_eq!(errors(spec), why);
    }

    #[test]
    fn a_claim_of_a_container_is_one_of_the_pod() {
        let claims = |claims: Value| {
            let container = container("a", json!({"resources": {"claims": claims}}));
            errors(json!({"containers": [container], "resourceClaims": [{"name": "x"}, {"name": "y"}]}))
        };
        let at = "s.containers[0].resources.claims";
        let cases = [
            (json!([{"name": "x"}, {"name": "y", "request": "r"}]), String::new()),
            (json!([{"name": "x"}, {"name": "x"}]), format!("{at}[1]: Duplicate value: \"x\"")),
            (
                json!([{"name": "x", "request": "r"}, {"name": "x", "request": "r"}]),
                format!("{at}[1]: Duplicate value: \"x/r\""),
            ),
            (
                json!([{"name": "x", "request": "r"}, {"name": "x"}]),
                format!("{at}[1]: Duplicate value: \"x\""),
            ),
            (
                json!([{"name": "z"}]),
                format!(
                    "{at}[0]: Not found: \"z\": must be one of the names in pod.spec.resourceClaims: x, y"
                ),
            ),
        ];
        for (list, why) in cases {
            assert_eq!(claims(list), why);
        }
    }
}
