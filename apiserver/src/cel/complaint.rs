//! Words the failures of library functions as upstream does, where the library that we have words them otherwise.

use regex::Regex;

use super::addresses;
use super::value::Value;
use crate::go_regexp;

/// What is said of a call that has failed; `None` if the library's own words will do.
pub(super) fn about(function: &str, args: &[Value<'_>]) -> Option<String> {
    let text = |place: usize| match args.get(place) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match function {
        "ip" | "ip.isCanonical" => text(0).map(addresses::address),
        "cidr" => text(0).map(addresses::network),
        "containsIP" => text(1).map(addresses::address),
        "containsCIDR" => text(1).map(addresses::network),
        "semver" => text(0).map(semver),
        // Nothing else can go wrong with it.
        "flatten" => Some("level must be non-negative".to_owned()),
        "find" | "findAll" => {
            let pattern = text(1)?;
            let error = Regex::new(pattern).err()?;
            Some(format!("Illegal regex: {}", go_regexp::refusal(pattern, &error)))
        }
        _ => None,
    }
}

/// Why upstream's library takes a text for no semantic version.
fn semver(text: &str) -> String {
    let parts: Vec<&str> = text.splitn(3, '.').collect();
    let [major, minor, rest] = parts[..] else {
        let why =
            if text.is_empty() { "Version string empty" } else { "No Major.Minor.Patch elements found" };
        return why.to_owned();
    };
    let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
    let (patch, release) = rest.split_once('-').map_or((rest, None), |(patch, more)| (patch, Some(more)));
    let numbers = [("major", "Major", major), ("minor", "Minor", minor), ("patch", "Patch", patch)];
    let mut faults = numbers.into_iter().filter_map(|(name, title, part)| number(name, title, part));
    if let Some(why) = faults.next() {
        return why;
    }
    let mut releases = release.into_iter().flat_map(|release| release.split('.')).filter_map(prerelease);
    let mut builds = build.into_iter().flat_map(|build| build.split('.')).filter_map(metadata);
    releases.next().or_else(|| builds.next()).unwrap_or_default()
}

fn number(name: &str, title: &str, part: &str) -> Option<String> {
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("Invalid character(s) found in {name} number {part:?}"));
    }
    if part.len() > 1 && part.starts_with('0') {
        return Some(format!("{title} number must not contain leading zeroes {part:?}"));
    }
    let why = if part.is_empty() { "invalid syntax" } else { "value out of range" };
    part.parse::<u64>().is_err().then(|| format!("strconv.ParseUint: parsing {part:?}: {why}"))
}

fn is_word(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn prerelease(part: &str) -> Option<String> {
    let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
    match part {
        "" => Some("Prerelease is empty".to_owned()),
        _ if is_number && part.len() > 1 && part.starts_with('0') => {
            Some(format!("Numeric PreRelease version must not contain leading zeroes {part:?}"))
        }
        _ => (!is_word(part)).then(|| format!("Invalid character(s) found in prerelease {part:?}")),
    }
}

fn metadata(part: &str) -> Option<String> {
    if part.is_empty() {
        return Some("Build meta data is empty".to_owned());
    }
    (!is_word(part)).then(|| format!("Invalid character(s) found in build meta data {part:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_version_is_told_as_upstreams_library_tells_it() {
        let cases = [
            ("abc", "No Major.Minor.Patch elements found"),
            ("v1.0.0", "Invalid character(s) found in major number \"v1\""),
            ("1.02.0", "Minor number must not contain leading zeroes \"02\""),
            ("1.0.", "strconv.ParseUint: parsing \"\": invalid syntax"),
            ("1.0.0-a..b", "Prerelease is empty"),
            ("1.0.0+a_b", "Invalid character(s) found in build meta data \"a_b\""),
        ];
        for (text, why) in cases {
            assert_eq!(semver(text), why, "{text}");
        }
    }
}
