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
        // Upstream forgets what is wrong with the text.
        "containsIP" => text(1).map(|_| "no such overload".to_owned()),
        "containsCIDR" => text(1).map(addresses::network),
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
