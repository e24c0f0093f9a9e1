//! The pool of cluster IPs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use steersman_core::addresses::Cidr;

use super::pool::Pool;
use super::ranges::ServiceRanges;

/// At most this many addresses of a network are handed out; upstream's bound for wide IPv6 networks.
const MOST: u128 = 1 << 16;

/// Hands out the addresses of one network, without its first (the network's) and, for IPv4, its last (broadcast).
#[derive(Debug)]
pub(super) struct ClusterIps {
    range: (IpAddr, u8),
    network: u128,
    v4: bool,
    pool: Pool,
}

/// Why an address cannot be had; in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Another service has it.
    #[error("provided IP is already allocated")]
    Taken,
    /// It is not in the network.
    #[error("the provided network does not match the current range")]
    Outside,
    /// It is in the network, which keeps it.
    #[error("the provided IP ({0}) is not in the valid range. The range of valid IPs is {1}")]
    Kept(IpAddr, String),
    /// There are no more.
    #[error("range is full")]
    Full,
}

impl ClusterIps {
    /// The addresses of a network.
    pub(super) fn new(ranges: &ServiceRanges) -> Self {
        let (address, prefix) = ranges.cluster_ips;
        let (bits, width) = bits(address);
        let host_bits = width.saturating_sub(u32::from(prefix)).min(127);
        let all = 1u128 << host_bits;
        let usable = all.min(MOST).saturating_sub(if width == 32 { 2 } else { 1 });
        let usable = u64::try_from(usable).expect("no more than MOST, which fits");
        let band = if all <= 16 { 0 } else { u64::try_from(all / 16).unwrap_or(256).clamp(16, 256) };
        ClusterIps {
            range: ranges.cluster_ips,
            network: bits & !(all - 1),
            v4: width == 32,
            pool: Pool::new(usable, band),
        }
    }

    /// The family of the addresses: `IPv4` or `IPv6`.
    pub(super) fn family(&self) -> &'static str {
        if self.v4 { "IPv4" } else { "IPv6" }
    }

    /// Takes an address.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Refused> {
        let number = self.number(address).ok_or_else(|| self.refuse(address))?;
        if self.pool.take(number) { Ok(()) } else { Err(Refused::Taken) }
    }

    /// Refuses an address that nobody can have.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let kept = || Refused::Kept(address, format!("{}/{}", self.network(), self.range.1));
        self.number(address).map(drop).ok_or_else(kept)
    }

    /// The address of the network itself, which nobody has: what a dry run is given.
    pub(super) fn network(&self) -> IpAddr {
        self.at(self.network)
    }

    /// Takes any address.
    pub(super) fn take_any(&self) -> Result<IpAddr, Refused> {
        self.pool.take_any().map(|number| self.address(number)).ok_or(Refused::Full)
    }

    /// Gives an address back; nothing happens to one that is not from here.
    pub(super) fn give_back(&self, address: IpAddr) {
        if let Some(number) = self.number(address) {
            self.pool.give_back(number);
        }
    }

    /// The first address of the network, and the last one of IPv4, are nobody's.
    fn refuse(&self, address: IpAddr) -> Refused {
        let (first, prefix) = self.range;
        match Cidr::new(first, prefix).filter(|network| network.contains(address)) {
            Some(network) => Refused::Kept(address, network.to_string()),
            None => Refused::Outside,
        }
    }

    fn number(&self, address: IpAddr) -> Option<u64> {
        let (bits, width) = bits(address);
        let offset = bits.checked_sub(self.network)?.checked_sub(1)?;
        let number = u64::try_from(offset).ok()?;
        ((width == 32) == self.v4 && number < self.pool.size()).then_some(number)
    }

    fn address(&self, number: u64) -> IpAddr {
        self.at(self.network + 1 + u128::from(number))
    }

    fn at(&self, bits: u128) -> IpAddr {
        if self.v4 {
            Ipv4Addr::from(u32::try_from(bits).expect("an address of an IPv4 network")).into()
        } else {
            Ipv6Addr::from(bits).into()
        }
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u32::from(v4).into(), 32),
        IpAddr::V6(v6) => (v6.into(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(network: &str, prefix: u8) -> ClusterIps {
        ClusterIps::new(&ServiceRanges {
            cluster_ips: (network.parse().unwrap(), prefix),
            ..ServiceRanges::default()
        })
    }

    #[test]
    fn addresses_come_from_above_the_band_that_is_kept_for_requests() {
        assert_eq!(ips("10.96.0.0", 16).take_any(), Ok("10.96.1.1".parse().unwrap()));
        assert_eq!(ips("127.10.0.0", 24).take_any(), Ok("127.10.0.17".parse().unwrap()));
        assert_eq!(ips("fd00::", 108).take_any(), Ok("fd00::101".parse().unwrap()));
    }

    #[test]
    fn all_but_the_first_and_last_address_can_be_had() {
        let ips = ips("10.0.0.0", 30);
        let refused = |address: &str| ips.take(address.parse().unwrap());
        assert_eq!(refused("10.0.0.1"), Ok(()));
        assert_eq!(refused("10.0.0.1"), Err(Refused::Taken));
        for kept in ["10.0.0.0", "10.0.0.3"] {
            let why = "is not in the valid range. The range of valid IPs is 10.0.0.0/30";
            assert_eq!(refused(kept).unwrap_err().to_string(), format!("the provided IP ({kept}) {why}"));
        }
        assert_eq!(refused("10.0.0.4"), Err(Refused::Outside));
        assert_eq!(refused("fd00::1"), Err(Refused::Outside));
        assert_eq!(ips.take_any(), Ok("10.0.0.2".parse().unwrap()));
        assert_eq!(ips.take_any(), Err(Refused::Full));
    }
}
