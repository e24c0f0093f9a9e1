//! Checks the kernel parameters that a pod sets.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;

use crate::tree::Read;

const MOST_BYTES: usize = 253;

const SENTENCE: &str = "must have at most 253 characters and match regex \
    ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Checks the parameters of a pod, each of which is set once, and in a namespace of its own.
pub(super) fn validate(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let sysctls = spec.at("securityContext").items("sysctls");
    for (index, sysctl) in sysctls.iter().enumerate() {
        let (item, name) = (at.index(index), sysctl.text("name"));
        let path = item.child("name");
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if !is_name(name) {
            errors.push(Error::invalid(&path, name, SENTENCE));
        } else if sysctls[..index].iter().any(|before| before.text("name") == name) {
            errors.push(Error::duplicate(&path, name));
        }
        if let Some(host) = namespace(name).filter(|host| spec.flag(host)) {
            errors.push(Error::invalid(&path, name, format!("may not be specified when '{host}' is true")));
        }
    }
}

fn is_name(name: &str) -> bool {
    let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_segment = |segment: &str| {
        let bytes = segment.as_bytes();
        bytes.first().copied().is_some_and(inside)
            && bytes.last().copied().is_some_and(inside)
            && bytes.iter().all(|c| inside(*c) || matches!(c, b'-' | b'_'))
    };
    name.len() <= MOST_BYTES && name.split(['.', '/']).all(is_segment)
}

/// The field that shares with the host the namespace which a parameter belongs to.
fn namespace(name: &str) -> Option<&'static str> {
    // Where a slash comes first, slashes are what dots are elsewhere, and the other way round.
    let slashes = name.find(['.', '/']).is_some_and(|first| name.as_bytes()[first] == b'/');
    let name = if slashes {
        name.chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect()
    } else {
        name.to_owned()
    };
    if name.starts_with("net.") {
        return Some("hostNetwork");
    }
    let starts = ["kernel.shm", "kernel.msg", "fs.mqueue."];
    let is_ipc = name == "kernel.sem" || starts.iter().any(|start| name.starts_with(start));
    is_ipc.then_some("hostIPC")
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn parameters_have_names_and_namespaces() {
        let cases = [
            ("kernel.shm_rmid_forced", json!({}), String::new()),
            ("Kernel.x", json!({}), format!("s[0].name: Invalid value: \"Kernel.x\": {SENTENCE}")),
            (
                "net/core.a",
                json!({"hostNetwork": true}),
                "s[0].name: Invalid value: \"net/core.a\": may not be specified when 'hostNetwork' is true"
                    .to_owned(),
            ),
            (
                "kernel.msgmax",
                json!({"hostIPC": true}),
                "s[0].name: Invalid value: \"kernel.msgmax\": may not be specified when 'hostIPC' is true"
                    .to_owned(),
            ),
        ];
        for (name, mut spec, why) in cases {
            spec["securityContext"] = json!({"sysctls": [{"name": name, "value": "1"}]});
            let mut errors = ErrorList::new();
            validate(&spec, &Path::new("s"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
