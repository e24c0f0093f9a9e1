//! Warns of TLS secrets in which no certificate or no key is found, in the words of Go's `tls.X509KeyPair`.
//!
//! What is within the blocks is not read: that the key fits the certificate is taken on trust.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use steersman_core::tree::Value;

use crate::tree::Read;

/// What the writer of a secret is told, if it is one of TLS.
pub(super) fn warning(secret: &Value) -> Option<String> {
    if secret.text("type") != "kubernetes.io/tls" {
        return None;
    }
    let blocks = |key: &str| {
        let text = STANDARD.decode(secret.at("data").text(key)).unwrap_or_default();
        blocks(&String::from_utf8_lossy(&text))
    };
    of_certificate(&blocks("tls.crt")).or_else(|| of_key(&blocks("tls.key")))
}

fn of_certificate(blocks: &[String]) -> Option<String> {
    if blocks.iter().any(|block| block == "CERTIFICATE") {
        return None;
    }
    Some(match blocks {
        [] => "tls: failed to find any PEM data in certificate input".to_owned(),
        [only] if is_key(only) => {
            "tls: failed to find certificate PEM data in certificate input, but did find a \
                                   private key; PEM inputs may have been switched"
                .to_owned()
        }
        others => format!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the \
             following types: [{}]",
            others.join(" ")
        ),
    })
}

fn of_key(blocks: &[String]) -> Option<String> {
    if blocks.iter().any(|block| is_key(block)) {
        return None;
    }
    Some(match blocks {
        [] => "tls: failed to find any PEM data in key input".to_owned(),
        [only] if only == "CERTIFICATE" => {
            "tls: found a certificate rather than a key in the PEM for the private key".to_owned()
        }
        others => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of \
             the following types: [{}]",
            others.join(" ")
        ),
    })
}

fn is_key(block: &str) -> bool {
    block == "PRIVATE KEY" || block.ends_with(" PRIVATE KEY")
}

/// The types of the PEM blocks of a text, in order.
fn blocks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((kind, body)) = after.split_once("-----") else { break };
        match body.split_once(&format!("-----END {kind}-----")) {
            Some((_, behind)) => {
                found.push(kind.to_owned());
                rest = behind;
            }
            None => rest = body,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn block(kind: &str) -> String {
        format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n")
    }

    fn told(certificate: &str, key: &str) -> String {
        let data = json!({"tls.crt": STANDARD.encode(certificate), "tls.key": STANDARD.encode(key)});
        warning(&json!({"type": "kubernetes.io/tls", "data": data})).unwrap_or_default()
    }

    #[test]
    fn a_pair_that_is_none_is_warned_of() {
        let (certificate, key) = (block("CERTIFICATE"), block("EC PRIVATE KEY"));
        assert_eq!(told(&certificate, &key), "");
        assert_eq!(told("", ""), "tls: failed to find any PEM data in certificate input");
        assert_eq!(told(&certificate, "x"), "tls: failed to find any PEM data in key input");
        assert!(told(&key, &certificate).ends_with("PEM inputs may have been switched"));
        assert!(told(&certificate, &certificate).starts_with("tls: found a certificate rather than a key"));
        assert!(told(&block("X"), &key).ends_with("following types: [X]"));
        assert_eq!(warning(&json!({"type": "Opaque"})), None);
    }
}
