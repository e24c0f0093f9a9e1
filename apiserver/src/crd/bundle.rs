//! Whether a server can trust somebody by the certificates that a definition gives for its webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steersman_core::field::{Error, ErrorList, Path};
use steersman_core::tree::Value;
use x509_parser::pem::Pem;

use super::rules::condition;
use crate::tree::Read as _;

/// What is wrong with the `caBundle` of a conversion. One that nobody can use yet, or that was as bad before, passes.
pub(super) fn check(object: &Value, old: &Value, errors: &mut ErrorList) {
    let is_used = condition(old, "Established").is_some_and(|one| one.text("status") == "True");
    let conversion = object.at("spec").at("conversion");
    let Some(why) = fault(bundle(object)) else { return };
    if is_used && conversion.text("strategy") == "Webhook" && fault(bundle(old)).is_none() {
        let path = Path::new("spec.conversion.webhookClientConfig.caBundle");
        errors.push(Error::invalid(&path, bundle(object), why));
    }
}

fn bundle(definition: &Value) -> &str {
    definition.at("spec").at("conversion").at("webhook").at("clientConfig").text("caBundle")
}

/// Why no certificate can be read from a bundle, in the words of Go's client.
fn fault(bundle: &str) -> Option<String> {
    let bytes = STANDARD.decode(bundle).unwrap_or_default();
    let blocks: Vec<Pem> = Pem::iter_from_buffer(&bytes).map_while(Result::ok).collect();
    let mut certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE").peekable();
    let why = match (certificates.peek(), blocks.is_empty()) {
        (Some(_), _) => "failed to parse certificate: x509: malformed certificate",
        (None, true) => "unable to parse bytes as PEM block",
        (None, false) => "no valid certificate authority data seen",
    };
    let is_good = bytes.is_empty() || certificates.any(|block| block.parse_x509().is_ok());
    (!is_good).then(|| format!("unable to load root certificates: {why}"))
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn definition(bundle: &str) -> Value {
        let conversion = json!({"strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": STANDARD.encode(bundle)}}});
        let conditions = json!([{"type": "Established", "status": "True"}]);
        json!({"spec": {"conversion": conversion}, "status": {"conditions": conditions}})
    }

    fn faults(bundle: &str, old: &Value) -> String {
        let mut errors = ErrorList::new();
        check(&definition(bundle), old, &mut errors);
        errors.iter().map(|error| error.detail.clone()).collect()
    }

    #[test]
    fn a_bundle_in_use_holds_a_certificate() {
        let block = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        let cases = [
            ("", ""),
            ("x", "unable to parse bytes as PEM block"),
            (&block("KEY"), "no valid certificate authority data seen"),
            (&block("CERTIFICATE"), "failed to parse certificate: x509: malformed certificate"),
        ];
        for (bundle, expected) in cases {
            let why = faults(bundle, &definition(""));
            assert_eq!(why.strip_prefix("unable to load root certificates: ").unwrap_or_default(), expected);
        }
    }

    #[test]
    fn a_bundle_that_was_bad_may_stay_so() {
        assert_eq!(faults("x", &definition("y")), "");
        assert_eq!(faults("x", &json!({})), "");
    }
}
