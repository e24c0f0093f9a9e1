//! Folds bytes into a short number that is the same on every machine, to tell contents apart.

/// A hash of bytes, folded in piece by piece: [FNV-1a](http://www.isthe.com/chongo/tech/comp/fnv/) of 64 bits. Good for
/// logs and seeds, not against an adversary: who chooses the bytes can make two contents look equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of no bytes yet.
    pub const EMPTY: Fingerprint = Fingerprint(0xcbf2_9ce4_8422_2325);

    /// Of no bytes yet, and different for every seed.
    pub fn seeded(seed: u64) -> Self {
        Fingerprint(Self::EMPTY.0 ^ seed)
    }

    /// Of what was folded in so far, and then `bytes`.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Fingerprint(bytes.iter().fold(self.0, fold))
    }

    /// As a number.
    pub fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_the_published_test_vectors() {
        let of = |text: &str| Fingerprint::EMPTY.with(text.as_bytes()).value();
        assert_eq!(
            [of(""), of("a"), of("foobar")],
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
    }

    #[test]
    fn pieces_make_the_same_fingerprint_as_the_whole() {
        assert_eq!(Fingerprint::EMPTY.with(b"ab").with(b"c"), Fingerprint::EMPTY.with(b"abc"));
        assert_ne!(Fingerprint::seeded(1).with(b"abc"), Fingerprint::seeded(2).with(b"abc"));
    }
}
