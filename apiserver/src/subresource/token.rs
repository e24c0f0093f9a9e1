//! `token`: a token for a service account, for some audiences, for some time, bound to an object.

use async_trait::async_trait;
use jiff::SignedDuration;
use steersman_core::api::Target;
use steersman_core::error::Reason;
use steersman_core::field::{Error as FieldError, Path};
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource};
use steersman_core::tree::{Value, json};
use steersman_core::{Error, Object, Result, field};

use super::{Call, Subresource, parent};
use crate::authenticate::accounts::{Bound, Claims, ServiceAccounts};
use crate::moment;
use crate::tree::{Fill, Read, fields};

/// The life of a token whose asker does not say, in seconds.
const LIFE_SECONDS: i64 = 3600;

/// The shortest life of a token, in seconds.
const MIN_SECONDS: i64 = 600;

/// The longest life of a token, in seconds.
const MAX_SECONDS: i64 = 1 << 32;

/// The life that the projected tokens of pods ask for. They get a year, and a note from when on they are out of date,
/// because old clients do not read them again.
const PROJECTED_SECONDS: i64 = 3607;

const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Issues tokens.
pub(super) struct Tokens(pub(super) Option<ServiceAccounts>);

#[async_trait]
impl Subresource for Tokens {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "serviceaccounts")
    }

    fn name(&self) -> &'static str {
        "token"
    }

    fn default(&self, body: &mut Value) {
        fields(body).object("spec").fill("expirationSeconds", LIFE_SECONDS);
    }

    fn owns_fields(&self) -> bool {
        true
    }

    async fn create(&self, call: &dyn Call, mut body: Value) -> Result<Option<Value>> {
        let Some(accounts) = &self.0 else {
            return Err(Error::not_implemented(
                "this server has no key to sign the tokens of service accounts",
            ));
        };
        let Target { namespace, name, .. } = call.target();
        check_place(&body, namespace, name)?;
        let account = call.get(&parent(call)).await?;
        check_account(&body, &account)?;
        complete(&mut body, &account, accounts, call.context().now);
        check_life(&body)?;
        let bound = bound(call, body.at("spec").at("boundObjectRef"), name).await?;
        let token = sign(accounts, call, &account, &body, bound)?;
        let seconds = seconds(&body);
        let expires =
            call.context().now.saturating_add(SignedDuration::from_secs(seconds)).map_err(Error::internal)?;
        body["status"] = json!({"token": token, "expirationTimestamp": moment::seconds(expires)});
        Ok(Some(body))
    }
}

fn seconds(request: &Value) -> i64 {
    request.at("spec").int("expirationSeconds").unwrap_or_default()
}

/// A request may repeat whom it is for, and must not say otherwise.
fn check_place(request: &Value, namespace: &str, name: &str) -> Result<()> {
    let (metadata, at) = (request.at("metadata"), Path::new("metadata"));
    for (field, wanted) in [("name", name), ("namespace", namespace)] {
        let given = metadata.text(field);
        if !given.is_empty() && given != wanted {
            let why = format!("must match the service account {field} if specified");
            return Err(invalid(name, FieldError::invalid(&at.child(field), given, why)));
        }
    }
    Ok(())
}

/// A request may say which account of the name it means.
fn check_account(request: &Value, account: &Object) -> Result<()> {
    let (wanted, found) = (request.at("metadata").text("uid"), account.uid());
    if wanted.is_empty() || wanted == found {
        return Ok(());
    }
    let why = format!(
        "the UID in the token request ({wanted}) does not match the UID of the service account ({found})"
    );
    Err(Error::conflict(&GroupResource::new("authentication.k8s.io", "TokenRequest"), account.name(), why))
}

fn invalid(name: &str, error: FieldError) -> Error {
    Error::invalid(&GroupVersionKind::new("authentication.k8s.io", "v1", "TokenRequest"), name, &[error])
}

/// Fills in whom the request is for.
fn complete(request: &mut Value, account: &Object, accounts: &ServiceAccounts, now: jiff::Timestamp) {
    let request = fields(request);
    let metadata = request.object("metadata");
    metadata.put("name", account.name());
    metadata.put("namespace", account.namespace());
    metadata.put("uid", account.uid());
    metadata.put("creationTimestamp", moment::seconds(now));
    let spec = request.object("spec");
    if spec.items("audiences").is_empty() {
        spec.put("audiences", accounts.own_audiences().to_vec());
    }
}

fn check_life(request: &Value) -> Result<()> {
    let spec = Path::new("spec");
    let (at, seconds) = (spec.child("expirationSeconds"), seconds(request));
    if seconds < MIN_SECONDS {
        let why = "may not specify a duration less than 10 minutes";
        return Err(invalid("", FieldError::invalid(&at, seconds, why)));
    }
    if seconds > MAX_SECONDS {
        let why = "may not specify a duration larger than 2^32 seconds";
        return Err(invalid("", FieldError::invalid(&at, seconds, why)));
    }
    Ok(())
}

/// The objects that the token is bound to: the one that is named, and the node of a pod.
async fn bound(call: &dyn Call, reference: &Value, account: &str) -> Result<Vec<Bound>> {
    if reference.is_null() {
        return Ok(Vec::new());
    }
    let (group, version) = group_version(reference.text("apiVersion"));
    let (kind, resource) = match (group, reference.text("kind")) {
        ("", "Pod") => ("pod", "pods"),
        ("", "Node") => ("node", "nodes"),
        ("", "Secret") => ("secret", "secrets"),
        (_, kind) => {
            let why = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            return Err(Error::bad_request(why));
        }
    };
    let object = get(call, resource, reference.text("name")).await?;
    let mut bound = vec![Bound { kind, name: object.name().to_owned(), uid: object.uid().to_owned() }];
    if kind == "pod" {
        bound.extend(node_of(call, &object, account).await?);
    }
    check_uid(reference, &object)?;
    Ok(bound)
}

/// The group and the version of an `apiVersion`; of one that is none, nothing is left.
fn group_version(api_version: &str) -> (&str, &str) {
    match api_version.matches('/').count() {
        0 => ("", api_version),
        1 => api_version.split_once('/').unwrap_or_default(),
        _ => ("", ""),
    }
}

async fn get(call: &dyn Call, resource: &'static str, name: &str) -> Result<Object> {
    let namespace = if resource == "nodes" { "" } else { call.target().namespace.as_str() };
    call.get(&Target::all(GroupVersionResource::new("", "v1", resource)).in_namespace(namespace).named(name))
        .await
}

/// The node that a pod is on, if any; 400 if the pod is another account's.
async fn node_of(call: &dyn Call, pod: &Object, account: &str) -> Result<Option<Bound>> {
    let tree = pod.to_value()?;
    if tree.at("spec").text("serviceAccountName") != account {
        let account = field::quote(account);
        return Err(Error::bad_request(format!(
            "cannot bind token for serviceaccount {account} to pod running with different serviceaccount name."
        )));
    }
    let name = tree.at("spec").text("nodeName").to_owned();
    if name.is_empty() {
        return Ok(None);
    }
    let uid = match get(call, "nodes", &name).await {
        Ok(node) => node.uid().to_owned(),
        Err(error) if error.reason() == Reason::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    Ok(Some(Bound { kind: "node", name, uid }))
}

fn check_uid(reference: &Value, object: &Object) -> Result<()> {
    let uid = reference.text("uid");
    if uid.is_empty() || uid == object.uid() {
        return Ok(());
    }
    let kind = GroupResource::new("", reference.text("kind").to_owned());
    let why = format!(
        "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been \
         deleted and then recreated"
    );
    Err(Error::conflict(&kind, object.name(), why))
}

fn sign(
    accounts: &ServiceAccounts,
    call: &dyn Call,
    account: &Object,
    request: &Value,
    bound: Vec<Bound>,
) -> Result<String> {
    let audiences: Vec<String> = request.at("spec").texts("audiences").map(str::to_owned).collect();
    let seconds = seconds(request);
    let is_ours = audiences.iter().all(|audience| accounts.own_audiences().contains(audience));
    let is_projected =
        seconds == PROJECTED_SECONDS && is_ours && bound.first().is_some_and(|bound| bound.kind == "pod");
    accounts.sign(&Claims {
        namespace: account.namespace(),
        name: account.name(),
        uid: account.uid(),
        audiences: &audiences,
        id: call.new_uid(),
        now: call.context().now,
        lifetime_seconds: if is_projected { YEAR_SECONDS } else { seconds },
        warn_after_seconds: is_projected.then_some(seconds),
        bound,
    })
}
