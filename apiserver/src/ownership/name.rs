//! What a manager is called that does not say its name.

use std::borrow::Cow;

/// The longest name, in bytes; upstream's `FieldManagerMaxLength`.
const LENGTH: usize = 128;

/// The manager of a write: the name it gives, else how its program calls itself before the first slash.
pub(crate) fn of<'a>(given: &'a str, user_agent: &'a str) -> Cow<'a, str> {
    if !given.is_empty() {
        return given.into();
    }
    let prefix = user_agent.split('/').next().unwrap_or_default();
    let is_clean = prefix.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_clean && (1..=LENGTH).contains(&prefix.len()) {
        return prefix.into();
    }
    let mut name = prefix.replace(char::is_control, "");
    while name.len() > LENGTH {
        name.pop();
    }
    if name.is_empty() { "unknown".into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_stands_before_the_first_slash() {
        let long = "x".repeat(200);
        let cases = [
            ("given", "agent/1", "given"),
            ("", "kubectl/v1.36 (linux/amd64) kubernetes/x", "kubectl"),
            ("", "no slash", "no slash"),
            ("", "/lead", "unknown"),
            ("", "", "unknown"),
            ("", "a\u{7}b/1", "ab"),
            ("", long.as_str(), &long[..LENGTH]),
        ];
        for (given, agent, expected) in cases {
            assert_eq!(of(given, agent), expected);
        }
    }
}
