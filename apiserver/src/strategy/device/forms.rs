//! The forms of names, lists and raw objects that devices and claims share.

use steersman_core::field::{Error, ErrorList, Path, quote};
use steersman_core::tree::Value;
use steersman_core::{formats, names};

use crate::strategy::checks;
use crate::tree::Read;

/// What a taint does, and a toleration is for.
pub(super) const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "None"];

/// The longest name of an attribute behind its domain, in bytes.
const LONGEST_IDENTIFIER: usize = 32;

/// The longest name of a pool, in bytes.
const LONGEST_POOL: usize = 253;

/// Checks each item of a list that is not too long.
pub(super) fn list(
    items: &[Value],
    most: usize,
    at: &Path<'_>,
    errors: &mut ErrorList,
    check: impl Fn(&Value, &Path<'_>, &mut ErrorList),
) {
    if items.len() > most {
        errors.push(Error::too_many(at, items.len(), most));
        return;
    }
    for (index, item) in items.iter().enumerate() {
        check(item, &at.index(index), errors);
    }
}

/// The same, and none of the items stands there twice.
pub(super) fn set(
    items: &[Value],
    most: usize,
    at: &Path<'_>,
    errors: &mut ErrorList,
    check: impl Fn(&Value, &Path<'_>, &mut ErrorList),
) {
    keyed(items, most, |item| item.as_str().unwrap_or_default(), at, errors, check);
}

/// The same, of items that are told apart by their names.
pub(super) fn named(
    items: &[Value],
    most: usize,
    at: &Path<'_>,
    errors: &mut ErrorList,
    check: impl Fn(&Value, &Path<'_>, &mut ErrorList),
) {
    keyed(items, most, |item| item.text("name"), at, errors, check);
}

/// The same, of items that are told apart by a text of theirs.
pub(super) fn keyed<'a>(
    items: &'a [Value],
    most: usize,
    key: impl Fn(&'a Value) -> &'a str,
    at: &Path<'_>,
    errors: &mut ErrorList,
    check: impl Fn(&Value, &Path<'_>, &mut ErrorList),
) {
    list(items, most, at, errors, check);
    if items.len() > most {
        return;
    }
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|before| key(before) == key(item)) {
            errors.push(Error::duplicate(&at.index(index), key(item)));
        }
    }
}

/// Why a text is no UUID as everybody writes it, in the words of upstream's parser.
pub(super) fn uuid_fault(text: &str) -> Option<String> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_grouped = |text: &str| {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        lengths == [8, 4, 4, 4, 12] && text.split('-').all(hex)
    };
    let read = match text.len() {
        32 if hex(text) => None,
        36 if is_grouped(text) => None,
        38 if !(text.starts_with('{') && text.ends_with('}')) => {
            Some("invalid bracketed UUID format".to_owned())
        }
        38 if text.get(1..37).is_some_and(is_grouped) => None,
        45 if !text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) => {
            Some(format!("invalid urn prefix: {}", quote(text.get(..9).unwrap_or_default())))
        }
        45 if text.get(9..).is_some_and(is_grouped) => None,
        32 | 36 | 38 | 45 => Some("invalid UUID format".to_owned()),
        length => Some(format!("invalid UUID length: {length}")),
    };
    let is_usual = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let form = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase \
                hexadecimal characters";
    match read {
        Some(why) => Some(format!("error validating uid: {why}")),
        None => (!is_usual).then(|| form.to_owned()),
    }
}

/// The name of a pool: domains, separated by slashes.
pub(super) fn pool(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if name.is_empty() {
        errors.push(Error::required(at, ""));
        return;
    }
    if name.len() > LONGEST_POOL {
        errors.push(Error::too_long(at, LONGEST_POOL));
    }
    for part in name.split('/') {
        checks::each(names::dns1123_subdomain(part), part, at, errors);
    }
}

/// The name of an attribute or a capacity, with the domain of a driver or without.
pub(super) fn qualified(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [only] => identifier(only, at, errors),
        [domain, rest] => {
            if domain.is_empty() {
                errors.push(Error::invalid(at, "", "the domain must not be empty"));
            } else {
                checks::driver_name(domain, at, errors);
            }
            if rest.is_empty() {
                errors.push(Error::invalid(at, "", "the name must not be empty"));
            } else {
                identifier(rest, at, errors);
            }
        }
        // Upstream lets more slashes pass.
        _ => {}
    }
}

/// The same, with the domain.
pub(super) fn fully_qualified(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    qualified(name, at, errors);
    if !name.contains('/') {
        let why = "a fully qualified name must be a domain and a name separated by a slash";
        errors.push(Error::invalid(at, name, why));
    }
}

fn identifier(name: &str, at: &Path<'_>, errors: &mut ErrorList) {
    if name.len() > LONGEST_IDENTIFIER {
        errors.push(Error::too_long(at, LONGEST_IDENTIFIER));
    }
    checks::each(formats::c_identifier(name), name, at, errors);
}

/// An object that only a driver understands.
pub(super) fn raw_object(object: &Value, most_bytes: usize, at: &Path<'_>, errors: &mut ErrorList) {
    if object.is_null() {
        errors.push(Error::required(at, ""));
    } else if object.to_string().len() > most_bytes {
        errors.push(Error::too_long(at, most_bytes));
    } else if !object.is_object() {
        errors.push(Error::invalid(at, "<value omitted>", "must be a valid JSON object"));
    }
}

/// Conditions that a device waits for before it is bound, and those by which that fails: both or none, and none in both.
pub(super) fn binding(device: &Value, at: &Path<'_>, errors: &mut ErrorList) {
    const MOST: usize = 4;
    let (good, bad) = ("bindingConditions", "bindingFailureConditions");
    for field in [good, bad] {
        list(device.items(field), MOST, &at.child(field), errors, |name, at, errors| {
            let name = name.as_str().unwrap_or_default();
            errors.extend(steersman_core::labels::validate_label_name(name, at));
        });
    }
    for field in [good, bad] {
        let (names, path) = (device.items(field), at.child(field));
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                errors.push(Error::duplicate(&path.index(index), name));
            }
            if field == bad && device.items(good).contains(name) {
                let why = "bindingFailureConditions must not overlap with bindingConditions";
                errors.push(Error::invalid(&path.index(index), name, why));
            }
        }
    }
    for (missing, given) in [(good, bad), (bad, good)] {
        if device.items(missing).is_empty() && !device.items(given).is_empty() {
            let why = format!("{missing} are required to use {given}");
            errors.push(Error::invalid(&at.child(missing), device.at(missing), why));
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn texts(check: impl Fn(&Path<'_>, &mut ErrorList)) -> String {
        let mut errors = ErrorList::new();
        check(&Path::new("f"), &mut errors);
        errors
            .iter()
            .map(|error| error.body().split(" must").next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn shares_have_uuids() {
        let fault = |text: &str| uuid_fault(text).unwrap_or_default();
        let (uuid, form) =
            ("0123abcd-0123-0123-0123-0123456789ab", "uid must be in RFC 4122 normalized form");
        assert_eq!(fault(uuid), "");
        assert_eq!(fault("x"), "error validating uid: invalid UUID length: 1");
        assert_eq!(fault(&"x".repeat(36)), "error validating uid: invalid UUID format");
        assert!(
            fault(&uuid.to_uppercase()).starts_with(form) && fault(&format!("{{{uuid}}}")).starts_with(form)
        );
    }

    #[test]
    fn names_are_qualified_by_a_domain() {
        let cases = [
            ("a", ""),
            ("example.com/a", ""),
            ("/a", "Invalid value: \"\": the domain"),
            ("example.com/", "Invalid value: \"\": the name"),
            ("a b", "Invalid value: \"a b\": a valid C identifier"),
            ("a/b/c", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(texts(|at, errors| qualified(name, at, errors)), expected, "{name}");
        }
    }

    #[test]
    fn a_device_says_when_it_is_bound_and_when_not() {
        let device = json!({"bindingConditions": ["a"]});
        assert_eq!(
            texts(|at, errors| binding(&device, at, errors)),
            "Invalid value: null: bindingFailureConditions are required to use bindingConditions"
        );
        let device = json!({"bindingConditions": ["a"], "bindingFailureConditions": ["a"]});
        assert_eq!(
            texts(|at, errors| binding(&device, at, errors)),
            "Invalid value: \"a\": bindingFailureConditions"
        );
    }
}
