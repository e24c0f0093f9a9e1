//! Checks the variables of containers.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use super::items::check_steps;
use super::platform::each_container;
use super::selectors;
use crate::strategy::checks;
use crate::tree::Read;

const TOO_MANY: &str = "may not have more than one field specified at a time";

/// Checks `env` and `envFrom`.
pub(super) fn validate(container: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("env");
    for (index, variable) in container.items("env").iter().enumerate() {
        let item = path.index(index);
        let name = variable.text("name");
        if name.is_empty() {
            errors.push(Error::required(&item.child("name"), ""));
        } else {
            check_name(name, &item.child("name"), errors);
        }
        if variable.has("valueFrom") {
            check_source(variable, &item.child("valueFrom"), errors);
        }
    }
    let path = at.child("envFrom");
    for (index, source) in container.items("envFrom").iter().enumerate() {
        check_from(source, &path, &path.index(index), errors);
    }
}

fn check_name(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if !name.bytes().all(|c| matches!(c, b' '..=b'~') && c != b'=') {
        let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        errors.push(Error::invalid(at, name, why));
    }
}

fn check_source(variable: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let source = variable.at("valueFrom");
    let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let given = kinds.into_iter().filter(|kind| source.has(kind));
    let mut count = 0;
    for kind in given {
        count += 1;
        let (reference, path) = (source.at(kind), at.child(kind));
        match kind {
            "fieldRef" => selectors::field(reference, selectors::FOR_ENV, &path, errors),
            "resourceFieldRef" => selectors::resource(reference, false, &path, errors),
            "fileKeyRef" => check_file(reference, &path, errors),
            _ => check_key(reference, &path, errors),
        }
    }
    let why = match (count, variable.text("value").is_empty()) {
        (0, _) => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        (_, false) => "may not be specified when `value` is not empty",
        (1, true) => return,
        _ => TOO_MANY,
    };
    errors.push(Error::invalid(at, "", why));
}

fn check_key(reference: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (name, key) = (reference.text("name"), reference.text("key"));
    checks::each(names::dns1123_subdomain(name), name, &at.child("name"), errors);
    if checks::required(reference, "key", at, errors) {
        checks::each(formats::config_map_key(key), key, &at.child("key"), errors);
    }
}

fn check_file(reference: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (volume, path) = (reference.text("volumeName"), reference.text("path"));
    if checks::required(reference, "key", at, errors) {
        check_name(reference.text("key"), &at.child("key"), errors);
    }
    if checks::required(reference, "volumeName", at, errors) {
        checks::each(names::dns1123_label(volume), volume, &at.child("volumeName"), errors);
    }
    if checks::required(reference, "path", at, errors) {
        check_steps(path, &at.child("path"), errors);
    }
}

/// A file with variables is in an empty directory, where another container has written it.
pub(super) fn validate_files(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    each_container(spec, at, &mut |container, path| {
        let list = path.child("env");
        for (index, variable) in container.items("env").iter().enumerate() {
            let reference = variable.at("valueFrom").at("fileKeyRef");
            if reference.is_null() {
                continue;
            }
            let (item, name) = (list.index(index), reference.text("volumeName"));
            let source = item.child("valueFrom");
            let volume = spec.items("volumes").iter().rfind(|volume| volume.text("name") == name);
            let at = source.child("fileKeyRef");
            let at = at.child("volumeName");
            match volume {
                None => errors.push(Error::not_found(&at, name)),
                Some(volume) if volume.has("emptyDir") => {}
                Some(_) => {
                    errors.push(Error::invalid(&at, name, "referenced volume must be of type emptyDir"));
                }
            }
        }
    });
}

fn check_from(source: &Value, list: &Path<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let prefix = source.text("prefix");
    if !prefix.is_empty() {
        check_name(prefix, &at.child("prefix"), errors);
    }
    let mut count = 0;
    for kind in ["configMapRef", "secretRef"].into_iter().filter(|kind| source.has(kind)) {
        count += 1;
        let (path, name) = (at.child(kind), source.at(kind).text("name"));
        if checks::required(source.at(kind), "name", &path, errors) {
            // Upstream reads the name as the start of one.
            checks::each(names::dns_subdomain(name, true), name, &path.child("name"), errors);
        }
    }
    match count {
        0 => errors.push(Error::invalid(list, "", "must specify one of: `configMapRef` or `secretRef`")),
        1 => {}
        _ => errors.push(Error::invalid(list, "", TOO_MANY)),
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn variables_come_from_files_of_an_empty_directory() {
        let variable =
            |volume: &str| json!({"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": volume}}});
        let at = "s.containers[0].env[0].valueFrom.fileKeyRef.volumeName";
        let cases = [
            ("empty", String::new()),
            ("other", format!("{at}: Invalid value: \"other\": referenced volume must be of type emptyDir")),
            ("none", format!("{at}: Not found: \"none\"")),
        ];
        for (volume, why) in cases {
            let spec = json!({
                "volumes": [{"name": "empty", "emptyDir": {}}, {"name": "other", "hostPath": {}}],
                "containers": [{"env": [variable(volume)]}],
            });
            let mut errors = ErrorList::new();
            validate_files(&spec, &Path::new("s"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
