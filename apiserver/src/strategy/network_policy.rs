//! NetworkPolicies: their defaults, and the rules of peers and ports.

use steersman_core::addresses::{self, Cidr};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::formats;
use steersman_core::tree::Value;

use super::{Strategy, checks};
use crate::tree::{Fill, Read, fields};

/// The strategy of network policies.
pub(super) struct NetworkPolicies;

impl Strategy for NetworkPolicies {
    fn default(&self, object: &mut Value) {
        let spec = fields(object).object("spec");
        for direction in ["ingress", "egress"] {
            for rule in spec.objects_mut(direction) {
                rule.objects_mut("ports").for_each(|port| port.fill("protocol", "TCP"));
            }
        }
        if spec.items("policyTypes").is_empty() {
            let egress = (!spec.items("egress").is_empty()).then_some("Egress");
            spec.put("policyTypes", std::iter::once("Ingress").chain(egress).collect::<Vec<_>>());
        }
    }

    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, at) = (ErrorList::new(), Path::new("spec"));
        let spec = object.at("spec");
        checks::selector(spec.at("podSelector"), &at.child("podSelector"), &mut errors);
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            let path = at.child(direction);
            for (index, rule) in spec.items(direction).iter().enumerate() {
                check_rule(rule, peers, &path.index(index), &mut errors);
            }
        }
        check_types(spec, &at.child("policyTypes"), &mut errors);
        errors
    }

    fn warnings(&self, object: &Value, _old: Option<&Value>) -> Vec<String> {
        let (mut warnings, at) = (Vec::new(), Path::new("spec"));
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            let path = at.child(direction);
            for (index, rule) in object.at("spec").items(direction).iter().enumerate() {
                let rule_at = path.index(index);
                let path = rule_at.child(peers);
                for (index, peer) in rule.items(peers).iter().enumerate() {
                    warn_of_block(peer.at("ipBlock"), &path.index(index).child("ipBlock"), &mut warnings);
                }
            }
        }
        warnings
    }
}

fn warn_of_block(block: &Value, at: &Path<'_>, warnings: &mut Vec<String>) {
    warnings.extend(addresses::warn_of_cidr(block.text("cidr"), &at.child("cidr")));
    let path = at.child("except");
    for (index, except) in block.texts("except").enumerate() {
        warnings.extend(addresses::warn_of_cidr(except, &path.index(index)));
    }
}

fn check_types(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if spec.items("policyTypes").len() > 2 {
        let why = "may not specify more than two policyTypes";
        errors.push(Error::invalid(at, spec.at("policyTypes"), why));
        return;
    }
    for (index, kind) in spec.texts("policyTypes").enumerate() {
        checks::one_of(kind, &["Ingress", "Egress"], &at.index(index), errors);
    }
}

fn check_rule(rule: &Value, peers: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let path = at.child("ports");
    for (index, port) in rule.items("ports").iter().enumerate() {
        check_port(port, &path.index(index), errors);
    }
    let path = at.child(peers);
    for (index, peer) in rule.items(peers).iter().enumerate() {
        check_peer(peer, &path.index(index), errors);
    }
}

fn check_port(rule: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if rule.has("protocol") {
        let protocols = ["TCP", "UDP", "SCTP"];
        checks::one_of(rule.text("protocol"), &protocols, &at.child("protocol"), errors);
    }
    let (path, end) = (at.child("endPort"), rule.int("endPort"));
    match rule.at("port") {
        Value::Null => {
            if let Some(end) = end {
                let why = "may not be specified when `port` is not specified";
                errors.push(Error::invalid(&path, end, why));
            }
        }
        Value::String(name) => {
            if let Some(end) = end {
                let why = "may not be specified when `port` is non-numeric";
                errors.push(Error::invalid(&path, end, why));
            }
            checks::each(formats::port_name(name), name.as_str(), &at.child("port"), errors);
        }
        port => {
            let port = port.as_i64().unwrap_or_default();
            checks::port(port, &at.child("port"), errors);
            let Some(end) = end else { return };
            if end < port {
                errors.push(Error::invalid(&path, port, "must be greater than or equal to `port`"));
            }
            checks::port(end, &path, errors);
        }
    }
}

fn check_peer(peer: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    for field in ["podSelector", "namespaceSelector"] {
        if peer.has(field) {
            checks::selector(peer.at(field), &at.child(field), errors);
        }
    }
    if peer.has("ipBlock") {
        check_block(peer.at("ipBlock"), &at.child("ipBlock"), errors);
    }
    let kinds =
        ["podSelector", "namespaceSelector", "ipBlock"].iter().filter(|field| peer.has(field)).count();
    if kinds == 0 {
        errors.push(Error::required(at, "must specify a peer"));
    } else if kinds > 1 && peer.has("ipBlock") {
        errors.push(Error::forbidden(at, "may not specify both ipBlock and another peer"));
    }
}

fn check_block(block: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    if !checks::required(block, "cidr", at, errors) {
        return;
    }
    errors.extend(addresses::validate_cidr(block.text("cidr"), &at.child("cidr")));
    let Ok(range) = block.text("cidr").parse::<Cidr>() else { return };
    let path = at.child("except");
    for (index, text) in block.texts("except").enumerate() {
        let at = path.index(index);
        errors.extend(addresses::validate_cidr(text, &at));
        let Ok(except) = text.parse::<Cidr>() else { continue };
        if !range.contains(except.masked().address()) || range.prefix() >= except.prefix() {
            errors.push(Error::invalid(&at, text, "must be a strict subset of `cidr`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_block_leaves_out_parts_of_itself() {
        let policy = |except: &str| json!({"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [except]}}]}]}});
        let wrong = |except: &str| NetworkPolicies.validate(&policy(except)).len();
        assert_eq!((wrong("10.1.0.0/16"), wrong("11.0.0.0/16"), wrong("10.0.0.0/8")), (0, 1, 1));
        let at = "spec.ingress[0].from[0].ipBlock.except[0]";
        let errors = NetworkPolicies.validate(&policy("10.1.0.1/16"));
        let why =
            format!("{at}: Invalid value: \"10.1.0.1/16\": must not have bits set beyond the prefix length");
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [why]);
    }
}
