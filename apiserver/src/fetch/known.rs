//! Trusts servers as Go's `crypto/x509` does: those that an authority vouches for, and one whose own certificate stands
//! where authorities do, as with Go's envtest and wherever somebody signs for himself.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::time::ASN1Time;

/// Who is trusted.
#[derive(Debug)]
pub(super) struct Known {
    vouched: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Known {
    /// Those whom these certificates vouch for, and their owners; `Err` says why a certificate is none.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|why| why.to_string())?;
        }
        let vouched = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Known { vouched: vouched.map_err(|why| why.to_string())?, certificates })
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.vouched.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(_) if self.certificates.iter().any(|known| known == end_entity) => own(end_entity, name, now),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.vouched.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.vouched.supported_verify_schemes()
    }
}

/// Whether a certificate that is trusted by itself is one for this server, now.
fn own(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let bad = Error::InvalidCertificate;
    let read =
        webpki::EndEntityCert::try_from(certificate).map_err(|_| bad(CertificateError::BadEncoding))?;
    read.verify_is_valid_for_subject_name(name).map_err(|_| bad(CertificateError::NotValidForName))?;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| bad(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
    if !now.is_some_and(|now| parsed.validity().is_valid_at(now)) {
        return Err(bad(CertificateError::Expired));
    }
    let usage = parsed.extended_key_usage().map_err(|_| bad(CertificateError::BadEncoding))?;
    if usage.is_some_and(|usage| !usage.value.any && !usage.value.server_auth) {
        return Err(bad(CertificateError::InvalidPurpose));
    }
    Ok(ServerCertVerified::assertion())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
    use rustls::crypto::ring;

    use super::*;

    /// A certificate for `here`, good in 2025, that its owner has signed.
    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["here".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2025, 12, 31));
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn verified(trusted: &CertificateDer<'static>, shown: &CertificateDer<'_>, name: &str, day: u64) -> bool {
        let known = Known::new(vec![trusted.clone()], Arc::new(ring::default_provider())).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(day * 86_400));
        known.verify_server_cert(shown, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn a_certificate_that_is_trusted_by_itself_serves_who_it_names_while_it_is_good() {
        // The day is one of 2025.
        let (day, later) = (20_200, 21_000);
        let plain = certificate(|_| {});
        let authority = certificate(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
        for own in [&plain, &authority] {
            assert!(verified(own, own, "here", day));
            assert!(!verified(own, own, "there", day));
            assert!(!verified(own, own, "here", later));
        }
        assert!(!verified(&plain, &authority, "here", day));
        let client = certificate(|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        assert!(!verified(&client, &client, "here", day));
    }

    #[test]
    fn a_certificate_that_somebody_else_has_signed_is_trusted_by_itself_too() {
        let authority = crate::listener::Authority::new("envtest", "2025-06-01T00:00:00Z".parse().unwrap());
        let served = authority.unwrap().serving(&["here"], &[]).unwrap();
        let own: CertificateDer<'static> =
            rustls::pki_types::pem::PemObject::from_pem_slice(served.certificate_pem.as_bytes()).unwrap();
        assert!(verified(&own, &own, "here", 20_240));
        assert!(!verified(&certificate(|_| {}), &own, "here", 20_240));
    }
}
