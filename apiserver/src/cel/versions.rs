//! Semantic versions: the library that Kubernetes adds to the language.

use std::cmp::Ordering;

use super::eval::Outcome;
use super::failure::Failure;
use super::value::Value;

/// A version without what is said of how it was built, which does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    release: Vec<String>,
}

/// Calls a function; `None` if it is not known here.
pub(super) fn call<'a>(function: &str, args: &[Value<'a>]) -> Option<Outcome<'a>> {
    let read = |text: &str, is_tolerant: bool| if is_tolerant { parse_tolerantly(text) } else { parse(text) };
    let (found, text) = match (function, args) {
        ("semver" | "isSemver", [Value::String(text)]) => (read(text.as_str(), false), true),
        ("semver" | "isSemver", [Value::String(text), Value::Bool(tolerant)]) => {
            (read(text.as_str(), *tolerant), true)
        }
        (_, [Value::Version(own), ..]) => (Ok(own.as_ref().clone()), false),
        _ => return None,
    };
    Some(match (function, found, text) {
        ("isSemver", found, true) => Ok(Value::Bool(found.is_ok())),
        ("semver", Ok(version), true) => Ok(Value::Version(version.into())),
        (_, Err(why), _) => Err(Failure::Error(why)),
        (_, Ok(own), _) => Ok(upon(function, &own, &args[1..])?),
    })
}

fn upon<'a>(function: &str, own: &Version, rest: &[Value<'a>]) -> Option<Value<'a>> {
    let number = |place: usize| Value::Int(i64::try_from(own.numbers[place]).unwrap_or(i64::MAX));
    Some(match (function, rest) {
        ("major", []) => number(0),
        ("minor", []) => number(1),
        ("patch", []) => number(2),
        ("isGreaterThan", [Value::Version(other)]) => Value::Bool(own.order(other).is_gt()),
        ("isLessThan", [Value::Version(other)]) => Value::Bool(own.order(other).is_lt()),
        ("compareTo", [Value::Version(other)]) => Value::Int(own.order(other) as i64),
        _ => return None,
    })
}

impl Version {
    fn order(&self, other: &Self) -> Ordering {
        let release = match (self.release.is_empty(), other.release.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => {
                let pairs = self.release.iter().zip(&other.release);
                let parts = pairs.map(|(one, other)| order_of_parts(one, other));
                let length = self.release.len().cmp(&other.release.len());
                parts.fold(Ordering::Equal, Ordering::then).then(length)
            }
        };
        self.numbers.cmp(&other.numbers).then(release)
    }
}

/// Numbers come before words.
fn order_of_parts(one: &str, other: &str) -> Ordering {
    let number = |part: &str| part.parse::<u64>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.cmp(other),
    }
}

fn parse(text: &str) -> Result<Version, String> {
    let why = fault(text);
    if !why.is_empty() {
        return Err(why);
    }
    let text = text.split('+').next().unwrap_or_default();
    let (numbers, release) = text.split_once('-').unwrap_or((text, ""));
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or_default());
    let numbers = std::array::from_fn(|_| numbers.next().unwrap_or_default());
    let release = release.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Ok(Version { numbers, release })
}

/// The same of a text that may begin with `v`, have zeroes in front of its numbers, and lack the last ones.
fn parse_tolerantly(text: &str) -> Result<Version, String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeroes).collect();
    if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
        return Err("short version cannot contain PreRelease/Build meta data".to_owned());
    }
    parts.resize(3, "0".to_owned());
    parse(&parts.join("."))
}

fn without_zeroes(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let bare = part.trim_start_matches('0');
    if bare.starts_with(|c: char| c.is_ascii_digit()) { bare.to_owned() } else { format!("0{bare}") }
}

/// Why upstream's library takes a text for no semantic version; empty if it is one.
fn fault(text: &str) -> String {
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
    fn versions_have_upstreams_order() {
        let ordered = ["1.2.3-1", "1.2.3-2", "1.2.3-a", "1.2.3-a.1", "1.2.3", "1.2.10", "1.10.0", "2.0.0"];
        for pair in ordered.windows(2) {
            assert_eq!(parse(pair[0]).unwrap().order(&parse(pair[1]).unwrap()), Ordering::Less, "{pair:?}");
        }
        assert_eq!(parse("1.2.3+a"), parse("1.2.3+b"));
    }

    #[test]
    fn what_is_nearly_a_version_is_read_where_that_is_asked_for() {
        for (text, same) in
            [("v1", "1.0.0"), ("v01.002", "1.2.0"), ("1.2.00", "1.2.0"), ("1.2.3-a+b", "1.2.3-a")]
        {
            assert_eq!(parse_tolerantly(text), parse(same), "{text}");
            assert!(text == "1.2.3-a+b" || parse(text).is_err(), "{text}");
        }
        let short = "short version cannot contain PreRelease/Build meta data";
        assert_eq!(parse_tolerantly("1.2-a"), Err(short.to_owned()));
        assert!(parse_tolerantly("1.2.3.4").is_err());
    }

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
            assert_eq!(fault(text), why, "{text}");
        }
    }
}
