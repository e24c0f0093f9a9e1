//! The pool of node ports.

use std::ops::RangeInclusive;

use super::pool::Pool;
use super::ranges::ServiceRanges;

/// Hands out node ports, those of health checks among them.
#[derive(Debug)]
pub(super) struct NodePorts {
    range: RangeInclusive<u16>,
    pool: Pool,
}

/// Why a port cannot be had; in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Another service has it.
    #[error("provided port is already allocated")]
    Taken,
    /// It is not in the range.
    #[error("provided port is not in the valid range. The range of valid ports is {0}-{1}")]
    Outside(u16, u16),
    /// There are no more.
    #[error("range is full")]
    Full,
}

impl NodePorts {
    /// The ports of a range.
    pub(super) fn new(ranges: &ServiceRanges) -> Self {
        let range = ranges.node_ports.clone();
        let size = range.len() as u64;
        let band = if size <= 16 { 0 } else { (size / 32).clamp(16, 128) };
        NodePorts { range, pool: Pool::new(size, band) }
    }

    /// Takes a port.
    pub(super) fn take(&self, port: i64) -> Result<(), Refused> {
        let outside = Refused::Outside(*self.range.start(), *self.range.end());
        let number = self.number(port).ok_or(outside)?;
        if self.pool.take(number) { Ok(()) } else { Err(Refused::Taken) }
    }

    /// Whether a port of the range is taken.
    pub(super) fn has(&self, port: i64) -> bool {
        self.number(port).is_some_and(|number| self.pool.has(number))
    }

    /// Takes any port.
    pub(super) fn take_any(&self) -> Result<i64, Refused> {
        let number = self.pool.take_any().ok_or(Refused::Full)?;
        Ok(i64::from(*self.range.start()) + number.cast_signed())
    }

    /// Gives a port back; nothing happens to one that is not from here.
    pub(super) fn give_back(&self, port: i64) {
        if let Some(number) = self.number(port) {
            self.pool.give_back(number);
        }
    }

    fn number(&self, port: i64) -> Option<u64> {
        let port = u16::try_from(port).ok().filter(|port| self.range.contains(port))?;
        Some(u64::from(port - self.range.start()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_from_above_the_band_that_is_kept_for_requests() {
        let ports = NodePorts::new(&ServiceRanges::default());
        assert_eq!(ports.take_any(), Ok(30086));
        assert_eq!(ports.take(30086), Err(Refused::Taken));
        assert_eq!(ports.take(80), Err(Refused::Outside(30000, 32767)));
    }
}
