//! The key that signs the tokens of service accounts.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Result};

use super::{KeySet, text};
use crate::authenticate::accounts::TokenKeys;
use crate::authenticate::remembered::Remembered;

/// One private key, RSA (`RS256`) or on the curve P-256 (`ES256`), and its public half.
pub struct JwtKeys {
    signer: Signer,
    public: KeySet,
    /// The claims of tokens that were found to be signed with the key, which never changes.
    signed: Remembered<String, Value>,
}

enum Signer {
    Rsa(Box<RsaKeyPair>),
    Elliptic(Box<EcdsaKeyPair>),
}

impl JwtKeys {
    /// Signs with the private key in `pem`; upstream's `--service-account-signing-key-file`.
    ///
    /// # Errors
    /// 400: there is neither an RSA key of at least 2,048 bits (PKCS #1 or PKCS #8) nor a P-256 key (PKCS #8).
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let wrong =
            |why: &dyn fmt::Display| Error::bad_request(format!("not a key that can sign tokens: {why}"));
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| wrong(&error))?;
        let der = key.secret_der();
        let pair = match &key {
            PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(der),
            _ => RsaKeyPair::from_pkcs8(der),
        };
        if let Ok(pair) = pair {
            return Ok(Self::from_rsa(pair));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new());
        pair.map(Self::from_elliptic).map_err(|error| wrong(&error))
    }

    /// A new key on the curve P-256, from the system's randomness.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(Error::internal)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).map_err(Error::internal)?;
        Ok(Self::from_elliptic(pair))
    }

    fn from_rsa(pair: RsaKeyPair) -> Self {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
        Self::new(Signer::Rsa(Box::new(pair)), KeySet::of_rsa(&public.n, &public.e))
    }

    fn from_elliptic(pair: EcdsaKeyPair) -> Self {
        let public = KeySet::of_p256(pair.public_key().as_ref());
        Self::new(Signer::Elliptic(Box::new(pair)), public)
    }

    fn new(signer: Signer, public: KeySet) -> Self {
        JwtKeys { signer, public, signed: Remembered::default() }
    }
}

impl TokenKeys for JwtKeys {
    fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({"alg": self.signer.algorithm(), "kid": self.public.id()});
        let signed =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = self.signer.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", text(&signature)))
    }

    fn verify(&self, token: &str) -> Option<Value> {
        let known = self.signed.get(token);
        known.or_else(|| {
            let claims = self.public.verify(token)?;
            self.signed.put(token.to_owned(), claims.clone());
            Some(claims)
        })
    }

    fn key_set(&self) -> Value {
        self.public.to_value()
    }

    fn algorithms(&self) -> Vec<String> {
        vec![self.signer.algorithm().to_owned()]
    }
}

impl Signer {
    fn algorithm(&self) -> &'static str {
        match self {
            Signer::Rsa(_) => "RS256",
            Signer::Elliptic(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(Error::internal)?;
                Ok(signature)
            }
            Signer::Elliptic(pair) => {
                let signature = pair.sign(&random, message).map_err(Error::internal)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKeys").field("id", &self.public.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_has_signed_it_knows_again() {
        let (ours, theirs) = (JwtKeys::generate().unwrap(), JwtKeys::generate().unwrap());
        let claims = json!({"sub": "a"});
        let token = ours.sign(&claims).unwrap();
        assert_eq!(ours.verify(&token), Some(claims.clone()));
        assert_eq!(theirs.verify(&token), None);
        assert_eq!(KeySet::read(&ours.key_set()).verify(&token), Some(claims));
    }

    #[test]
    fn a_token_that_was_changed_is_nobodys() {
        let keys = JwtKeys::generate().unwrap();
        let token = keys.sign(&json!({"sub": "a"})).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let other = text(json!({"sub": "b"}).to_string().as_bytes());
        assert_eq!(keys.verify(&format!("{}.{other}.{}", parts[0], parts[2])), None);
        let none = text(json!({"alg": "none"}).to_string().as_bytes());
        assert_eq!(keys.verify(&format!("{none}.{}.", parts[1])), None);
        assert_eq!(keys.verify("a.b"), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(JwtKeys::from_pem(b"hello").unwrap_err().code(), 400);
    }
}
