//! Carries the peer's certificates from the listener to the authenticators.

use std::sync::Arc;

use bytes::Bytes;

/// The certificates that a client has proved to own in the TLS handshake. The listener puts them into the request's
/// extensions; whether they are to be trusted is for the authenticator to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificates(Arc<[Bytes]>);

impl PeerCertificates {
    /// A chain in DER, the client's own certificate first.
    pub fn new(chain: impl IntoIterator<Item = Bytes>) -> Self {
        PeerCertificates(chain.into_iter().collect())
    }

    /// The chain in DER, the client's own certificate first.
    pub fn chain(&self) -> &[Bytes] {
        &self.0
    }
}
