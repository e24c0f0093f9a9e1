//! Decides whether a string or number has one of the small forms that objects are full of: port names, config keys,
//! percentages, environment variable names.
//!
//! As in [`names`](crate::names), each function returns what is wrong in upstream's words, and nothing for a good value.

use crate::names::{SUBDOMAIN_MAX_BYTES, framed, regex_sentence, too_long};

/// A port number: 1 to 65535.
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

/// A user or group id: 0 to 2^31-1.
pub fn user_id(id: i64) -> Vec<String> {
    in_range(id, 0, i32::MAX.into())
}

/// A number within bounds that are themselves allowed.
pub fn in_range(value: i64, min: i64, max: i64) -> Vec<String> {
    let fault =
        (!(min..=max).contains(&value)).then(|| format!("must be between {min} and {max}, inclusive"));
    fault.into_iter().collect()
}

/// The name of a port of a container or a service: an IANA service name (RFC 6335) in lower case.
pub fn port_name(value: &str) -> Vec<String> {
    const MAX_BYTES: usize = 15;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let mut errors = too_long(value, MAX_BYTES);
    let mut fault = |is_there: bool, sentence: &str| {
        if is_there {
            errors.push(sentence.to_owned());
        }
    };
    fault(
        value.is_empty() || !value.bytes().all(allowed),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    fault(!value.bytes().any(|byte| byte.is_ascii_lowercase()), "must contain at least one letter (a-z)");
    fault(value.contains("--"), "must not contain consecutive hyphens");
    fault(value.starts_with('-') || value.ends_with('-'), "must not begin or end with a hyphen");
    errors
}

/// A key of a ConfigMap or a Secret, at most 253 bytes, that can be a file name.
pub fn config_map_key(value: &str) -> Vec<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut errors = too_long(value, SUBDOMAIN_MAX_BYTES);
    if value.is_empty() || !value.bytes().all(allowed) {
        errors.push(regex_sentence(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    errors.extend(path_prefix(value).map(str::to_owned));
    errors
}

/// The name of an environment variable: any printable ASCII but `=`.
pub fn env_var_name(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.is_empty() {
        errors.push("environment variable name must be non-empty".to_owned());
    }
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=') {
        errors.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    errors
}

/// An identifier of the C language.
pub fn c_identifier(value: &str) -> Vec<String> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let good = value.bytes().next().is_some_and(first)
        && value.bytes().all(|byte| first(byte) || byte.is_ascii_digit());
    sentence_unless(good, || {
        regex_sentence(
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric \
             characters or '_'",
            "[A-Za-z_][A-Za-z0-9_]*",
            &["my_name", "MY_NAME", "MyName"],
        )
    })
}

/// A number with a percent sign: `25%`.
pub fn percent(value: &str) -> Vec<String> {
    let digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    sentence_unless(value.strip_suffix('%').is_some_and(digits), || {
        regex_sentence(
            "a valid percent string must be a numeric string followed by an ending '%'",
            "[0-9]+%",
            &["1%", "93%"],
        )
    })
}

/// The reason of a condition: letters, digits, `_`, `,` and `:`, and a letter first.
pub fn condition_reason(value: &str) -> Vec<String> {
    let end = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let inner = |byte: u8| end(byte) || matches!(byte, b',' | b':');
    let good =
        value.starts_with(|first: char| first.is_ascii_alphabetic()) && framed(value.as_bytes(), end, inner);
    sentence_unless(good, || {
        regex_sentence(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric \
             characters or '_,:', and must end with an alphanumeric character or '_'",
            "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?",
            &["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"],
        )
    })
}

/// The name of an HTTP header.
pub fn http_header_name(value: &str) -> Vec<String> {
    let good = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    sentence_unless(good, || {
        regex_sentence(
            "a valid HTTP header must consist of alphanumeric characters or '-'",
            "[-A-Za-z0-9]+",
            &["X-Header-Name"],
        )
    })
}

/// A name that can stand in a URL's path as it is, and nothing more: that of a Role, a Group, a User; upstream's
/// `IsValidPathSegmentName`, or with `is_prefix` its `IsValidPathSegmentPrefix`.
pub fn path_segment(name: &str, is_prefix: bool) -> Vec<String> {
    let dots = matches!(name, "." | "..") && !is_prefix;
    if dots {
        return vec![format!("may not be '{name}'")];
    }
    let illegal = ["/", "%"].into_iter().filter(|illegal| name.contains(illegal));
    illegal.map(|illegal| format!("may not contain '{illegal}'")).collect()
}

fn sentence_unless(good: bool, sentence: impl FnOnce() -> String) -> Vec<String> {
    if good { Vec::new() } else { vec![sentence()] }
}

fn path_prefix(value: &str) -> Option<&'static str> {
    match value {
        "." => Some("must not be '.'"),
        ".." => Some("must not be '..'"),
        _ if value.starts_with("..") => Some("must not start with '..'"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&str) -> Vec<String>;

    #[test]
    fn good_values_pass_and_bad_values_do_not() {
        let cases: &[(Rule, &[&str], &[&str])] = &[
            (port_name, &["http", "a", "8080-tcp"], &["", "80", "A", "a--b", "-a", "a-", "abcdefghijklmnop"]),
            (config_map_key, &["a", ".", "A_b-c.d", "...."], &[""]),
            (env_var_name, &["A", "a b", "1.2"], &["", "a=b", "é", "a\n"]),
            (c_identifier, &["a", "_A1"], &["", "1a", "a-b"]),
            (percent, &["0%", "100%"], &["", "%", "5", "-5%", "x%", "5%%"]),
            (http_header_name, &["X-A"], &["", "a b", "é"]),
            (condition_reason, &["A", "A:b", "a,B_"], &["", "1a", "a:", "a b"]),
            (|name| path_segment(name, false), &["a:b", "..."], &[".", "..", "a/b", "a%b"]),
        ];
        for (rule, good, bad) in cases {
            let faulty = |value: &&&str| !rule(value).iter().all(|fault| fault.starts_with("must not"));
            good.iter().for_each(|value| assert!(!faulty(&value), "{value}"));
            bad.iter().for_each(|value| assert!(!rule(value).is_empty(), "{value}"));
        }
    }

    #[test]
    fn faults_are_worded_as_upstream_words_them() {
        let cases = [
            (port_name("abcdefghijklmnop"), "must be no more than 15 characters"),
            (port_name("A_b"), "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
            (port_name("80"), "must contain at least one letter (a-z)"),
            (port_number(0), "must be between 1 and 65535, inclusive"),
            (config_map_key(".."), "must not be '..'"),
            (config_map_key("..a"), "must not start with '..'"),
            (
                config_map_key(""),
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ),
            (path_segment("..", false), "may not be '..'"),
            (path_segment("a%b", false), "may not contain '%'"),
        ];
        for (faults, sentence) in cases {
            assert_eq!(faults[0], sentence);
        }
    }
}
