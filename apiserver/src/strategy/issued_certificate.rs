//! Whether what a signer answers a certificate signing request with is certificates, as PEM.
//!
//! Of what is within the blocks, only the outermost frame is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One block of a PEM text.
struct Block<'a> {
    kind: &'a str,
    has_headers: bool,
    der: Vec<u8>,
}

/// What is wrong with a certificate, which is PEM in base64; nothing is wrong with none.
pub(super) fn fault(certificate: &str) -> Option<String> {
    let text = STANDARD.decode(certificate).unwrap_or_default();
    if text.is_empty() {
        return None;
    }
    let blocks = String::from_utf8_lossy(&text);
    let blocks = blocks_of(&blocks);
    if blocks.is_empty() {
        return Some("must contain at least one CERTIFICATE PEM block".to_owned());
    }
    blocks.iter().find_map(fault_of_block)
}

/// What is in the first block of a PEM text; `None` unless it is of that kind.
pub(super) fn first_block(text: &[u8], kind: &str) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let first = blocks_of(&text).into_iter().next();
    first.filter(|block| block.kind == kind).map(|block| block.der)
}

fn fault_of_block(block: &Block<'_>) -> Option<String> {
    if block.kind != "CERTIFICATE" {
        Some(format!("only CERTIFICATE PEM blocks are allowed, found {:?}", block.kind))
    } else if block.has_headers {
        Some("no PEM block headers are permitted".to_owned())
    } else if block.der.is_empty() {
        Some("found CERTIFICATE PEM block containing 0 certificates".to_owned())
    } else {
        fault_of_certificates(&block.der)
    }
}

/// What is wrong with certificates in DER, one behind the other.
fn fault_of_certificates(mut der: &[u8]) -> Option<String> {
    while !der.is_empty() {
        let Some((certificate, rest)) = sequence(der) else {
            return Some("x509: malformed certificate".to_owned());
        };
        if sequence(certificate).is_none() {
            return Some("x509: malformed tbs certificate".to_owned());
        }
        der = rest;
    }
    None
}

/// What is in the sequence at the start of the bytes, and what stands behind it.
fn sequence(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x30, first, rest @ ..] = der else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (told, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = told.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            let is_minimal = told[0] != 0 && length >= 0x80;
            is_minimal.then_some((length, rest))?
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The blocks that can be read, as Go's `pem.Decode` finds them.
fn blocks_of(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((kind, body)) = after.split_once("-----") else { break };
        let Some((body, behind)) = body.split_once(&format!("-----END {kind}-----")) else {
            rest = body;
            continue;
        };
        let is_header = |line: &&str| line.contains(':');
        let base64: String = body.lines().filter(|line| !is_header(line)).map(str::trim).collect();
        if let Ok(der) = STANDARD.decode(base64) {
            found.push(Block { kind, has_headers: body.lines().any(|line| is_header(&line)), der });
        }
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certificates_are_issued() {
        let block =
            |kind: &str, body: &str| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n");
        let cases = [
            (String::new(), None),
            ("x".to_owned(), Some("must contain at least one CERTIFICATE PEM block")),
            (block("CERTIFICATE", "Garbage"), Some("must contain at least one CERTIFICATE PEM block")),
            (block("X", "AAAA"), Some("only CERTIFICATE PEM blocks are allowed, found \"X\"")),
            (block("CERTIFICATE", "a: b\n\nAAAA"), Some("no PEM block headers are permitted")),
            (block("CERTIFICATE", "AAAA"), Some("x509: malformed certificate")),
            (block("CERTIFICATE", "MAIwAA=="), None),
            (block("CERTIFICATE", "MAIwADACMAA="), None),
            (block("CERTIFICATE", "MAA="), Some("x509: malformed tbs certificate")),
            (block("CERTIFICATE", "MIEA"), Some("x509: malformed certificate")),
            (block("CERTIFICATE", "MIEB"), Some("x509: malformed certificate")),
        ];
        for (text, expected) in cases {
            assert_eq!(fault(&STANDARD.encode(&text)).as_deref(), expected, "{text}");
        }
    }
}
