//! Makes certificates: an authority of its own, and with it the server's and its clients' certificates.

use std::fmt;
use std::net::IpAddr;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

/// For how long an authority, and what it signs, is good.
const AUTHORITY_YEARS: i64 = 10;
const LEAF_YEARS: i64 = 1;

/// A certificate authority with its key. Keys come from the system's source of randomness, as keys must: they are the
/// one thing that a seed does not determine.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    now: Timestamp,
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct Certified {
    /// The certificate, with what stands between it and the authority behind it.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl Authority {
    /// A new authority of that common name, good from the day before `now`.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub fn new(name: &str, now: Timestamp) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name, "");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        last(&mut params, now, AUTHORITY_YEARS);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Authority { certificate_pem: certificate.pem(), issuer: Issuer::new(params, key), now })
    }

    /// Its certificate, PEM: what clients trust the server by, and the server its clients.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A certificate for a server that is reached under these names and addresses.
    ///
    /// # Errors
    /// A name is no DNS name, or there is no randomness to be had.
    pub fn serving(&self, names: &[&str], addresses: &[IpAddr]) -> Result<Certified, rcgen::Error> {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name = subject("kube-apiserver", "");
        params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A certificate that says its owner is `user`, of `group` if that is not empty.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub fn client(&self, user: &str, group: &str) -> Result<Certified, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Certified, rcgen::Error> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        last(&mut params, self.now, LEAF_YEARS);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certified { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn subject(name: &str, organization: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    if !organization.is_empty() {
        subject.push(DnType::OrganizationName, organization);
    }
    subject
}

/// Good from the day before, as clocks differ.
fn last(params: &mut CertificateParams, now: Timestamp, years: i64) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let day =
        |date: jiff::civil::Date| date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8);
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(years.years()));
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certified").finish_non_exhaustive()
    }
}
