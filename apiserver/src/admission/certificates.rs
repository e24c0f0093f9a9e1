//! Who may approve and sign requests for certificates, and which requests nobody may make.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization>

use async_trait::async_trait;
use base64::Engine as _;
use steersman_core::Result;
use steersman_core::tree::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::{Admission, Attributes, Operation, Part};
use crate::authorize::{Asked, Decision, MASTERS, ResourceAccess};
use crate::tree::Read;

const GROUP: &str = "certificates.k8s.io";

const REQUESTS: &str = "certificatesigningrequests";

/// The signer whose certificates the server knows its clients by.
const CLIENTS: &str = "kubernetes.io/kube-apiserver-client";

/// Approving needs the right to `approve` for the signer.
pub(super) struct Approval;

/// Signing, and failing, needs the right to `sign` for the signer.
pub(super) struct Signing;

/// Nobody becomes a member of `system:masters` by a request.
pub(super) struct SubjectRestriction;

#[async_trait]
impl Admission for Approval {
    fn name(&self) -> &'static str {
        "CertificateApproval"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is_about(GROUP, REQUESTS)
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        if is_about(write, "approval", Operation::Update) && !may(write, "approve").await {
            let signer = signer(write);
            let why = format!("user not permitted to approve requests with signerName {signer:?}");
            return Err(write.forbidden(why));
        }
        Ok(())
    }
}

#[async_trait]
impl Admission for Signing {
    fn name(&self) -> &'static str {
        "CertificateSigning"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is_about(GROUP, REQUESTS)
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let old = write.old.unwrap_or(&Value::Null).at("status");
        let new = write.object.at("status");
        let is_same = ["certificate", "conditions"].iter().all(|field| new.at(field) == old.at(field));
        if is_about(write, "status", Operation::Update) && !is_same && !may(write, "sign").await {
            let signer = signer(write);
            let why = format!("user not permitted to sign requests with signerName {signer:?}");
            return Err(write.forbidden(why));
        }
        Ok(())
    }
}

#[async_trait]
impl Admission for SubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is_about(GROUP, REQUESTS)
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let spec = write.object.at("spec");
        if !is_about(write, "", Operation::Create) || spec.text("signerName") != CLIENTS {
            return Ok(());
        }
        let groups = organizations(spec.text("request"))
            .map_err(|why| write.forbidden(format!("failed to parse CSR: {why}")))?;
        if groups.iter().any(|group| group == MASTERS) {
            let why = format!("use of {CLIENTS} signer with {MASTERS} group is not allowed");
            return Err(write.forbidden(why));
        }
        Ok(())
    }
}

fn is_about(write: &Attributes<'_>, subresource: &str, operation: Operation) -> bool {
    write.operation == operation && write.subresource == subresource && write.is_about(GROUP, REQUESTS)
}

/// The signer that was asked before this write, which cannot choose another.
fn signer<'a>(write: &'a Attributes<'_>) -> &'a str {
    write.old.unwrap_or(&Value::Null).at("spec").text("signerName")
}

/// Whether the user has a right for the signer, or for all of its domain.
async fn may(write: &Attributes<'_>, verb: &str) -> bool {
    let signer = signer(write);
    let domain = format!("{}/*", signer.split('/').next().unwrap_or_default());
    for name in [signer, &domain] {
        let asked =
            ResourceAccess { group: GROUP, version: "*", resource: "signers", name, ..Default::default() };
        let decision = write.cluster.decide(write.user, verb, Asked::Resource(asked)).await;
        if matches!(decision, Decision::Allow { .. }) {
            return true;
        }
    }
    false
}

/// The organisations that a request, in base64 over PEM, names as its subject's.
fn organizations(request: &str) -> Result<Vec<String>, &'static str> {
    read(request, |subject| {
        let names = subject.iter_organization();
        names.filter_map(|name| name.as_str().ok()).map(str::to_owned).collect()
    })
}

/// The name that such a request gives its subject.
pub(super) fn common_name(request: &str) -> Result<String, &'static str> {
    read(request, |subject| {
        let name = subject.iter_common_name().last().and_then(|name| name.as_str().ok());
        name.unwrap_or_default().to_owned()
    })
}

/// What is read of the subject of a request.
fn read<T>(request: &str, of: impl FnOnce(&X509Name<'_>) -> T) -> Result<T, &'static str> {
    let not_pem = "PEM block type must be CERTIFICATE REQUEST";
    let text = base64::engine::general_purpose::STANDARD.decode(request).map_err(|_| not_pem)?;
    let pem = Pem::iter_from_buffer(&text).next().and_then(Result::ok);
    let pem = pem.filter(|pem| pem.label == "CERTIFICATE REQUEST").ok_or(not_pem)?;
    let (_, request) =
        X509CertificationRequest::from_der(&pem.contents).map_err(|_| "asn1: structure error")?;
    Ok(of(&request.certification_request_info.subject))
}
