//! Checks what only containers on Windows have: who they run as, and whether they are processes of their host.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::names;
use steersman_core::tree::Value;

use super::platform::each_container;
use crate::strategy::checks;
use crate::tree::Read;

const MOST_CREDENTIAL_KIBIBYTES: usize = 64;
const MOST_DOMAIN_BYTES: usize = 256;
const MOST_USER_BYTES: usize = 104;
const MOST_LABEL_BYTES: usize = 63;

/// Checks the options of a pod or a container.
pub(super) fn validate_options(options: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if options.has("gmsaCredentialSpecName") {
        let (name, path) = (options.text("gmsaCredentialSpecName"), at.child("gmsaCredentialSpecName"));
        checks::each(names::dns1123_subdomain(name), name, &path, errors);
    }
    if options.has("gmsaCredentialSpec") {
        let (spec, path) = (options.text("gmsaCredentialSpec"), at.child("gmsaCredentialSpec"));
        if spec.is_empty() {
            errors.push(Error::invalid(&path, spec, "gmsaCredentialSpec cannot be an empty string"));
        } else if spec.len() > MOST_CREDENTIAL_KIBIBYTES * 1024 {
            let why = format!("gmsaCredentialSpec size must be under {MOST_CREDENTIAL_KIBIBYTES} KiB");
            errors.push(Error::invalid(&path, spec, why));
        }
    }
    if options.has("runAsUserName") {
        let name = options.text("runAsUserName");
        checks::each(user_name(name), name, &at.child("runAsUserName"), errors);
    }
}

/// What is wrong with a user's name, which may stand after a domain and a backslash.
fn user_name(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('\\').collect();
    let (domain, user) = match parts.as_slice() {
        _ if name.is_empty() => return vec!["runAsUserName cannot be an empty string".to_owned()],
        _ if name.chars().any(|c| c.is_ascii_control()) => {
            return vec!["runAsUserName cannot contain control characters".to_owned()];
        }
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return vec!["runAsUserName cannot contain more than one backslash".to_owned()],
    };
    let mut faults = Vec::new();
    if domain.is_some_and(|domain| domain.len() >= MOST_DOMAIN_BYTES) {
        faults.push(format!("runAsUserName's Domain length must be under {MOST_DOMAIN_BYTES} characters"));
    }
    if domain.is_some_and(|domain| !is_net_bios_name(domain) && !is_dns_name(domain)) {
        faults.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format".to_owned());
    }
    if user.is_empty() {
        faults.push("runAsUserName's User cannot be empty".to_owned());
    } else if user.len() > MOST_USER_BYTES {
        let why = "runAsUserName's User length must not be longer than";
        faults.push(format!("{why} {MOST_USER_BYTES} characters"));
    }
    if !user.is_empty() && user.chars().all(|c| matches!(c, '.' | ' ')) {
        faults.push("runAsUserName's User cannot contain only periods or spaces".to_owned());
    }
    if user.contains(|c| r#""/\:;|=,+*?<>@[]"#.contains(c)) {
        let why = r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#;
        faults.push(why.to_owned());
    }
    faults
}

fn is_net_bios_name(domain: &str) -> bool {
    let is_free = !domain.contains(|c| r#"\/:*?"<>|"#.contains(c));
    is_free && !domain.starts_with('.') && (1..=15).contains(&domain.chars().count())
}

fn is_dns_name(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= MOST_LABEL_BYTES
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    domain.split('.').all(is_label)
}

/// If one container is a process of its host all are, and they are on its network.
pub(super) fn validate_host_process(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let of = |holder: &Value| holder.at("securityContext").at("windowsOptions").at("hostProcess").as_bool();
    let (pod, mut count, mut on_host) = (of(spec), 0, 0);
    each_container(spec, at, &mut |container, path| {
        let own = of(container);
        count += 1;
        on_host += usize::from(own.or(pod) == Some(true));
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let why = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            let path = path.child("securityContext");
            let path = path.child("windowsOptions");
            errors.push(Error::invalid(&path.child("hostProcess"), own, why));
        }
    });
    if on_host == 0 {
        return;
    }
    if on_host != count {
        let why =
            "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(Error::invalid(at, "", why));
    }
    if !spec.flag("hostNetwork") {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(Error::invalid(&at.child("hostNetwork"), false, why));
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_user_has_a_name_and_maybe_a_domain() {
        let cases = [
            ("a", ""),
            ("d\\a", ""),
            ("", "runAsUserName cannot be an empty string"),
            ("a\\b\\c", "runAsUserName cannot contain more than one backslash"),
            ("d\\", "runAsUserName's User cannot be empty"),
            ("..", "runAsUserName's User cannot contain only periods or spaces"),
            ("a@b", r#"runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]"#),
            (".d.\\a", "runAsUserName's Domain doesn't match the NetBios nor the DNS format"),
        ];
        for (name, why) in cases {
            assert_eq!(user_name(name).join("; "), why, "{name}");
        }
    }

    #[test]
    fn processes_of_the_host_are_all_or_none() {
        let on_host = json!({"securityContext": {"windowsOptions": {"hostProcess": true}}});
        let cases = [
            (json!({"containers": [on_host], "hostNetwork": true}), ""),
            (
                json!({"containers": [on_host, {}], "hostNetwork": true}),
                "s: Invalid value: \"\": If pod contains any hostProcess containers then all containers must be \
                 HostProcess containers",
            ),
            (
                json!({"containers": [on_host]}),
                "s.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
            ),
        ];
        for (spec, why) in cases {
            let mut errors = ErrorList::new();
            validate_host_process(&spec, &Path::new("s"), &mut errors);
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "), why);
        }
    }
}
