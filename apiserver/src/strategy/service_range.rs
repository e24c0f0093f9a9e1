//! ServiceCIDRs and IPAddresses: the ranges of services, and who holds an address of them.

use steersman_core::addresses::{self, Cidr};
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use super::checks::{self, IMMUTABLE};
use super::{Strategy, WriteContext, internal};
use crate::tree::{Read, fields};

/// The strategy of service ranges.
pub(super) struct ServiceRangesObjects;

impl Strategy for ServiceRangesObjects {
    fn validate(&self, object: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        check_ranges(object.at("spec"), &spec.child("cidrs"), &mut errors);
        errors
    }

    /// A second range may come to the first, and nothing else.
    fn validate_update(&self, object: &Value, old: &Value) -> ErrorList {
        let (mut errors, spec) = (ErrorList::new(), Path::new("spec"));
        let (now, was) = (object.at("spec").items("cidrs"), old.at("spec").items("cidrs"));
        let at = spec.child("cidrs");
        if now.len() != was.len() && (was.len(), now.len()) != (1, 2) {
            errors.push(Error::invalid(&at, object.at("spec").at("cidrs"), IMMUTABLE));
            return errors;
        }
        for (index, (now, _)) in now.iter().zip(was).enumerate().filter(|(_, (now, was))| now != was) {
            errors.push(Error::invalid(&at.index(index), now, IMMUTABLE));
        }
        if now.len() > was.len() {
            check_ranges(object.at("spec"), &at, &mut errors);
        }
        errors
    }

    fn prepare_status(&self, object: &mut Value, old: &Value, _cx: &WriteContext<'_>) {
        checks::keep_metadata(fields(object), old);
    }

    fn counts_generation(&self) -> bool {
        false
    }
}

fn check_ranges(spec: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let cidrs: Vec<&str> = spec.texts("cidrs").collect();
    match cidrs.as_slice() {
        [] => errors.push(Error::required(at, "at least one CIDR required")),
        [_, _, _, ..] => {
            let why = "may only hold up to 2 values";
            errors.push(Error::invalid(at, internal::service_ranges(spec), why));
        }
        few => {
            for (index, text) in few.iter().enumerate() {
                errors.extend(addresses::validate_cidr_strictly(text, &at.index(index)));
            }
            let families: Vec<bool> = few.iter().filter_map(|text| is_v6(text)).collect();
            if matches!(families.as_slice(), [first, second] if first == second) {
                let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
                errors.push(Error::invalid(at, spec.at("cidrs"), why));
            }
        }
    }
}

/// Whether a readable range is of IPv6.
fn is_v6(range: &str) -> Option<bool> {
    range.parse::<Cidr>().ok().map(|range| range.address().is_ipv6())
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
        let (mut errors, spec) = (self.validate(object), Path::new("spec"));
        let (parent, at) = (object.at("spec").at("parentRef"), spec.child("parentRef"));
        if parent != old.at("spec").at("parentRef") {
            errors.push(match parent {
                Value::Null => Error::invalid(&at, parent, IMMUTABLE),
                _ => Error::invalid(&at, internal::parent_reference(parent), IMMUTABLE),
            });
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

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn ranges(cidrs: &[&str]) -> Value {
        json!({"spec": {"cidrs": cidrs}})
    }

    fn texts(errors: &ErrorList) -> String {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn there_is_one_range_of_each_family_at_most() {
        let family =
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        let cases: [(&[&str], String); 4] = [
            (&["10.0.0.0/8", "fd00::/64"], String::new()),
            (&[], "spec.cidrs: Required value: at least one CIDR required".to_owned()),
            (
                &["10.0.0.0/8", "10.0.0.0/9"],
                format!(r#"spec.cidrs: Invalid value: ["10.0.0.0/8","10.0.0.0/9"]: {family}"#),
            ),
            (
                &["a", "b", "c"],
                r#"spec.cidrs: Invalid value: {"CIDRs":["a","b","c"]}: may only hold up to 2 values"#
                    .to_owned(),
            ),
        ];
        for (cidrs, expected) in cases {
            assert_eq!(texts(&ServiceRangesObjects.validate(&ranges(cidrs))), expected);
        }
    }

    #[test]
    fn a_second_range_may_come_and_nothing_else_change() {
        let one = ranges(&["10.0.0.0/8"]);
        let cases: [(&[&str], &str); 4] = [
            (&["10.0.0.0/8"], ""),
            (&["10.0.0.0/8", "fd00::/64"], ""),
            (&["11.0.0.0/8"], r#"spec.cidrs[0]: Invalid value: "11.0.0.0/8": field is immutable"#),
            (&[], "spec.cidrs: Invalid value: []: field is immutable"),
        ];
        for (cidrs, expected) in cases {
            assert_eq!(texts(&ServiceRangesObjects.validate_update(&ranges(cidrs), &one)), expected);
        }
    }
    #[test]
    fn a_holder_stays_and_is_named_even_where_it_does_not() {
        let address =
            |parent: Value| json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": parent}});
        let old = address(json!({"resource": "services", "name": "s"}));
        let cases = [
            (json!({"resource": "services", "name": "s"}), ""),
            (
                json!({"resource": "services", "name": "t"}),
                r#"spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"t"}: field is immutable"#,
            ),
            (
                json!({"name": "s"}),
                r#"spec.parentRef.resource: Required value, spec.parentRef: Invalid value: {"Group":"","Resource":"","Namespace":"","Name":"s"}: field is immutable"#,
            ),
            (
                Value::Null,
                "spec.parentRef: Required value, spec.parentRef: Invalid value: null: field is immutable",
            ),
        ];
        for (parent, expected) in cases {
            assert_eq!(texts(&IpAddresses.validate_update(&address(parent), &old)), expected);
        }
    }
}
