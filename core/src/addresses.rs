//! Reads IP addresses and address ranges as leniently as Kubernetes does, and says what is wrong with them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::field::{self, Path};

/// An address and the length of its network prefix: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
pub struct InvalidCidr;

impl Cidr {
    /// A range of addresses; `None` if the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        (u32::from(prefix) <= bits(address).1).then_some(Cidr { address, prefix })
    }

    /// The address as it was written, whatever its bits after the prefix.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits the addresses of the range have in common.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address of the same family is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((own, length), (other, other_length)) = (bits(self.address), bits(address));
        let differing = own ^ other;
        length == other_length && differing.checked_shr(length - u32::from(self.prefix)).unwrap_or(0) == 0
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    /// Parses `10.0.0.0/8`, with an address as [`parse_ip`] takes it.
    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let (address, prefix) = text.split_once('/').ok_or(InvalidCidr)?;
        let address = parse_ip(address).ok_or(InvalidCidr)?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|_| digits).ok_or(InvalidCidr)?;
        Cidr::new(address, prefix).ok_or(InvalidCidr)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The bits of an address, and how many there are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

/// Reads an IP address. Numbers of an IPv4 address may have leading zeros and are decimal, as in upstream's
/// `ParseIPSloppy`; an IPv4 address written as an IPv6 one (`::ffff:1.2.3.4`) is an IPv4 address.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    let strict: Option<IpAddr> = text.parse().ok();
    strict.or_else(|| without_leading_zeros(text)?.parse().ok()).map(|address| address.to_canonical())
}

/// `10.0.0.1` for `010.00.000.1`.
fn without_leading_zeros(text: &str) -> Option<String> {
    let number = |digits: &str| {
        let number: u8 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        Some(number.to_string())
    };
    let numbers: Option<Vec<String>> = text.split('.').map(number).collect();
    Some(numbers?.join("."))
}

/// Validates an IP address of a long-standing field, as [`parse_ip`] reads it.
pub fn validate_ip(value: &str, path: &Path<'_>) -> field::ErrorList {
    match parse_ip(value) {
        Some(_) => Vec::new(),
        None => vec![field::Error::invalid(
            path,
            value,
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        )],
    }
}

/// Validates an IP address of a newer field, where neither leading zeros nor IPv4 addresses written as IPv6 ones are
/// allowed.
pub fn validate_ip_strictly(value: &str, path: &Path<'_>) -> field::ErrorList {
    let errors = validate_ip(value, path);
    let fault = match value.parse::<IpAddr>() {
        _ if !errors.is_empty() => return errors,
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            "must not be an IPv4-mapped IPv6 address"
        }
        Ok(_) => return errors,
        Err(_) => "must not have leading 0s",
    };
    vec![field::Error::invalid(path, value, fault)]
}

/// Validates an address range of a long-standing field.
pub fn validate_cidr(value: &str, path: &Path<'_>) -> field::ErrorList {
    let fault = value.parse::<Cidr>().err();
    fault.into_iter().map(|fault| field::Error::invalid(path, value, fault.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_upstream_reads_them() {
        let cases = [
            ("10.0.0.1", Some("10.0.0.1")),
            ("010.000.0.01", Some("10.0.0.1")),
            ("::1", Some("::1")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("", None),
            ("x", None),
            ("1.2.3", None),
            ("1.2.3.256", None),
            ("1.2.3.+4", None),
            ("fe80::1%eth0", None),
            (" 1.2.3.4", None),
        ];
        for (text, address) in cases {
            assert_eq!(parse_ip(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn newer_fields_are_strict() {
        let path = Path::new("ip");
        let fault = |value| validate_ip_strictly(value, &path).first().map(ToString::to_string);
        assert_eq!(fault("1.2.3.4"), None);
        assert_eq!(fault("1.2.3.04").unwrap(), r#"ip: Invalid value: "1.2.3.04": must not have leading 0s"#);
        assert!(fault("::ffff:1.2.3.4").unwrap().ends_with("must not be an IPv4-mapped IPv6 address"));
        assert!(
            fault("x").unwrap().ends_with("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        );
    }

    #[test]
    fn a_range_holds_the_addresses_that_share_its_prefix() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.9.8.7/24", "10.9.8.0", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("::/0", "ffff::", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("fd00::/64", "fd00::1:2", true),
            ("fd00::/64", "fd00:0:0:1::", false),
        ];
        for (range, address, holds) in cases {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), holds, "{range} {address}");
        }
        let bad = ["", "x", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "1.2.3.4/300"];
        bad.iter().for_each(|text| assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr), "{text}"));
    }
}
