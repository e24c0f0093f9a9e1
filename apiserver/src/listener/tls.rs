//! TLS: shows the server's certificate, and asks for the client's without judging it.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Certified;
use crate::authenticate::PeerCertificates;

/// How a listener speaks TLS. Cloning shares.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

/// What is wrong with a certificate or its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be served: {0}")]
pub struct BadCertificate(String);

impl Tls {
    /// Serves with a certificate and its key. Clients may show a certificate of their own; whether it is to be trusted
    /// is for the [authenticators](crate::authenticate) to say.
    ///
    /// # Errors
    /// They are no PEM, or do not belong together.
    pub fn new(serving: &Certified) -> Result<Self, BadCertificate> {
        let bad = |why: &dyn fmt::Display| BadCertificate(why.to_string());
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(serving.certificate_pem.as_bytes()).collect();
        let chain = chain.map_err(|why| bad(&why))?;
        let key = PrivateKeyDer::from_pem_slice(serving.key_pem.as_bytes()).map_err(|why| bad(&why))?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|why| bad(&why))?
            .with_client_cert_verifier(Arc::new(AnyClient(provider)))
            .with_single_cert(chain, key);
        let mut config = config.map_err(|why| bad(&why))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls(Arc::new(config)))
    }

    /// Shakes hands; the stream, and whatever certificates the client proved to own.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, PeerCertificates)> {
        let stream = TlsAcceptor::from(self.0.clone()).accept(stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain: Vec<Bytes> = chain.iter().map(|one| Bytes::copy_from_slice(one)).collect();
        Ok((stream, PeerCertificates::new(chain)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Lets every client in that owns the certificate it shows: a refusal in the handshake would keep it from the answer
/// 401, and from proving in another way who it is.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
