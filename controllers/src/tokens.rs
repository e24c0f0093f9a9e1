//! Fills Secrets of type `kubernetes.io/service-account-token`, and deletes those of accounts that are gone.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller>. Such tokens
//! never expire; whoever can uses the subresource `token` instead.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use steersman_core::cache::Change;
use steersman_core::{Client, Result};

use crate::{Actor, Key, Outcome, Sources, View};

const TYPE: &str = "kubernetes.io/service-account-token";
const NAME_ANNOTATION: &str = "kubernetes.io/service-account.name";
const UID_ANNOTATION: &str = "kubernetes.io/service-account.uid";

/// Keeps the token Secrets of service accounts.
#[derive(Debug)]
pub struct ServiceAccountTokens {
    client: Client,
    certificate: String,
    signer: Signer,
    /// Whose token is in which Secret, to tell the account when the Secret is deleted. One entry for each Secret.
    accounts: Mutex<BTreeMap<Key, String>>,
}

/// Makes the token of an account that is to be put into a Secret. Cloning shares.
#[derive(Clone)]
pub struct Signer(Arc<Sign>);

type Sign = dyn Fn(&ServiceAccount, &Secret) -> String + Send + Sync;

impl Signer {
    /// Signs with a function; what it makes is what the API server is to take for proof.
    pub fn new(sign: impl Fn(&ServiceAccount, &Secret) -> String + Send + Sync + 'static) -> Self {
        Signer(Arc::new(sign))
    }
}

impl ServiceAccountTokens {
    /// Puts into each Secret what `signer` makes of its account and itself, and the certificate authority (PEM) if it
    /// is not empty. `client` is asked before an account counts as gone.
    pub fn new(client: &Client, certificate: impl Into<String>, signer: Signer) -> Self {
        let (client, certificate) = (client.clone(), certificate.into());
        ServiceAccountTokens { client, certificate, signer, accounts: Mutex::default() }
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<Key, String>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account that a token is of, if there is (still) that very account.
    async fn account(&self, view: &View, secret: &Secret, name: &str) -> Result<Option<ServiceAccount>> {
        let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
        let wanted = annotation(secret, UID_ANNOTATION).unwrap_or_default();
        let is_meant =
            |account: &ServiceAccount| wanted.is_empty() || account.metadata.uid.as_deref() == Some(wanted);
        if let Some(account) = view.get::<ServiceAccount>(namespace, name).filter(|account| is_meant(account))
        {
            return Ok(Some((*account).clone()));
        }
        let live = self.client.namespaced::<ServiceAccount>(namespace).get_opt(name).await?;
        Ok(live.filter(|account| is_meant(account)).map(|account| (*account).clone()))
    }

    /// The Secret with all that it should hold.
    fn filled(&self, account: &ServiceAccount, secret: &Secret) -> Secret {
        let mut filled = secret.clone();
        let data = filled.data.get_or_insert_default();
        if data.get("token").is_none_or(|token| token.0.is_empty()) {
            data.insert("token".to_owned(), ByteString((self.signer.0)(account, secret).into_bytes()));
        }
        if !self.certificate.is_empty() {
            data.insert("ca.crt".to_owned(), ByteString(self.certificate.clone().into_bytes()));
        }
        if data.get("namespace").is_none_or(|namespace| namespace.0.is_empty()) {
            let namespace = secret.metadata.namespace.clone().unwrap_or_default();
            data.insert("namespace".to_owned(), ByteString(namespace.into_bytes()));
        }
        if filled.data != secret.data {
            let annotations = filled.metadata.annotations.get_or_insert_default();
            annotations.extend(account.metadata.uid.clone().map(|uid| (UID_ANNOTATION.to_owned(), uid)));
        }
        filled
    }
}

#[async_trait]
impl Actor for ServiceAccountTokens {
    type Object = Secret;

    const NAME: &'static str = "service-account-token";

    fn sources(&self) -> Sources {
        Sources::new().watches::<ServiceAccount>(|view, change| match change {
            Change::Deleted(account) => tokens_of(view, account.namespace(), account.name()),
            Change::Added(_) | Change::Modified { .. } => Vec::new(),
        })
    }

    async fn act(&self, view: &View, secret: &Secret) -> Result<Outcome> {
        let mut outcome = Outcome::done();
        let Some(name) = account_name(secret) else { return Ok(outcome) };
        self.accounts().insert(Key::of_typed(secret), name.to_owned());
        let Some(account) = self.account(view, secret, name).await? else {
            outcome.delete(secret);
            return Ok(outcome);
        };
        let filled = self.filled(&account, secret);
        if filled != *secret {
            outcome.update(&filled).may_be_missing();
        }
        Ok(outcome)
    }

    /// The account no longer refers to a token that is gone.
    async fn gone(&self, _: &View, key: &Key) -> Result<Outcome> {
        let Some(name) = self.accounts().get(key).cloned() else { return Ok(Outcome::done()) };
        let accounts = self.client.namespaced::<ServiceAccount>(&key.namespace);
        if let Some(account) = accounts.get_opt(&name).await?
            && let Some(without) = without_reference(&account, &key.name)
        {
            accounts.update(&without).await?;
        }
        self.accounts().remove(key);
        Ok(Outcome::done())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

fn tokens_of(view: &View, namespace: &str, account: &str) -> Vec<Key> {
    let secrets = view.in_namespace::<Secret>(namespace);
    let tokens = secrets.iter().filter(|secret| account_name(secret) == Some(account));
    tokens.map(|secret| Key::of_typed(&**secret)).collect()
}

/// The account that a Secret is to hold a token of; `None` if it is another kind of Secret.
fn account_name(secret: &Secret) -> Option<&str> {
    let name = annotation(secret, NAME_ANNOTATION).filter(|name| !name.is_empty());
    name.filter(|_| secret.type_.as_deref() == Some(TYPE))
}

fn annotation<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    secret.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The account without its references to a Secret; `None` if it has none.
fn without_reference(account: &ServiceAccount, secret: &str) -> Option<ServiceAccount> {
    let mut without = account.clone();
    let references = without.secrets.as_mut()?;
    let before = references.len();
    references.retain(|reference| reference.name.as_deref() != Some(secret));
    (references.len() < before).then_some(without)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::testing::{Lab, MemoryApi};
    use steersman_core::tree::{Value, from_value, json};

    use super::*;
    use crate::runner::Operation;

    /// What is done about a Secret where these accounts exist.
    fn done(accounts: &Value, secret: &Value) -> Option<Operation> {
        let accounts: Vec<ServiceAccount> = from_value(accounts.clone()).unwrap();
        let view = View::fixed(Timestamp::UNIX_EPOCH).with(&accounts);
        let tokens = ServiceAccountTokens::new(
            &MemoryApi::default().client(),
            "PEM",
            Signer::new(|_, _| "signed".to_owned()),
        );
        let outcome = Lab::new().run(tokens.act(&view, &from_value(secret.clone()).unwrap())).unwrap();
        outcome.actions().first().map(|action| action.operation.clone())
    }

    fn account(uid: &str) -> Value {
        json!([{"metadata": {"name": "a", "namespace": "n", "uid": uid}}])
    }

    fn secret(annotations: &Value, data: &Value) -> Value {
        let metadata = json!({"name": "t", "namespace": "n", "uid": "t", "annotations": annotations});
        json!({"metadata": metadata, "type": TYPE, "data": data})
    }

    #[test]
    fn an_empty_token_is_filled() {
        let empty = secret(&json!({"kubernetes.io/service-account.name": "a"}), &json!({"own": "YQ=="}));
        let Some(Operation::Update(_, body)) = done(&account("1"), &empty) else { panic!() };
        let expected = json!({"ca.crt": "UEVN", "namespace": "bg==", "own": "YQ==", "token": "c2lnbmVk"});
        assert_eq!(body["data"], expected);
        assert_eq!(body["metadata"]["annotations"][UID_ANNOTATION], "1");
        let full = secret(&body["metadata"]["annotations"], &expected);
        assert_eq!(done(&account("1"), &full), None);
    }

    #[test]
    fn a_token_of_an_account_that_is_gone_is_deleted() {
        let named = secret(&json!({"kubernetes.io/service-account.name": "a"}), &json!({}));
        assert!(matches!(done(&json!([]), &named), Some(Operation::Delete(..))));
        let of_the_first =
            json!({"kubernetes.io/service-account.name": "a", "kubernetes.io/service-account.uid": "1"});
        assert!(matches!(
            done(&account("2"), &secret(&of_the_first, &json!({}))),
            Some(Operation::Delete(..))
        ));
    }

    #[test]
    fn other_secrets_are_left_alone() {
        let mut opaque = secret(&json!({"kubernetes.io/service-account.name": "a"}), &json!({}));
        opaque["type"] = "Opaque".into();
        assert_eq!(done(&json!([]), &opaque), None);
    }

    #[test]
    fn an_account_loses_its_reference_to_a_token_that_is_gone() {
        let account = json!({"metadata": {"name": "a"}, "secrets": [{"name": "t"}, {"name": "u"}]});
        let without = without_reference(&from_value(account).unwrap(), "t").unwrap();
        assert_eq!(json!(without.secrets), json!([{"name": "u"}]));
        assert_eq!(without_reference(&without, "t"), None);
    }
}
