//! The string formats that upstream checks in custom resources; it ignores every other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steersman_core::names;

use crate::go_url;

/// Whether a text has the format; a format that is not known fits everything.
pub(crate) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => is_duration(text),
        "byte" => !text.is_empty() && STANDARD.decode(text).is_ok(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => is_mac(text),
        "uri" => go_url::request(text).is_ok(),
        "email" => is_email(text),
        "hostname" => text.len() <= 255 && text.split('.').all(is_host_label),
        "uuid" => is_uuid(text, None),
        "uuid3" => is_uuid(text, Some(b'3')),
        "uuid4" => is_uuid(text, Some(b'4')),
        "uuid5" => is_uuid(text, Some(b'5')),
        "bsonobjectid" => text.len() == 24 && is_hex(text),
        "hexcolor" => is_hex_color(text),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_credit_card(text),
        "ssn" => is_social_security_number(text),
        "rgbcolor" => is_rgb_color(text),
        "k8s-short-name" => names::dns1123_label(text).is_empty(),
        "k8s-long-name" => names::dns1123_subdomain(text).is_empty(),
        _ => true,
    }
}

/// The formats that upstream knows for values of a type; it warns of every other.
pub(super) fn is_known(format: &str, kind: &str) -> bool {
    const OF_TEXT: [&str; 26] = [
        "bsonobjectid",
        "uri",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "cidr",
        "mac",
        "uuid",
        "uuid3",
        "uuid4",
        "uuid5",
        "isbn",
        "isbn10",
        "isbn13",
        "creditcard",
        "ssn",
        "hexcolor",
        "rgbcolor",
        "byte",
        "password",
        "date",
        "duration",
        "datetime",
        "k8sshortname",
        "k8slongname",
    ];
    match kind {
        "" | "string" => OF_TEXT.contains(&format.replace('-', "").as_str()),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    }
}

fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(10).is_some_and(|byte| matches!(byte, b'T' | b't')) && text.parse::<jiff::Timestamp>().is_ok()
}

/// Go's durations (`1h30m`), and numbers with a unit written out (`3 days`).
fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    if text == "0" {
        return true;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start_matches(' ');
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        if number.parse::<f64>().is_err() || !is_time_unit(unit) {
            return false;
        }
        rest = tail.trim_start_matches(' ');
    }
    !text.is_empty()
}

fn is_time_unit(unit: &str) -> bool {
    const UNITS: [&str; 24] = [
        "ns",
        "nanos",
        "nano",
        "nanosecond",
        "us",
        "µs",
        "micros",
        "micro",
        "microsecond",
        "ms",
        "millis",
        "milli",
        "millisecond",
        "s",
        "sec",
        "second",
        "m",
        "min",
        "minute",
        "h",
        "hr",
        "hour",
        "d",
        "w",
    ];
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    UNITS.contains(&unit) || UNITS.contains(&singular) || matches!(singular, "day" | "week" | "wk")
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let bits = bits.parse::<u8>().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()));
    match (address.parse(), bits) {
        (Ok(IpAddr::V4(_)), Some(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Some(bits)) => bits <= 128,
        _ => false,
    }
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let dotted: Vec<&str> = text.split('.').collect();
    let all = |parts: &[&str], width| parts.iter().all(|part| part.len() == width && is_hex(part));
    matches!(parts.len(), 6 | 8 | 20) && all(&parts, 2)
        || matches!(dotted.len(), 3 | 4 | 10) && all(&dotted, 4)
}

fn is_email(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let is_atom =
        |text: &str| !text.is_empty() && !text.contains([' ', '@', ',', '(', ')', '<', '>', ';', ':']);
    local.split('.').all(is_atom) && domain.split('.').all(is_atom)
}

fn is_host_label(label: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let mut bytes = label.bytes();
    label.len() <= 63
        && edge(label.bytes().next())
        && edge(label.bytes().last())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_uuid(text: &str, version: Option<u8>) -> bool {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let grouped = !text.contains('-') || text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let of_version = version.is_none_or(|version| {
        let bytes = digits.as_bytes();
        bytes.get(12) == Some(&version)
            && (version == b'3' || matches!(bytes.get(16), Some(b'8' | b'9' | b'a' | b'b' | b'A' | b'B')))
    });
    digits.len() == 32 && is_hex(&digits) && grouped && of_version
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && is_hex(digits)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_isbn10(text: &str) -> bool {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-'))
        .map(|c| if matches!(c, 'X' | 'x') { 10 } else { c.to_digit(10).unwrap_or(99) })
        .collect();
    let sum: u32 = digits.iter().zip(1..).map(|(digit, place)| digit * place).sum();
    digits.len() == 10 && digits.iter().all(|digit| *digit <= 10) && sum.is_multiple_of(11)
}

fn is_isbn13(text: &str) -> bool {
    let digits: Vec<u32> =
        text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_digit(10).unwrap_or(99)).collect();
    let sum: u32 =
        digits.iter().enumerate().map(|(place, digit)| digit * if place % 2 == 0 { 1 } else { 3 }).sum();
    digits.len() == 13 && digits.iter().all(|digit| *digit <= 9) && sum.is_multiple_of(10)
}

/// `rgb(0, 128, 255)`. No number has a zero before it.
fn is_rgb_color(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) else { return false };
    let space = [' ', '\t', '\n', '\r', '\x0c'];
    let is_shade = |part: &str| {
        let part = part.trim_matches(space);
        let is_plain = part == "0" || !part.starts_with('0');
        is_plain && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u8>().is_ok()
    };
    inner.split(',').count() == 3 && inner.split(',').all(is_shade)
}

/// The number of a card of one of the known issuers, with a check digit that fits, whatever stands between its digits.
fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let double = |digit: u32| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let digit = |c: char| c.to_digit(10).unwrap_or_default();
    let sum: u32 = digits
        .chars()
        .rev()
        .enumerate()
        .map(|(place, c)| if place % 2 == 0 { digit(c) } else { double(digit(c)) })
        .sum();
    is_of_an_issuer(&digits) && sum.is_multiple_of(10)
}

fn is_of_an_issuer(digits: &str) -> bool {
    let number =
        |length: usize| digits.get(..length).and_then(|start| start.parse::<u32>().ok()).unwrap_or(0);
    match digits.len() {
        13 => number(1) == 4,
        14 => matches!(number(3), 300..=305) || matches!(number(2), 36 | 38),
        15 => matches!(number(2), 34 | 37) || matches!(number(4), 2131 | 1800),
        16 => {
            number(1) == 4
                || matches!(number(2), 51..=55 | 35)
                || number(4) == 6011
                || matches!(number(4), 6500..=6599)
        }
        _ => false,
    }
}

/// Three, two and four digits, with something between them.
fn is_social_security_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |place: usize| bytes[place].is_ascii_digit();
    bytes.len() == 11
        && [3, 6].iter().all(|place| matches!(bytes[*place], b'-' | b' '))
        && [0, 1, 2, 4, 5, 7, 8, 9, 10].into_iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let fitting = [
            ("date-time", "2020-01-01T00:00:00Z"),
            ("date", "2020-02-29"),
            ("duration", "1h30m"),
            ("duration", "3 days"),
            ("byte", "YQ=="),
            ("ipv4", "10.0.0.1"),
            ("ipv6", "::1"),
            ("cidr", "10.0.0.0/8"),
            ("mac", "00:00:5e:00:53:01"),
            ("uri", "https://a/b?c"),
            ("uri", "/a b"),
            ("uri", "a:"),
            ("email", "a@b.c"),
            ("hostname", "a-b.c"),
            ("uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
            ("isbn", "978-3-16-148410-0"),
            ("quantity", "anything"),
            ("creditcard", "4111-1111-1111-1111"),
            ("ssn", "123-45-6789"),
            ("rgbcolor", "rgb(0, 128,255 )"),
        ];
        for (format, text) in fitting {
            assert!(fits(format, text), "{format} {text}");
        }
        let unfitting = [
            ("date-time", "x"),
            ("date", "2020"),
            ("duration", "x"),
            ("byte", "!"),
            ("ipv4", "x"),
            ("cidr", "x"),
            ("uri", "x y"),
            ("uri", "https://a b/"),
            ("uri", "/%zz"),
            ("email", "x"),
            ("hostname", "a b"),
            ("uuid", "x"),
            ("creditcard", "4111-1111-1111-1112"),
            ("creditcard", "9111-1111-1111-1111"),
            ("ssn", "123456789"),
            ("ssn", "123-4-56789"),
            ("rgbcolor", "rgb(0,128)"),
            ("rgbcolor", "rgb(0,128,256)"),
            ("rgbcolor", "rgb(0,128,025)"),
        ];
        for (format, text) in unfitting {
            assert!(!fits(format, text), "{format} {text}");
        }
    }
}
