//! Checks how a pod resolves names.

use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{addresses, names};

use crate::strategy::checks;
use crate::tree::Read;

const POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const MOST_SERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;
const MOST_SEARCH_BYTES: usize = 2048;

/// Checks `dnsPolicy`.
pub(super) fn validate_policy(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::required_one_of(spec.text("dnsPolicy"), POLICIES, &at.child("dnsPolicy"), errors);
}

/// Checks `dnsConfig`.
pub(super) fn validate_config(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (config, path) = (spec.at("dnsConfig"), at.child("dnsConfig"));
    if spec.text("dnsPolicy") == "None" {
        if config.is_null() {
            errors.push(Error::required(&path, "must provide `dnsConfig` when `dnsPolicy` is None"));
            return;
        }
        if config.items("nameservers").is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(Error::required(&path.child("nameservers"), why));
            return;
        }
    }
    if config.is_null() {
        return;
    }
    check_servers(config, &path.child("nameservers"), errors);
    check_searches(config, &path.child("searches"), errors);
    let list = path.child("options");
    for (index, option) in config.items("options").iter().enumerate() {
        if option.text("name").is_empty() {
            errors.push(Error::required(&list.index(index), "must not be empty"));
        }
    }
}

fn check_servers(config: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if config.items("nameservers").len() > MOST_SERVERS {
        let why = format!("must not have more than {MOST_SERVERS} nameservers");
        errors.push(Error::invalid(at, config.at("nameservers"), why));
    }
    for (index, server) in config.texts("nameservers").enumerate() {
        errors.extend(addresses::validate_ip(server, &at.index(index)));
    }
}

fn check_searches(config: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if config.items("searches").len() > MOST_SEARCHES {
        let why = format!("must not have more than {MOST_SEARCHES} search paths");
        errors.push(Error::invalid(at, config.at("searches"), why));
    }
    let joined = config.texts("searches").map(|search| search.len() + 1).sum::<usize>().saturating_sub(1);
    if joined > MOST_SEARCH_BYTES {
        let why = format!(
            "must not have more than {MOST_SEARCH_BYTES} characters (including spaces) in the search list"
        );
        errors.push(Error::invalid(at, config.at("searches"), why));
    }
    for (index, search) in config.texts("searches").enumerate() {
        let name = search.strip_suffix('.').unwrap_or(search);
        if search != "." {
            checks::each(names::dns1123_subdomain_with_underscore(name), name, &at.index(index), errors);
        }
    }
}
