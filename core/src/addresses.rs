//! Reads IP addresses and address ranges as leniently as Kubernetes does, and says what is wrong with them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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

    /// The range as its first address names it.
    #[must_use]
    pub fn masked(&self) -> Self {
        let (own, length) = bits(self.address);
        let free = length - u32::from(self.prefix);
        let first = own.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0);
        let address = match self.address {
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(first).unwrap_or_default()).into(),
            IpAddr::V6(_) => Ipv6Addr::from(first).into(),
        };
        Cidr { address, prefix: self.prefix }
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

/// What other software may read as another range than [`Cidr`] does.
fn ambiguity(value: &str) -> Result<Option<String>, InvalidCidr> {
    let (address, prefix) = value.split_once('/').ok_or(InvalidCidr)?;
    let zero = prefix.len() > 1 && prefix.starts_with('0');
    // The prefix counts the bits of the form in which the address is written.
    let wide = address.parse().is_ok_and(is_mapped).then(|| format!("::/{prefix}"));
    let range: Cidr = wide.as_deref().unwrap_or(value).parse()?;
    let (own, length) = bits(range.address);
    let host_bits = u128::MAX.checked_shr(128 - (length - u32::from(range.prefix))).unwrap_or(0);
    let fault = match address.parse::<IpAddr>() {
        Err(_) => "must not have leading 0s in IP or prefix length",
        Ok(_) if zero => "must not have leading 0s in IP or prefix length",
        Ok(address) if is_mapped(address) => "must not have an IPv4-mapped IPv6 address",
        Ok(_) if own & host_bits != 0 => "must not have bits set beyond the prefix length",
        Ok(_) => return Ok(None),
    };
    Ok(Some(fault.to_owned()))
}

/// Validates an IP address of a long-standing field. What [`parse_ip`] reads but other software may read as another
/// address is refused (KEP-4858).
pub fn validate_ip(value: &str, path: &Path<'_>) -> field::ErrorList {
    let fault = match (parse_ip(value), value.parse::<IpAddr>()) {
        (None, _) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        (Some(_), Err(_)) => "must not have leading 0s",
        (Some(_), Ok(address)) if is_mapped(address) => "must not be an IPv4-mapped IPv6 address",
        (Some(_), Ok(_)) => return Vec::new(),
    };
    vec![field::Error::invalid(path, value, fault)]
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
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
        Ok(address) if address.to_string() != value => {
            let fault = format!("must be in canonical form ({})", field::quote(&address.to_string()));
            return vec![field::Error::invalid(path, value, fault)];
        }
        Ok(_) => return errors,
        Err(_) => "must not have leading 0s",
    };
    vec![field::Error::invalid(path, value, fault)]
}

/// Validates an address range of a long-standing field.
pub fn validate_cidr(value: &str, path: &Path<'_>) -> field::ErrorList {
    let fault = ambiguity(value).unwrap_or_else(|invalid| Some(invalid.to_string()));
    fault.into_iter().map(|fault| field::Error::invalid(path, value, fault)).collect()
}

/// Checks a range the way newer fields ask for it: as its first address names it, in the shortest form.
pub fn validate_cidr_strictly(value: &str, path: &Path<'_>) -> field::ErrorList {
    let errors = validate_cidr(value, path);
    let shortest = value.parse::<Cidr>().map(|range| range.to_string());
    match shortest {
        Ok(shortest) if errors.is_empty() && shortest != value => {
            let fault = format!("must be in canonical form ({})", field::quote(&shortest));
            vec![field::Error::invalid(path, value, fault)]
        }
        _ => errors,
    }
}

/// What the writer of an address is told that stands in another form than it should; upstream's `GetWarningsForIP`.
pub fn warn_of_ip(value: &str, path: &Path<'_>) -> Option<String> {
    let own = value.parse::<IpAddr>();
    if matches!(own, Ok(IpAddr::V4(_))) {
        return None;
    }
    let address = parse_ip(value)?;
    let (shown, wanted) = (field::quote(value), field::quote(&address.to_string()));
    match own {
        Ok(IpAddr::V6(own)) if own.to_ipv4_mapped().is_none() => (own.to_string() != value).then(|| {
            format!("{path}: IPv6 address {shown} should be in RFC 5952 canonical format ({wanted})")
        }),
        _ => Some(format!("{path}: non-standard IP address {shown} is invalid: use {wanted}")),
    }
}

/// What the writer of a range is told that stands in another form than it should; upstream's `GetWarningsForCIDR`.
pub fn warn_of_cidr(value: &str, path: &Path<'_>) -> Vec<String> {
    let Ok(range) = value.parse::<Cidr>() else { return Vec::new() };
    let (shown, network) = (field::quote(value), range.masked());
    let wanted = field::quote(&network.to_string());
    let mut warnings = Vec::new();
    if network != range {
        let alone = field::quote(&format!("{}/{}", range.address, bits(range.address).1));
        let why = format!("is ambiguous in this context (should be {wanted} or {alone}?)");
        warnings.push(format!("{path}: CIDR value {shown} {why}"));
    }
    if !is_strict(value) {
        warnings.push(format!("{path}: non-standard CIDR value {shown} is invalid: use {wanted}"));
    }
    if warnings.is_empty() && range.address.is_ipv6() && range.to_string() != value {
        let why = format!("should be in RFC 5952 canonical format ({wanted})");
        warnings.push(format!("{path}: IPv6 CIDR value {shown} {why}"));
    }
    warnings
}

/// Whether a readable range has no leading zeros.
fn is_strict(range: &str) -> bool {
    range.split_once('/').is_some_and(|(address, prefix)| {
        address.parse::<IpAddr>().is_ok() && (prefix == "0" || !prefix.starts_with('0'))
    })
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
        assert!(fault("FD00::1").unwrap().ends_with(r#"must be in canonical form ("fd00::1")"#));
        assert_eq!(fault("1.2.3.04").unwrap(), r#"ip: Invalid value: "1.2.3.04": must not have leading 0s"#);
        assert!(fault("::ffff:1.2.3.4").unwrap().ends_with("must not be an IPv4-mapped IPv6 address"));
        assert!(
            fault("x").unwrap().ends_with("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        );
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let path = Path::new("a");
        let detail =
            |errors: field::ErrorList| errors.first().map(|error| error.detail.clone()).unwrap_or_default();
        let cases = [
            ("1.2.3.4", ""),
            ("FE80:0::1", ""),
            ("1.2.3.04", "must not have leading 0s"),
            ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
        ];
        for (ip, why) in cases {
            assert_eq!(detail(validate_ip(ip, &path)), why, "{ip}");
        }
        let cases = [
            ("10.0.0.0/8", ""),
            ("0.0.0.0/0", ""),
            ("fd00::/64", ""),
            ("1.2.3.4/32", ""),
            ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
            ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
            ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
            ("fd00::1/64", "must not have bits set beyond the prefix length"),
            ("::ffff:10.0.0.0/24", "must not have an IPv4-mapped IPv6 address"),
            ("::ffff:10.0.0.0/120", "must not have an IPv4-mapped IPv6 address"),
            ("::ffff:10.0.0.0/0120", "must not have leading 0s in IP or prefix length"),
            ("::ffff:10.0.0.0/129", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
            ("x", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ];
        for (range, why) in cases {
            assert_eq!(detail(validate_cidr(range, &path)), why, "{range}");
        }
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

    #[test]
    fn ranges_of_newer_fields_are_named_by_their_first_address() {
        let fault = |value: &str| {
            let errors = validate_cidr_strictly(value, &Path::new("cidr"));
            errors.first().map(|error| error.detail.clone()).unwrap_or_default()
        };
        assert_eq!(fault("10.0.0.0/8"), "");
        assert_eq!(fault("10.0.0.1/8"), "must not have bits set beyond the prefix length");
        assert_eq!(fault("010.0.0.0/8"), "must not have leading 0s in IP or prefix length");
        assert_eq!(fault("::ffff:10.0.0.0/24"), "must not have an IPv4-mapped IPv6 address");
        assert_eq!(fault("fd00:0::/64"), r#"must be in canonical form ("fd00::/64")"#);
        assert!(fault("x").starts_with("must be a valid CIDR value"));
    }

    #[test]
    fn unusual_forms_are_warned_of() {
        let path = Path::new("a");
        let cases = [
            ("1.2.3.4", ""),
            ("fd00::1", ""),
            ("x", ""),
            ("1.2.3.04", r#"a: non-standard IP address "1.2.3.04" is invalid: use "1.2.3.4""#),
            ("::ffff:1.2.3.4", r#"a: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4""#),
            ("FD00::1", r#"a: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")"#),
        ];
        for (value, warning) in cases {
            assert_eq!(warn_of_ip(value, &path).unwrap_or_default(), warning);
        }
        let cases = [
            ("10.0.0.0/8", ""),
            (
                "10.0.0.1/8",
                r#"a: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)"#,
            ),
            ("010.0.0.0/8", r#"a: non-standard CIDR value "010.0.0.0/8" is invalid: use "10.0.0.0/8""#),
            (
                "FD00::/64",
                r#"a: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")"#,
            ),
        ];
        for (value, warning) in cases {
            assert_eq!(warn_of_cidr(value, &path).join("; "), warning);
        }
    }
}
