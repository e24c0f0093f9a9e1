//! Gives every pod of a node an address of its own.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The IPv4 addresses that a node's pods may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    /// The subnet of `prefix` bits that `address` lies in; a prefix longer than 30 bits counts as 30, which is two
    /// pods.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(30);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Subnet { base: u32::from(address) & mask, prefix }
    }

    /// How many pods can have an address: all but the first and the last address.
    pub fn capacity(self) -> u32 {
        u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0) - 1
    }
}

/// Which addresses of a subnet are in use. An address that was given back is not given out again before all others
/// have been, so that late traffic to an old pod does not reach a new one.
#[derive(Debug)]
pub(crate) struct AddressPool {
    subnet: Subnet,
    used: BTreeSet<u32>,
    last: u32,
}

impl AddressPool {
    pub(crate) fn new(subnet: Subnet) -> Self {
        AddressPool { subnet, used: BTreeSet::new(), last: 0 }
    }

    /// An address that nobody has; `None` where all are in use.
    pub(crate) fn take(&mut self) -> Option<Ipv4Addr> {
        let capacity = self.subnet.capacity();
        let after = (self.last + 1)..=capacity;
        let number = after.chain(1..=self.last).find(|number| !self.used.contains(number))?;
        self.used.insert(number);
        self.last = number;
        Some(Ipv4Addr::from(self.subnet.base + number))
    }

    /// Gives an address back. Giving back twice does no harm.
    pub(crate) fn give_back(&mut self, address: Ipv4Addr) {
        self.used.remove(&u32::from(address).wrapping_sub(self.subnet.base));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinct_and_come_back_last() {
        let mut pool = AddressPool::new(Subnet::new("10.0.0.9".parse().unwrap(), 29));
        let all: Vec<_> = std::iter::from_fn(|| pool.take()).map(|address| address.octets()[3]).collect();
        assert_eq!(all, [9, 10, 11, 12, 13, 14]);
        pool.give_back("10.0.0.10".parse().unwrap());
        pool.give_back("10.0.0.13".parse().unwrap());
        assert_eq!(pool.take(), Some("10.0.0.10".parse().unwrap()));
        pool.give_back("10.0.0.10".parse().unwrap());
        assert_eq!(pool.take(), Some("10.0.0.13".parse().unwrap()));
    }
}
