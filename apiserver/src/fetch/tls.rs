//! TLS as a client speaks it: whom it trusts, and what it shows of itself.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use steersman_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::known::Known;
use crate::listener::Certified;

/// How a client speaks TLS. Cloning shares.
#[derive(Clone)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Trusts servers that the authorities in `authorities` (PEM) vouch for, or whose own certificate is among them, and
    /// shows them `own`, if there is one.
    ///
    /// # Errors
    /// 400: there is no authority, or something is no PEM, or does not belong together.
    pub fn new(authorities: &[u8], own: Option<&Certified>) -> Result<Self> {
        let certificates = CertificateDer::pem_slice_iter(authorities);
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(bad)?;
        if certificates.is_empty() {
            return Err(bad("there is no certificate of an authority"));
        }
        let provider = Arc::new(ring::default_provider());
        let known = Known::new(certificates, provider.clone()).map_err(bad)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(bad)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(known));
        Self::showing(builder, own)
    }

    /// Trusts servers that the authorities of this machine vouch for, as Go finds them: in the files that `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` name, else where the system keeps them.
    ///
    /// # Errors
    /// 400: there are none.
    pub fn of_the_system() -> Result<Self> {
        let mut roots = RootCertStore::empty();
        // What cannot be read vouches for nobody.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(bad("x509: failed to load system roots and no roots provided"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(bad)?
            .with_root_certificates(roots);
        Ok(ClientTls(Arc::new(builder.with_no_client_auth())))
    }

    /// Trusts whoever answers, and shows them `own`, if there is one: how an API server reaches kubelets whose certificates nobody has
    /// signed, unless it is told of an authority, as upstream's does.
    ///
    /// # Errors
    /// 400: `own` is no PEM, or does not belong together.
    pub fn trusting_anyone(own: Option<&Certified>) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(bad)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
        Self::showing(builder, own)
    }

    fn showing(
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
        own: Option<&Certified>,
    ) -> Result<Self> {
        let Some(own) = own else { return Ok(ClientTls(Arc::new(builder.with_no_client_auth()))) };
        let chain = CertificateDer::pem_slice_iter(own.certificate_pem.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(bad)?;
        let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).map_err(bad)?;
        let config = builder.with_client_auth_cert(chain, key).map_err(bad)?;
        Ok(ClientTls(Arc::new(config)))
    }

    /// Shakes hands with the server of that name or address.
    pub(crate) async fn connect<I>(&self, host: &str, stream: I) -> io::Result<TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, stream).await
    }
}

/// Why a handshake has failed, where it is for the server's certificate in Go's words.
pub(super) fn untrusted(why: &io::Error) -> String {
    let inner = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let told = match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "certificate signed by unknown authority"
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "certificate has expired or is not yet valid",
        _ => return why.to_string(),
    };
    format!("tls: failed to verify certificate: x509: {told}")
}

fn bad(why: impl fmt::Display) -> Error {
    Error::bad_request(why.to_string())
}

/// Takes every server for the right one that owns the certificate it shows.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
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

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}
