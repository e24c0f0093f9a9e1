//! Formats of texts by name: the library that Kubernetes adds to the language.

use steersman_core::{labels, names};

use super::eval::Outcome;
use super::value::Value;
use crate::go_url;
use crate::schema::has_format;

/// The formats that there are.
const FORMATS: [&str; 13] = [
    "byte",
    "date",
    "datetime",
    "dns1035Label",
    "dns1035LabelPrefix",
    "dns1123Label",
    "dns1123LabelPrefix",
    "dns1123Subdomain",
    "dns1123SubdomainPrefix",
    "labelValue",
    "qualifiedName",
    "uri",
    "uuid",
];

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    Some(Ok(match (function, args) {
        ("format.named", [Value::String(name)]) => match named(name.as_str()) {
            Some(name) => Value::some(Value::NamedFormat(name)),
            None => Value::Optional(None),
        },
        ("validate", [Value::NamedFormat(name), Value::String(text)]) => {
            let faults = faults(name, text.as_str());
            let told = |faults: Vec<String>| Value::list(faults.into_iter().map(Value::text).collect());
            if faults.is_empty() { Value::Optional(None) } else { Value::some(told(faults)) }
        }
        (function, []) => Value::NamedFormat(named(function.strip_prefix("format.")?)?),
        _ => return None,
    }))
}

fn named(name: &str) -> Option<&'static str> {
    FORMATS.into_iter().find(|known| *known == name)
}

/// What is wrong with a text of that format.
fn faults(format: &str, text: &str) -> Vec<String> {
    let unless = |fits: bool, why: &str| if fits { Vec::new() } else { vec![why.to_owned()] };
    match format {
        "dns1123Label" => names::dns_label(text, false),
        "dns1123LabelPrefix" => names::dns_label(text, true),
        "dns1123Subdomain" => names::dns_subdomain(text, false),
        "dns1123SubdomainPrefix" => names::dns_subdomain(text, true),
        "dns1035Label" => names::dns_1035_label(text, false),
        "dns1035LabelPrefix" => names::dns_1035_label(text, true),
        "qualifiedName" => labels::qualified_name(text),
        "labelValue" => labels::label_value(text),
        "uri" => go_url::request(text).err().into_iter().collect(),
        "uuid" => unless(has_format("uuid", text), "does not match the UUID format"),
        "byte" => unless(has_format("byte", text), "invalid base64"),
        "date" => unless(has_format("date", text), "invalid date"),
        _ => unless(has_format("datetime", text), "invalid datetime"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told_as_upstream_tells_it() {
        let cases = [
            ("uri", "a", "parse \"a\": invalid URI for request"),
            ("uuid", "x", "does not match the UUID format"),
            ("byte", "%", "invalid base64"),
            ("date", "x", "invalid date"),
            ("datetime", "x", "invalid datetime"),
        ];
        for (format, text, why) in cases {
            assert_eq!(faults(format, text), [why]);
        }
        assert!(faults("dns1123Label", "A")[0].starts_with("a lowercase RFC 1123 label must consist of"));
        assert!(faults("qualifiedName", "a/b").is_empty());
        assert!(faults("dns1123LabelPrefix", "a-").is_empty());
        assert!(faults("datetime", "2020-01-02T03:04:05Z").is_empty());
    }

    #[test]
    fn only_known_formats_have_names() {
        let found = call("format.named", &[Value::text("foo")]).unwrap().unwrap();
        assert!(matches!(found, Value::Optional(None)));
        let found = call("format.uuid", &[]).unwrap().unwrap();
        assert!(matches!(found, Value::NamedFormat("uuid")));
    }
}
