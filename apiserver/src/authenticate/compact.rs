//! The compact form of JSON Web Tokens (RFC 7519): three parts, base64url, with dots between.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use steersman_core::tree::Value;

use crate::tree::Read;

/// A token taken apart; nothing about it is checked.
#[cfg_attr(
    not(feature = "auth"),
    expect(dead_code, reason = "signatures are checked by what needs cryptography")
)]
pub(super) struct Parts<'a> {
    pub(super) header: Value,
    pub(super) claims: Value,
    /// What is signed.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

/// Takes a token apart; `None` if it is no JSON Web Token.
pub(super) fn take_apart(token: &str) -> Option<Parts<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice(&bytes(part)?).ok();
    Some(Parts {
        header: read(header)?,
        claims: read(claims)?,
        signed: signed.as_bytes(),
        signature: bytes(signature)?,
    })
}

/// Who a token says has made it.
pub(super) fn issuer(token: &str) -> Option<String> {
    Some(take_apart(token)?.claims.text("iss").to_owned())
}

/// A part as bytes.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
