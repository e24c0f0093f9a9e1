//! Signs JSON Web Tokens, and checks who has signed them.

mod key_set;
mod keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) use key_set::KeySet;
pub use keys::JwtKeys;

/// Bytes as tokens and keys write them.
fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
