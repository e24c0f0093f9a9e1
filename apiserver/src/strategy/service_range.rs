//! ServiceCIDRs and IPAddresses: the ranges of services, and who holds an address of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use steersman_core::addresses::{self, Cidr};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::{formats, names};

use super::checks::{self, IMMUTABLE};
use super::{Strategy, WriteContext};
use crate::tree::{Read, fields};

/// The strategy of service ranges.
pub(super) struct ServiceRangesObjects;

impl Strategy for ServiceRangesObjects {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let (ranges, at) = (object.at("spec"), spec.child("cidrs"));
        let cidrs: Vec<&str> = ranges.texts("cidrs").collect();
        if cidrs.is_empty() {
            errors.push(Error::required(&at, "at least one CIDR required"));
        }
        if cidrs.len() > 2 {
            let why = "may only hold up to 2 values";
            errors.push(Error::invalid(&at, ranges.at("cidrs"), why));
        }
        for (index, text) in cidrs.iter().enumerate() {
            check_range(text, &at.index(index), &mut errors);
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let mut errors = self.validate(object);
        checks::unchanged(object.at("spec"), old.at("spec"), "cidrs", &Path::new("spec"), &mut errors);
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn check_range(text: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let faults = addresses::validate_cidr(text, at);
    if let Ok(range) = text.parse::<Cidr>() {
        let canonical = canonical(range).to_string();
        if canonical != text {
            let why = format!("must be in canonical form (\"{canonical}\")");
            errors.push(Error::invalid(at, text, why));
        }
    }
    errors.extend(faults);
}

/// The range as its first address names it.
fn canonical(range: Cidr) -> Cidr {
    let (length, prefix) = (if range.address().is_ipv4() { 32 } else { 128 }, u32::from(range.prefix()));
    let cut = |bits: u128| {
        let free = length - prefix;
        bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0)
    };
    let first: IpAddr = match range.address() {
        IpAddr::V4(address) => {
            let bits = u32::try_from(cut(u128::from(u32::from(address)))).unwrap_or_default();
            Ipv4Addr::from(bits).into()
        }
        IpAddr::V6(address) => Ipv6Addr::from(cut(u128::from(address))).into(),
    };
    Cidr::new(first, range.prefix()).unwrap_or(range)
}

/// The strategy of addresses.
pub(super) struct IpAddresses;

impl Strategy for IpAddresses {
    fn validate(&self, object: &Value) -> ErrorList {
        let (metadata, name) = (Path::new("metadata"), object.at("metadata").text("name"));
        let mut errors = addresses::validate_ip_strictly(name, &metadata.child("name"));
        let (spec, parent) = (Path::new("spec"), object.at("spec").at("parentRef"));
        let at = spec.child("parentRef");
        if parent.is_null() {
            errors.push(Error::required(&at, ""));
            return errors;
        }
        let group = parent.text("group");
        if !group.is_empty() {
            checks::each(names::dns1123_subdomain(group), group, &at.child("group"), &mut errors);
        }
        checks::path_segment(parent, "resource", &at, &mut errors);
        checks::path_segment(parent, "name", &at, &mut errors);
        let namespace = parent.text("namespace");
        let messages = formats::path_segment(namespace, false);
        checks::each(messages, namespace, &at.child("namespace"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let parent = object.at("spec").at("parentRef");
        if parent != old.at("spec").at("parentRef") {
            errors.push(Error::invalid(&spec.child("parentRef"), parent, IMMUTABLE));
        }
        errors
    }

    /// A name is an address.
    fn validate_name(&self, _name: &str, _is_prefix: bool) -> Vec<String> {
        Vec::new()
    }

    fn counts_generation(&self) -> bool {
        false
    }
}
