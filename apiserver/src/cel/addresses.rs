//! What Go says of addresses and networks that it cannot read.

use std::fmt::Write as _;

/// What an address lacks, and where.
struct Lack<'a> {
    why: &'static str,
    at: &'a str,
}

type Outcome<'a> = Result<(), Lack<'a>>;

fn lack<'a>(why: &'static str, at: &'a str) -> Outcome<'a> {
    Err(Lack { why, at })
}

/// Why a text is no address; upstream's library words what Go can read and it does not want.
pub(super) fn address(text: &str) -> String {
    match unreadable(text) {
        Some(why) => format!("IP Address {text:?} parse error during conversion from string: {why}"),
        None if text.contains('%') => format!("IP address {text:?} with zone value is not allowed"),
        None => mapped(text),
    }
}

/// Why a text is no network.
pub(super) fn network(text: &str) -> String {
    // Upstream's library says it twice.
    const FAILED: &str = "network address parse error during conversion from string";
    let why = match prefix(text) {
        Some(why) => format!("{FAILED}: netip.ParsePrefix({text:?}): {why}"),
        None => mapped(text),
    };
    format!("{FAILED}: {why}")
}

fn mapped(text: &str) -> String {
    format!("IPv4-mapped IPv6 address {text:?} is not allowed")
}

fn prefix(text: &str) -> Option<String> {
    let Some((address, bits)) = text.rsplit_once('/') else { return Some("no '/'".to_owned()) };
    if let Some(why) = unreadable(address) {
        return Some(why);
    }
    if address.contains('%') {
        return Some("IPv6 zones cannot be present in a prefix".to_owned());
    }
    let most = if address.contains(':') { 128 } else { 32 };
    let is_plain = bits.len() <= 1 || matches!(bits.as_bytes()[0], b'1'..=b'9');
    match bits.parse::<i64>().ok().filter(|_| is_plain) {
        None => Some(format!("bad bits after slash: {bits:?}")),
        Some(bits) if !(0..=most).contains(&bits) => Some("prefix length out of range".to_owned()),
        Some(_) => None,
    }
}

/// Go's `netip.ParseAddr`: its error, if it has one.
fn unreadable(text: &str) -> Option<String> {
    let outcome = match text.chars().find(|c| matches!(c, '.' | ':' | '%')) {
        Some('.') => version_4(text),
        Some(':') => version_6(text),
        Some(_) => lack("missing IPv6 address", ""),
        None => lack("unable to parse IP", ""),
    };
    let Err(Lack { why, at }) = outcome else { return None };
    let mut told = format!("ParseAddr({text:?}): {why}");
    if !at.is_empty() {
        let _ = write!(told, " (at {at:?})");
    }
    Some(told)
}

fn version_4(text: &str) -> Outcome<'_> {
    let (mut value, mut digits, mut dots) = (0, 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if digits == 1 && value == 0 => {
                return lack("IPv4 field has octet with leading zero", "");
            }
            b'0'..=b'9' => {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
                if value > 255 {
                    return lack("IPv4 field has value >255", "");
                }
            }
            b'.' if digits == 0 || at == text.len() - 1 => {
                return lack("IPv4 field must have at least one digit", &text[at..]);
            }
            b'.' if dots == 3 => return lack("IPv4 address too long", ""),
            b'.' => (value, digits, dots) = (0, 0, dots + 1),
            _ => return lack("unexpected character", &text[at..]),
        }
    }
    if dots < 3 { lack("IPv4 address too short", "") } else { Ok(()) }
}

fn version_6(text: &str) -> Outcome<'_> {
    let (mut rest, zone) = text.split_once('%').map_or((text, None), |(text, zone)| (text, Some(zone)));
    if zone == Some("") {
        return lack("zone must be a non-empty string", "");
    }
    let (mut bytes, mut has_gap) = (0, false);
    if let Some(behind) = rest.strip_prefix("::") {
        (rest, has_gap) = (behind, true);
        if rest.is_empty() {
            return Ok(());
        }
    }
    while bytes < 16 {
        let digits = group(rest)?;
        if rest[digits..].starts_with('.') {
            return version_4_within(rest, bytes, has_gap);
        }
        bytes += 2;
        let at = &rest[digits..];
        match at {
            "" => {
                rest = "";
                break;
            }
            ":" => return lack("colon must be followed by more characters", at),
            _ if !at.starts_with(':') => return lack("unexpected character, want colon", at),
            _ => rest = &at[1..],
        }
        if let Some(behind) = rest.strip_prefix(':') {
            if has_gap {
                return lack("multiple :: in address", rest);
            }
            (rest, has_gap) = (behind, true);
            if rest.is_empty() {
                break;
            }
        }
    }
    match (rest, has_gap) {
        ("", true) if bytes == 16 => lack("the :: must expand to at least one field of zeros", ""),
        ("", false) if bytes < 16 => lack("address string too short", ""),
        ("", _) => Ok(()),
        (rest, _) => lack("trailing garbage after address", rest),
    }
}

/// How many digits a text begins with.
fn group(text: &str) -> Result<usize, Lack<'_>> {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    match digits {
        0 => Err(Lack { why: "each colon-separated field must have at least one digit", at: text }),
        1..=4 => Ok(digits),
        _ => Err(Lack { why: "each group must have 4 or fewer digits", at: text }),
    }
}

fn version_4_within(text: &str, bytes: usize, has_gap: bool) -> Outcome<'_> {
    if !has_gap && bytes != 12 {
        return lack("embedded IPv4 address must replace the final 2 fields of the address", text);
    }
    if bytes > 12 {
        return lack("too many hex fields to fit an embedded IPv4 at the end of the address", text);
    }
    version_4(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_as_go_tells_it() {
        let cases = [
            ("abc", "unable to parse IP"),
            ("1.2.3", "IPv4 address too short"),
            ("1.2.3.4.5", "IPv4 address too long"),
            ("1.2.3.256", "IPv4 field has value >255"),
            ("01.2.3.4", "IPv4 field has octet with leading zero"),
            ("1..2.3", "IPv4 field must have at least one digit (at \".2.3\")"),
            ("1.2.x.4", "unexpected character (at \"x.4\")"),
            ("%eth0", "missing IPv6 address"),
            ("1:2", "address string too short"),
            ("::g", "each colon-separated field must have at least one digit (at \"g\")"),
            ("1:2:", "colon must be followed by more characters (at \":\")"),
            ("1::2::3", "multiple :: in address (at \":3\")"),
            ("12345::", "each group must have 4 or fewer digits (at \"12345::\")"),
            ("1:2:3:4:5:6:7:8:9", "trailing garbage after address (at \"9\")"),
        ];
        for (text, why) in cases {
            let told = format!(
                "IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): {why}"
            );
            assert_eq!(address(text), told);
        }
        assert_eq!(address("fe80::1%eth0"), "IP address \"fe80::1%eth0\" with zone value is not allowed");
        assert_eq!(address("::ffff:1.2.3.4"), "IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed");
    }

    #[test]
    fn what_is_no_network_is_told_as_go_tells_it() {
        let cases = [
            ("abc", "no '/'"),
            ("10.0.0.0/33", "prefix length out of range"),
            ("10.0.0.0/08", "bad bits after slash: \"08\""),
            ("10.0/8", "ParseAddr(\"10.0\"): IPv4 address too short"),
        ];
        let head = "network address parse error during conversion from string: ".repeat(2);
        for (text, why) in cases {
            assert_eq!(network(text), format!("{head}netip.ParsePrefix({text:?}): {why}"));
        }
    }
}
