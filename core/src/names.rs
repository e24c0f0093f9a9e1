//! Decides whether a string is a DNS name of one of the forms that Kubernetes asks for.
//!
//! Each function returns what is wrong, one sentence a fault in upstream's words, and nothing for a good name. The
//! counterpart of upstream's `k8s.io/apimachinery/pkg/util/validation`.

use std::borrow::Cow;

/// The most bytes that a DNS label has.
pub const LABEL_MAX_BYTES: usize = 63;
/// The most bytes that a DNS subdomain has.
pub const SUBDOMAIN_MAX_BYTES: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// A lowercase RFC 1123 label, at most 63 bytes: what most parts of names are made of.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut errors = too_long(value, LABEL_MAX_BYTES);
    if !is_label(value) {
        errors.push(if is_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            regex_sentence(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                 start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    errors
}

/// A lowercase RFC 1123 subdomain, at most 253 bytes: labels joined by dots. The form of most object names.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = too_long(value, SUBDOMAIN_MAX_BYTES);
    errors.extend(subdomain_form(value));
    errors
}

/// The same with underscores allowed inside labels and one before them: a DNS search path of a pod.
pub fn dns1123_subdomain_with_underscore(value: &str) -> Vec<String> {
    let mut errors = too_long(value, SUBDOMAIN_MAX_BYTES);
    if !value.split('.').all(is_label_with_underscore) {
        errors.push(regex_sentence(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', \
             and must start and end with an alphanumeric character",
            r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    errors
}

/// `*.` and a subdomain: the host of an ingress rule.
pub fn wildcard_dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = too_long(value, SUBDOMAIN_MAX_BYTES);
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        errors.push(regex_sentence(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
             consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!(r"\*\.{SUBDOMAIN}"),
            &["*.example.com"],
        ));
    }
    errors
}

/// An RFC 1035 label, at most 63 bytes: as an RFC 1123 label, but starting with a letter.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut errors = too_long(value, LABEL_MAX_BYTES);
    if !(is_label(value) && value.starts_with(|first: char| first.is_ascii_lowercase())) {
        errors.push(regex_sentence(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    errors
}

/// The name of an object, or with `is_prefix` the start of one, that must be a [`dns1123_subdomain`]; upstream's
/// `NameIsDNSSubdomain`.
pub fn dns_subdomain(name: &str, is_prefix: bool) -> Vec<String> {
    dns1123_subdomain(&masked(name, is_prefix))
}

/// The same for names that must be a [`dns1123_label`]; upstream's `NameIsDNSLabel`.
pub fn dns_label(name: &str, is_prefix: bool) -> Vec<String> {
    dns1123_label(&masked(name, is_prefix))
}

/// The same for names that must be a [`dns1035_label`]; upstream's `NameIsDNS1035Label`.
pub fn dns_1035_label(name: &str, is_prefix: bool) -> Vec<String> {
    dns1035_label(&masked(name, is_prefix))
}

/// A prefix may end in `-`, as characters are still to be appended. What is judged then is, as upstream does it, the
/// prefix with its last two characters replaced by a letter.
fn masked(name: &str, is_prefix: bool) -> Cow<'_, str> {
    let start = if is_prefix && name.ends_with('-') { name.len().checked_sub(2) } else { None };
    match start.and_then(|start| name.get(..start)) {
        Some(start) => Cow::Owned(format!("{start}a")),
        None => Cow::Borrowed(name),
    }
}

/// What is wrong with the form of a subdomain, its length aside.
pub(crate) fn subdomain_form(value: &str) -> Option<String> {
    const SENTENCE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
                            or '.', and must start and end with an alphanumeric character";
    (!is_subdomain(value)).then(|| regex_sentence(SENTENCE, SUBDOMAIN, &["example.com"]))
}

fn is_subdomain(value: &str) -> bool {
    // A dot is a byte of its own, and single bytes are found sooner than characters.
    value.as_bytes().split(|byte| *byte == b'.').all(is_label_of_bytes)
}

fn is_label(value: &str) -> bool {
    is_label_of_bytes(value.as_bytes())
}

fn is_label_of_bytes(value: &[u8]) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    framed(value, inner, |byte| inner(byte) || byte == b'-')
}

fn is_label_with_underscore(value: &str) -> bool {
    let end = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    framed(value.strip_prefix('_').unwrap_or(value).as_bytes(), end, |byte| {
        end(byte) || matches!(byte, b'-' | b'_')
    })
}

/// Whether the value is not empty, begins and ends with a byte that `end` allows, and has between them only bytes
/// that `inner` allows.
pub(crate) fn framed(value: &[u8], end: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    match value {
        [] => false,
        [only] => end(*only),
        [first, middle @ .., last] => end(*first) && end(*last) && middle.iter().all(|byte| inner(*byte)),
    }
}

/// `must be no more than N characters` for a value of more than `max_bytes`; upstream says characters and counts
/// bytes.
pub(crate) fn too_long(value: &str, max_bytes: usize) -> Vec<String> {
    let fault = (value.len() > max_bytes).then(|| format!("must be no more than {max_bytes} characters"));
    fault.into_iter().collect()
}

/// The sentence about a value that does not match a regular expression, with examples that do.
pub(crate) fn regex_sentence(sentence: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{sentence} (regex used for validation is '{regex}')");
    }
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{sentence} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&str) -> Vec<String>;

    #[test]
    fn good_names_pass_and_bad_names_do_not() {
        let long = "a".repeat(64);
        let cases: &[(Rule, &[&str], &[&str])] = &[
            (
                dns1123_label,
                &["a", "0", "a-b", "1-2"],
                &["", "-a", "a-", "A", "a_b", "a.b", "ä", "a\n", &long],
            ),
            (
                dns1123_subdomain,
                &["a", "a.b-c.0", &long],
                &["", ".", "a..b", ".a", "a.", "a.-b", "A.b", "a b"],
            ),
            (dns1035_label, &["a", "a-0"], &["", "0a", "-a", "a.b", "a-", &long]),
            (wildcard_dns1123_subdomain, &["*.a", "*.a.b"], &["*", "a", "*.", "*.*.a", "*a", "a.*.b"]),
            (dns1123_subdomain_with_underscore, &["_a.b", "a_b.c", "a"], &["", "a_", "__a", "_", "a..b"]),
        ];
        for (rule, good, bad) in cases {
            good.iter().for_each(|name| assert_eq!(rule(name), Vec::<String>::new(), "{name}"));
            bad.iter().for_each(|name| assert!(!rule(name).is_empty(), "{name}"));
        }
    }

    #[test]
    fn a_prefix_may_end_in_a_dash() {
        assert!(dns_subdomain("web-", true).is_empty() && dns_label("A-", true).is_empty());
        assert!(!dns_subdomain("web-", false).is_empty());
        assert!(!dns_1035_label("-", true).is_empty());
        assert!(!dns_label("ä-", true).is_empty());
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(dns1123_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert_eq!(dns1123_subdomain(&"a".repeat(254)), ["must be no more than 253 characters"]);
        assert_eq!(
            dns1123_label("A"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
              and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
        assert_eq!(
            dns1123_subdomain("A"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
              must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
              '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
    }
}
