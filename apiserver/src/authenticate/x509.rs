//! Client certificates prove who one is: the common name is the user, the organisations are the groups.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use ring::digest;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use steersman_core::{Error, Result};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::oid;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use super::remembered::Remembered;
use super::{Authenticator, Credentials, Identity, NotAuthenticated};
use crate::user::User;

/// Knows the clients that some authorities vouch for; upstream's `--client-ca-file`.
pub struct ClientCertificates {
    anchors: Vec<TrustAnchor<'static>>,
    /// Whose the chains are that were found to be good, and until when that is taken for granted.
    good: Remembered<Vec<Bytes>, (Option<User>, Timestamp)>,
}

/// For how long a chain that was found to be good is not looked at again: so long a certificate may outlive itself.
const TRUST: SignedDuration = SignedDuration::from_secs(10);

impl ClientCertificates {
    /// Trusts the authorities whose certificates are in `pem`.
    ///
    /// # Errors
    /// 400: there is none, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| Error::bad_request(error.to_string()))?;
        Self::trusting(&certificates)
    }

    /// The same of certificates in DER.
    ///
    /// # Errors
    /// 400: there is none, or one cannot be read.
    pub fn from_der(certificates: &[Vec<u8>]) -> Result<Self> {
        let certificates: Vec<_> =
            certificates.iter().map(|one| CertificateDer::from(one.as_slice())).collect();
        Self::trusting(&certificates)
    }

    fn trusting(certificates: &[CertificateDer<'_>]) -> Result<Self> {
        let anchors = certificates.iter().map(|certificate| {
            let anchor = anchor_from_trusted_cert(certificate);
            anchor.map(|anchor| anchor.to_owned()).map_err(|error| Error::bad_request(error.to_string()))
        });
        let anchors = anchors.collect::<Result<Vec<_>>>()?;
        if anchors.is_empty() {
            return Err(Error::bad_request("there is no certificate of an authority"));
        }
        Ok(ClientCertificates { anchors, good: Remembered::default() })
    }

    /// Whom a chain proves one to be; `None` if it is empty, or names nobody.
    pub(crate) fn user(&self, chain: &[Bytes], now: Timestamp) -> Result<Option<User>, NotAuthenticated> {
        if chain.is_empty() {
            return Ok(None);
        }
        if let Some((user, _)) = self.good.get(chain).filter(|(_, until)| now < *until) {
            return Ok(user);
        }
        let user = self.judge(chain, now)?;
        let until = now.saturating_add(TRUST).unwrap_or(now);
        self.good.put(chain.to_vec(), (user.clone(), until));
        Ok(user)
    }

    /// The same, found out anew.
    fn judge(&self, chain: &[Bytes], now: Timestamp) -> Result<Option<User>, NotAuthenticated> {
        let Some(own) = chain.first() else { return Ok(None) };
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let wrong = |why: &dyn fmt::Display| NotAuthenticated(format!("verifying certificate failed: {why}"));
        self.verify(chain, now).map_err(|error| wrong(&error))?;
        let (_, certificate) = X509Certificate::from_der(own).map_err(|error| wrong(&error))?;
        Ok(user(&certificate, own))
    }

    /// Whether one of the authorities vouches, by way of others in the chain, for a client's own certificate.
    fn verify(&self, chain: &[Bytes], now: UnixTime) -> Result<(), webpki::Error> {
        let der: Vec<CertificateDer<'_>> = chain.iter().map(|one| CertificateDer::from(&one[..])).collect();
        let Some((own, between)) = der.split_first() else { return Err(webpki::Error::BadDer) };
        let usage = KeyUsage::client_auth();
        EndEntityCert::try_from(own)?
            .verify_for_usage(ALL_VERIFICATION_ALGS, &self.anchors, between, now, usage, None, None)
            .map(drop)
    }
}

#[async_trait]
impl Authenticator for ClientCertificates {
    async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Identity>, NotAuthenticated> {
        Ok(self.user(credentials.certificates, credentials.now)?.map(Identity::from))
    }
}

/// The user that a certificate is of; `None` if it has no common name.
fn user(certificate: &X509Certificate<'_>, der: &[u8]) -> Option<User> {
    let subject = certificate.subject();
    let text = |attribute: &AttributeTypeAndValue<'_>| attribute.as_str().unwrap_or_default().to_owned();
    let name = subject.iter_common_name().last().map(text).filter(|name| !name.is_empty())?;
    let uid = subject.iter_by_oid(&oid!(1.3.6.1.4.1.57683.2)).last().map(text).unwrap_or_default();
    let groups = subject.iter_organization().map(text).collect();
    let print = digest::digest(&digest::SHA256, der);
    let print: String = print.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut user = User { name, uid, groups, ..User::default() };
    let key = "authentication.kubernetes.io/credential-id".to_owned();
    user.extra.insert(key, vec![format!("X509SHA256={print}")]);
    Some(user)
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificates").field(&self.anchors.len()).finish()
    }
}
