//! Checks probes and hooks.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::Value;

use crate::strategy::checks;
use crate::tree::Read;

/// Checks the hooks and probes of a container, which has `grace` seconds to end.
pub(super) fn validate(container: &Value, grace: i64, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("lifecycle");
    for hook in ["postStart", "preStop"] {
        let handler = container.at("lifecycle").at(hook);
        if !handler.is_null() {
            check_handler(handler, grace, &path.child(hook), errors);
        }
    }
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container.has(field) {
            check_probe(container.at(field), field, grace, &at.child(field), errors);
        }
    }
}

fn check_probe(probe: &Value, field: &str, grace: i64, at: &Path<'_>, errors: &mut ErrorList) {
    check_handler(probe, grace, at, errors);
    for field in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        checks::non_negative(probe, field, at, errors);
    }
    let (path, seconds) =
        (at.child("terminationGracePeriodSeconds"), probe.int("terminationGracePeriodSeconds"));
    if let Some(seconds) = seconds.filter(|seconds| *seconds <= 0) {
        errors.push(Error::invalid(&path, seconds, "must be greater than 0"));
    }
    if field == "readinessProbe" {
        if let Some(seconds) = seconds {
            errors.push(Error::invalid(&path, seconds, "must not be set for readinessProbes"));
        }
    } else if let Some(threshold) = probe.int("successThreshold").filter(|threshold| *threshold != 1) {
        errors.push(Error::invalid(&at.child("successThreshold"), threshold, "must be 1"));
    }
}

fn check_handler(handler: &Value, grace: i64, at: &Path<'_>, errors: &mut ErrorList) {
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let mut given = kinds.into_iter().filter(|kind| handler.has(kind));
    let Some(first) = given.next() else {
        errors.push(Error::required(at, "must specify a handler type"));
        return;
    };
    check_action(first, handler.at(first), grace, &at.child(first), errors);
    for other in given {
        errors.push(Error::forbidden(&at.child(other), "may not specify more than 1 handler type"));
    }
}

fn check_action(kind: &str, action: &Value, grace: i64, at: &Path<'_>, errors: &mut ErrorList) {
    match kind {
        "exec" if action.items("command").is_empty() => {
            errors.push(Error::required(&at.child("command"), ""))
        }
        "exec" => {}
        "httpGet" => {
            checks::required(action, "path", at, errors);
            check_port(action.at("port"), &at.child("port"), errors);
            checks::one_of(action.text("scheme"), &["HTTP", "HTTPS"], &at.child("scheme"), errors);
            for header in action.items("httpHeaders") {
                let name = header.text("name");
                checks::each(formats::http_header_name(name), name, &at.child("httpHeaders"), errors);
            }
        }
        "sleep" => {
            let seconds = action.int("seconds").unwrap_or_default();
            if seconds < 0 || seconds > grace {
                let why =
                    format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                errors.push(Error::invalid(at, seconds, why));
            }
        }
        _ => check_port(action.at("port"), &at.child("port"), errors),
    }
}

/// A port's number or name.
fn check_port(port: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    match port.as_str() {
        Some(name) => checks::each(formats::port_name(name), name, at, errors),
        None => checks::port(port.as_i64().unwrap_or_default(), at, errors),
    }
}
