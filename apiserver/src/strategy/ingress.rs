//! Ingresses: hosts, paths and the back ends that they lead to.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use super::{Strategy, checks};
use crate::tree::Read;

/// The annotation by which a class was named before there was a field.
const CLASS: &str = "kubernetes.io/ingress.class";

/// The strategy of ingresses.
pub(super) struct Ingresses;

impl Strategy for Ingresses {
    fn validate(&self, object: &Value) -> ErrorList {
        let mut errors = check(object.at("spec"));
        let (given, class) =
            (object.at("metadata").at("annotations").at(CLASS), &object["spec"]["ingressClassName"]);
        if given.is_string() && class.is_string() && given != class {
            let (annotations, why) =
                (Path::new("annotations"), "must match `ingressClassName` when both are specified");
            errors.push(Error::invalid(&annotations.child(CLASS), given, why));
        }
        errors
    }

    fn validate_update(&self, object: &Value, _old: &Value) -> ErrorList {
        check(object.at("spec"))
    }

    fn validate_status(&self, object: &Value, _old: &Value) -> ErrorList {
        let mut errors = ErrorList::new();
        let (status, at) = (Path::new("status"), object.at("status").at("loadBalancer"));
        checks::load_balancer(at, &status.child("loadBalancer"), &mut errors);
        errors
    }

    fn status_warnings(&self, object: &Value) -> Vec<String> {
        checks::balancer_warnings(object)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>) -> Vec<String> {
        let is_named =
            object.at("metadata").at("annotations").has(CLASS) && !object.at("spec").has("ingressClassName");
        let warning =
            format!("annotation \"{CLASS}\" is deprecated, please use 'spec.ingressClassName' instead");
        (is_named && old.is_none()).then_some(warning).into_iter().collect()
    }
}

fn check(spec: &Value) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
    let rules = spec.items("rules");
    if rules.is_empty() && !spec.has("defaultBackend") {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.push(Error::invalid(&at, spec.at("rules"), why));
    }
    if spec.has("defaultBackend") {
        check_backend(spec.at("defaultBackend"), &at.child("defaultBackend"), &mut errors);
    }
    let path = at.child("rules");
    for (index, rule) in rules.iter().enumerate() {
        check_rule(rule, &path.index(index), &mut errors);
    }
    let path = at.child("tls");
    for (index, tls) in spec.items("tls").iter().enumerate() {
        check_tls(tls, &path.index(index), &mut errors);
    }
    if let Some(class) = spec.at("ingressClassName").as_str() {
        checks::each(names::dns1123_subdomain(class), class, &at.child("ingressClassName"), &mut errors);
    }
    errors
}

fn check_rule(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (host, path) = (rule.text("host"), at.child("host"));
    if !host.is_empty() {
        checks::no_address(host, &path, errors);
        check_host(host, &path, errors);
    }
    let http = rule.at("http");
    if http.is_null() {
        return;
    }
    let at = at.child("http");
    let (paths, at) = (http.items("paths"), at.child("paths"));
    if paths.is_empty() {
        errors.push(Error::required(&at, ""));
    }
    for (index, path) in paths.iter().enumerate() {
        check_path(path, &at.index(index), errors);
    }
}

fn check_host(host: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let messages = if host.contains('*') {
        names::wildcard_dns1123_subdomain(host)
    } else {
        names::dns1123_subdomain(host)
    };
    checks::each(messages, host, at, errors);
}

fn check_tls(tls: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("hosts");
    for (index, host) in tls.texts("hosts").enumerate() {
        check_host(host, &path.index(index), errors);
    }
    let secret = tls.text("secretName");
    if !secret.is_empty() {
        checks::each(names::dns1123_subdomain(secret), secret, &at.child("secretName"), errors);
    }
}

fn check_path(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(kind) = rule.at("pathType").as_str() else {
        errors.push(Error::required(&at.child("pathType"), "pathType must be specified"));
        return;
    };
    let (text, path) = (rule.text("path"), at.child("path"));
    let is_absolute = text.starts_with('/');
    match kind {
        "Exact" | "Prefix" => {
            if !is_absolute {
                errors.push(Error::invalid(&path, text, "must be an absolute path"));
            }
            check_steps(text, &path, errors);
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !is_absolute {
                errors.push(Error::invalid(&path, text, "must be an absolute path"));
            }
        }
        other => {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.push(Error::not_supported(&at.child("pathType"), other, &kinds));
        }
    }
    check_backend(rule.at("backend"), &at.child("backend"), errors);
}

fn check_steps(text: &str, at: &Path<'_>, errors: &mut ErrorList) {
    for part in ["//", "/./", "/../", "%2f", "%2F"] {
        if text.contains(part) {
            errors.push(Error::invalid(at, text, format!("must not contain '{part}'")));
        }
    }
    for end in ["/..", "/."] {
        if text.ends_with(end) {
            errors.push(Error::invalid(at, text, format!("cannot end with '{end}'")));
        }
    }
}

fn check_backend(backend: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (service, resource) = (backend.at("service"), backend.at("resource"));
    match (service.is_null(), resource.is_null()) {
        (false, false) => {
            errors.push(Error::invalid(at, "", "cannot set both resource and service backends"));
        }
        (true, true) => errors.push(Error::invalid(at, "", "resource or service backend is required")),
        (true, false) => checks::local_reference(resource, &at.child("resource"), errors),
        (false, true) => check_service(service, at, errors),
    }
}

fn check_service(service: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("service");
    if checks::required(service, "name", &path, errors) {
        let name = service.text("name");
        checks::each(names::dns1123_label(name), name, &path.child("name"), errors);
    }
    let (port, path) = (service.at("port"), path.child("port"));
    let (name, number) = (port.text("name"), port.int("number").unwrap_or_default());
    match (name.is_empty(), number == 0) {
        (true, true) => errors.push(Error::required(at, "port name or number is required")),
        (false, false) => {
            errors.push(Error::invalid(at, "", "cannot set both port name & port number"));
        }
        (false, true) => checks::each(formats::port_name(name), name, &path.child("name"), errors),
        (true, false) => checks::port(number, &path.child("number"), errors),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn paths_are_absolute_and_lead_somewhere() {
        let ingress = |path: Value| json!({"spec": {"rules": [{"http": {"paths": [path]}}]}});
        let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
        let at = "spec.rules[0].http.paths[0]";
        let cases = [
            (json!({"path": "/", "pathType": "Prefix", "backend": backend}), String::new()),
            (
                json!({"path": "a", "pathType": "Exact", "backend": backend}),
                format!("{at}.path: Invalid value: \"a\": must be an absolute path"),
            ),
            (
                json!({"path": "/", "pathType": "Exact", "backend": {"service": {"name": "s"}}}),
                format!("{at}.backend: Required value: port name or number is required"),
            ),
            (json!({"backend": {}}), format!("{at}.pathType: Required value: pathType must be specified")),
        ];
        for (path, expected) in cases {
            let errors = Ingresses.validate(&ingress(path));
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(texts.join(", "), expected);
        }
    }
}
