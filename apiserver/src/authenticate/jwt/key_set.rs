//! Public keys that check tokens: JSON Web Keys (RFC 7517).

use ring::digest;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use steersman_core::tree::{Value, json};

use super::text;
use crate::authenticate::compact::{Parts, bytes, take_apart};
use crate::tree::Read;

/// Some public keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

/// One of them.
#[derive(Clone, Debug)]
struct Key {
    id: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point, and whether the curve is P-384 rather than P-256.
    Elliptic {
        point: Vec<u8>,
        large: bool,
    },
}

impl KeySet {
    /// Reads a key set; keys of kinds that are not known are left out.
    pub(crate) fn read(set: &Value) -> Self {
        KeySet(set.items("keys").iter().filter_map(Key::read).collect())
    }

    /// A set of one RSA key, in big-endian numbers.
    pub(super) fn of_rsa(n: &[u8], e: &[u8]) -> Self {
        Self::of(Kind::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// A set of one key on the curve P-256.
    pub(super) fn of_p256(point: &[u8]) -> Self {
        Self::of(Kind::Elliptic { point: point.to_vec(), large: false })
    }

    fn of(kind: Kind) -> Self {
        // The key's thumbprint (RFC 7638) names it.
        let id = text(digest::digest(&digest::SHA256, kind.to_value().to_string().as_bytes()).as_ref());
        KeySet(vec![Key { id, kind }])
    }

    /// The name of the first key.
    pub(super) fn id(&self) -> &str {
        self.0.first().map_or("", |key| &key.id)
    }

    /// The claims of a token that one of the keys has signed.
    pub(crate) fn verify(&self, token: &str) -> Option<Value> {
        let parts = take_apart(token)?;
        let named = parts.header.text("kid");
        let mut keys = self.0.iter().filter(|key| named.is_empty() || key.id.is_empty() || key.id == named);
        keys.any(|key| key.has_signed(&parts)).then_some(parts.claims)
    }

    /// Whether a key of that name is here.
    pub(crate) fn knows(&self, token: &str) -> bool {
        let Some(parts) = take_apart(token) else { return false };
        let named = parts.header.text("kid");
        named.is_empty() || self.0.iter().any(|key| key.id == named)
    }

    /// The set as others read it.
    pub(super) fn to_value(&self) -> Value {
        let keys = self.0.iter().map(|key| {
            let mut shown = key.kind.to_value();
            shown["use"] = "sig".into();
            shown["kid"] = key.id.as_str().into();
            shown["alg"] = key.kind.algorithm().into();
            shown
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        if !matches!(key.text("use"), "" | "sig") {
            return None;
        }
        let part = |name: &str| bytes(key.text(name)).filter(|bytes| !bytes.is_empty());
        let kind = match (key.text("kty"), key.text("crv")) {
            ("RSA", _) => Kind::Rsa { n: part("n")?, e: part("e")? },
            ("EC", curve @ ("P-256" | "P-384")) => {
                let point = [vec![4], part("x")?, part("y")?].concat();
                Kind::Elliptic { point, large: curve == "P-384" }
            }
            _ => return None,
        };
        Some(Key { id: key.text("kid").to_owned(), kind })
    }

    /// Whether the signature is this key's, by the way that the token names.
    fn has_signed(&self, parts: &Parts<'_>) -> bool {
        let algorithm = parts.header.text("alg");
        match &self.kind {
            Kind::Rsa { n, e } => rsa(algorithm).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, parts.signed, &parts.signature).is_ok()
            }),
            Kind::Elliptic { point, large } => elliptic(algorithm, *large).is_some_and(|algorithm| {
                UnparsedPublicKey::new(algorithm, point).verify(parts.signed, &parts.signature).is_ok()
            }),
        }
    }
}

impl Kind {
    fn algorithm(&self) -> &'static str {
        match self {
            Kind::Rsa { .. } => "RS256",
            Kind::Elliptic { large: false, .. } => "ES256",
            Kind::Elliptic { large: true, .. } => "ES384",
        }
    }

    /// What makes it what it is.
    fn to_value(&self) -> Value {
        match self {
            Kind::Rsa { n, e } => json!({"e": text(e), "kty": "RSA", "n": text(n)}),
            Kind::Elliptic { point, large } => {
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = if *large { "P-384" } else { "P-256" };
                json!({"crv": curve, "kty": "EC", "x": text(x), "y": text(y)})
            }
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        _ => return None,
    })
}

fn elliptic(algorithm: &str, large: bool) -> Option<&'static dyn VerificationAlgorithm> {
    match (algorithm, large) {
        ("ES256", false) => Some(&ECDSA_P256_SHA256_FIXED),
        ("ES384", true) => Some(&ECDSA_P384_SHA384_FIXED),
        _ => None,
    }
}
