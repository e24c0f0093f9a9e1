//! The status of a claim: what was allocated for it, who holds it, and what drivers tell of its devices.

use steersman_core::addresses::Cidr;
use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::names;
use steersman_core::tree::{Map, Value};

use super::claim::{self, Requests};
use super::{MOST, forms};
use crate::strategy::checks::{self, IMMUTABLE};
use crate::strategy::{internal, pod_spec};
use crate::tree::{Fill, Read};

/// The most that may hold a claim.
const MOST_HOLDERS: usize = 256;

/// The most conditions of a device, addresses of it, and bytes of what a driver tells.
const MOST_CONDITIONS: usize = 8;
const MOST_ADDRESSES: usize = 16;
const MOST_DATA: usize = 10 * 1024;

/// The longest name and hardware address of a network device, in bytes.
const NETWORK: [(&str, usize); 2] = [("interfaceName", 256), ("hardwareAddress", 128)];

/// A device of a driver's pool, of which one claim may have a share.
type DeviceId<'a> = (&'a str, &'a str, &'a str, &'a str);

/// What is wrong with the status of a claim.
pub(super) fn validate(claim: &Value, old: &Value) -> ErrorList {
    let (mut errors, at) = (ErrorList::new(), Path::new("status"));
    let (status, was) = (claim.at("status"), old.at("status"));
    let (holders, path) = (status.items("reservedFor"), at.child("reservedFor"));
    forms::keyed(
        holders,
        MOST_HOLDERS,
        |one| one.text("uid"),
        &path,
        &mut errors,
        |one, at, errors| {
            for field in ["resource", "name", "uid"] {
                checks::required(one, field, at, errors);
            }
        },
    );
    check_devices(status, &at.child("devices"), &mut errors);
    let allocation = status.at("allocation");
    if !holders.is_empty() && allocation.is_null() {
        errors.push(Error::forbidden(&path, "may not be specified when `allocated` is not set"));
    } else if claim.at("metadata").has("deletionTimestamp")
        && holders.iter().any(|one| !was.items("reservedFor").contains(one))
    {
        let why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
        errors.push(Error::forbidden(&path, why));
    }
    let path = at.child("allocation");
    if !allocation.is_null() && !was.at("allocation").is_null() {
        if allocation != was.at("allocation") {
            errors.push(Error::invalid(&path, internal::device_allocation(allocation), IMMUTABLE));
        }
    } else if !allocation.is_null() {
        check_allocation(allocation, &Requests::of(claim.at("spec")), &path, &mut errors);
    }
    errors
}

fn check_allocation(allocation: &Value, requests: &Requests<'_>, at: &Path<'_>, errors: &mut ErrorList) {
    let (devices, path) = (allocation.at("devices"), at.child("devices"));
    forms::list(devices.items("results"), MOST, &path.child("results"), errors, |one, at, errors| {
        requests.check(one.text("request"), &at.child("request"), errors);
        check_device(one, at, errors);
        forms::binding(one, at, errors);
        check_share(one, at, errors);
    });
    forms::list(devices.items("config"), 2 * MOST, &path.child("config"), errors, |one, at, errors| {
        let sources = ["FromClaim", "FromClass"];
        checks::required_one_of(one.text("source"), &sources, &at.child("source"), errors);
        requests.check_all(one, at, errors);
        claim::validate_configuration(one, at, errors);
    });
    if allocation.has("nodeSelector") {
        let selector = allocation.at("nodeSelector");
        pod_spec::validate_node_selector(selector, &at.child("nodeSelector"), errors);
    }
}

fn check_device(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    checks::driver_name(device.text("driver"), &at.child("driver"), errors);
    forms::pool(device.text("pool"), &at.child("pool"), errors);
    let name = device.text("device");
    checks::each(names::dns1123_label(name), name, &at.child("device"), errors);
}

/// Which share of a device that several have.
fn check_share(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let Some(share) = device.at("shareID").as_str() else { return };
    if let Some(why) = forms::uuid_fault(share) {
        errors.push(Error::invalid(&at.child("shareID"), share, why));
    }
}

/// Forgets what was told of devices that a claim has no longer.
pub(super) fn forget_freed(status: &mut Map, old: &Value) {
    let ids = |allocation: &Value| -> Vec<Value> {
        let results = allocation.at("devices").items("results").iter();
        results.cloned().collect()
    };
    let (before, kept) = (ids(old.at("allocation")), ids(status.at("allocation")));
    let is_freed = |device: &Value| {
        let has = |all: &[Value]| all.iter().any(|one| id(one) == id(device));
        has(&before) && !has(&kept)
    };
    let told: Vec<Value> =
        status.items("devices").iter().filter(|device| !is_freed(device)).cloned().collect();
    if told.is_empty() {
        status.drop_field("devices");
    } else {
        status.put("devices", told);
    }
}

fn id(device: &Value) -> DeviceId<'_> {
    (device.text("driver"), device.text("pool"), device.text("device"), device.text("shareID"))
}

/// A device as upstream prints it.
fn shown((driver, pool, device, share): DeviceId<'_>) -> String {
    let share = if share.is_empty() { String::new() } else { format!("/{share}") };
    format!("{driver}/{pool}/{device}{share}")
}

fn check_devices(status: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let devices = status.items("devices");
    let allocated: Vec<DeviceId<'_>> =
        status.at("allocation").at("devices").items("results").iter().map(id).collect();
    for (index, device) in devices.iter().enumerate() {
        let item = at.index(index);
        check_device(device, &item, errors);
        check_share(device, &item, errors);
        if !allocated.contains(&id(device)) {
            errors.push(Error::invalid(&item, shown(id(device)), "must be an allocated device in the claim"));
        }
        check_told(device, &item, errors);
    }
    for (index, device) in devices.iter().enumerate() {
        if devices[..index].iter().any(|before| id(before) == id(device)) {
            errors.push(Error::duplicate(&at.index(index), shown(id(device))));
        }
    }
}

fn check_told(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    let (conditions, path) = (device.items("conditions"), at.child("conditions"));
    checks::at_most(conditions, MOST_CONDITIONS, &path, errors);
    checks::conditions(conditions, &path, errors);
    if device.has("data") {
        forms::raw_object(device.at("data"), MOST_DATA, &at.child("data"), errors);
    }
    let (network, at) = (device.at("networkData"), at.child("networkData"));
    for (field, most) in NETWORK {
        if network.text(field).len() > most {
            errors.push(Error::too_long(&at.child(field), most));
        }
    }
    forms::set(network.items("ips"), MOST_ADDRESSES, &at.child("ips"), errors, |address, at, errors| {
        check_address(address.as_str().unwrap_or_default(), at, errors);
    });
}

/// An address with the length of its network.
fn check_address(address: &str, at: &Path<'_>, errors: &mut ErrorList) {
    let why = match address.parse::<Cidr>() {
        Err(_) => "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)".to_owned(),
        Ok(parsed) if parsed.to_string() == address => return,
        Ok(parsed) => format!("must be in canonical form ({})", quote(&parsed.to_string())),
    };
    errors.push(Error::invalid(at, address, why));
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn claim(status: Value) -> Value {
        let request = json!({"name": "r", "exactly": {"deviceClassName": "c"}});
        json!({"spec": {"devices": {"requests": [request]}}, "status": status})
    }

    fn texts(status: Value, old: Value) -> String {
        let errors = validate(&claim(status), &claim(old));
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    fn allocated(request: &str) -> Value {
        let device = json!({"request": request, "driver": "d", "pool": "p", "device": "x"});
        json!({"devices": {"results": [device]}})
    }

    #[test]
    fn only_what_was_asked_for_is_allocated_and_it_stays() {
        assert_eq!(texts(json!({"allocation": allocated("r")}), json!({})), "");
        let at = "status.allocation.devices.results[0].request";
        assert!(texts(json!({"allocation": allocated("z")}), json!({})).starts_with(at));
        let changed = texts(json!({"allocation": allocated("z")}), json!({"allocation": allocated("r")}));
        assert!(
            changed.starts_with(
                "status.allocation: Invalid value: {\"Devices\":{\"Results\":[{\"Request\":\"z\""
            )
        );
        assert!(changed.ends_with("field is immutable"));
    }

    #[test]
    fn only_what_is_allocated_is_held() {
        let holder = json!({"resource": "pods", "name": "p", "uid": "1"});
        assert_eq!(
            texts(json!({"reservedFor": [holder]}), json!({})),
            "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"
        );
        let held = json!({"allocation": allocated("r"), "reservedFor": [holder, holder]});
        assert_eq!(texts(held, json!({})), "status.reservedFor[1]: Duplicate value: \"1\"");
    }

    #[test]
    fn drivers_tell_of_allocated_devices() {
        let device =
            json!({"driver": "d", "pool": "p", "device": "y", "networkData": {"ips": ["10.0.0.01/8"]}});
        assert_eq!(
            texts(json!({"allocation": allocated("r"), "devices": [device]}), json!({})),
            "status.devices[0]: Invalid value: \"d/p/y\": must be an allocated device in the claim, \
             status.devices[0].networkData.ips[0]: Invalid value: \"10.0.0.01/8\": must be in canonical form \
             (\"10.0.0.1/8\")"
        );
    }
}
