//! Gives pods a service account, its token and its pull secrets.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1 as api;
use steersman_core::resource::GroupResource;
use steersman_core::tree::{Map, Value, json, to_value};
use steersman_core::{Env, Error, Result, field};

use super::mountable_secrets::{Mountable, names_a_secret};
use super::{Admission, Attributes, Operation};
use crate::fault;
use crate::tree::{Fill, Read, fields};

/// Marks the copy of a pod that a kubelet runs from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Where programs look for the token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the names of token volumes start with.
const VOLUME_PREFIX: &str = "kube-api-access-";

/// For how long a token is valid: an hour and a little, so that it can be told from one that was asked for.
const TOKEN_SECONDS: i64 = 3607;

const DEFAULT: &str = "default";

/// How often the account `default` is looked for.
const DEFAULT_ATTEMPTS: u32 = 10;

pub(super) struct ServiceAccount {
    env: Env,
}

impl ServiceAccount {
    pub(super) fn new(env: &Env) -> Self {
        ServiceAccount { env: env.child("ServiceAccount") }
    }
}

#[async_trait]
impl Admission for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        is_new(write) || is_joined(write)
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        if !is_new(write) {
            return Ok(());
        }
        if is_mirror(write) {
            return check_mirror(write);
        }
        let name = account_name(write);
        let account = self.account(write, &name).await?;
        let spec = fields(write.object).object("spec");
        if let Some(secrets) = &account.image_pull_secrets
            && !spec.has("imagePullSecrets")
        {
            spec.put("imagePullSecrets", to_value(secrets).map_err(Error::internal)?);
        }
        if wants_token(spec, &account) {
            self.mount(spec);
        }
        check_secrets(write, &account)
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        if is_new(write) && is_mirror(write) {
            return check_mirror(write);
        }
        let name = write.object.at("spec").text("serviceAccountName");
        if name.is_empty() {
            let pod = write.object.at("metadata").text("name");
            let why = format!("no service account specified for pod {}/{pod}", write.namespace);
            return Err(write.forbidden(why));
        }
        check_secrets(write, &*self.account(write, name).await?)
    }
}

/// Whether it is a new pod.
fn is_new(write: &Attributes<'_>) -> bool {
    write.is(Operation::Create, "", "pods")
}

/// Whether containers join a pod that is there.
fn is_joined(write: &Attributes<'_>) -> bool {
    write.operation == Operation::Update
        && write.subresource == "ephemeralcontainers"
        && write.is_about("", "pods")
}

fn is_mirror(write: &Attributes<'_>) -> bool {
    write.object.at("metadata").at("annotations").has(MIRROR)
}

/// Some accounts let their pods name no secrets but those that they list.
fn check_secrets(write: &Attributes<'_>, account: &api::ServiceAccount) -> Result<()> {
    if account.metadata.annotations.is_none() {
        return Ok(());
    }
    let account = to_value(account).map_err(Error::internal)?;
    let (spec, mountable) = (write.object.at("spec"), Mountable::of(&account));
    match (mountable, write.operation) {
        (None, _) => Ok(()),
        (Some(mountable), Operation::Create) => mountable.check_pod(spec).map_err(|why| write.forbidden(why)),
        (Some(mountable), _) => mountable.check_ephemeral(spec).map_err(fault::bare),
    }
}

/// The name of the pod's service account, which is `default` unless it names one.
fn account_name(write: &mut Attributes<'_>) -> String {
    let spec = fields(write.object).object("spec");
    if spec.text("serviceAccountName").is_empty() {
        spec.put("serviceAccountName", DEFAULT);
    }
    let name = spec.text("serviceAccountName").to_owned();
    spec.put("serviceAccount", name.as_str());
    name
}

/// The pod says whether it wants the token, else its account does, else it does.
fn wants_token(spec: &Map, account: &api::ServiceAccount) -> bool {
    let own = spec.at("automountServiceAccountToken").as_bool();
    own.or(account.automount_service_account_token).unwrap_or(true)
}

impl ServiceAccount {
    /// The pod's service account. A controller makes `default` in every namespace, so that one is waited for a little.
    async fn account(&self, write: &Attributes<'_>, name: &str) -> Result<Arc<api::ServiceAccount>> {
        let accounts = GroupResource::new("", "serviceaccounts");
        for attempt in 0..if name == DEFAULT { DEFAULT_ATTEMPTS } else { 1 } {
            if attempt > 0 {
                self.env.sleep(Duration::from_millis(100 + self.env.random_below(100))).await;
            }
            if let Some(account) = write.cluster.get(&accounts, write.namespace, name) {
                return account.decode();
            }
        }
        Err(write.forbidden(format!(
            "error looking up service account {}/{name}: serviceaccount {} not found",
            write.namespace,
            field::quote(name)
        )))
    }

    /// Mounts the token in every container that has nothing at its place.
    fn mount(&self, spec: &mut Map) {
        let existing =
            spec.items("volumes").iter().find(|volume| volume.text("name").starts_with(VOLUME_PREFIX));
        let existing = existing.map(|volume| volume.text("name").to_owned());
        let has_volume = existing.is_some();
        let name = existing.unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", self.env.name_suffix(5)));
        let mut needed = false;
        for list in ["initContainers", "containers"] {
            for container in spec.objects_mut(list) {
                let mounts = container.items("volumeMounts");
                if !mounts.iter().any(|mount| mount.text("mountPath") == MOUNT_PATH) {
                    needed = true;
                    let mount = json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH});
                    container.list("volumeMounts").push(mount);
                }
            }
        }
        if needed && !has_volume {
            spec.list("volumes").push(volume(&name));
        }
    }
}

/// A volume with the token, the certificate of the server and the namespace; but for the name all pods share it.
fn volume(name: &str) -> Value {
    static PROJECTED: LazyLock<Value> = LazyLock::new(|| {
        let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
        json!({
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
            ]
        })
    });
    json!({"name": name, "projected": PROJECTED.clone()})
}

/// A mirror pod may use no account and no secret, for its kubelet runs it without the API.
fn check_mirror(write: &Attributes<'_>) -> Result<()> {
    let spec = write.object.at("spec");
    if !spec.text("serviceAccountName").is_empty() {
        return Err(write.forbidden("a mirror pod may not reference service accounts"));
    }
    if names_a_secret(spec) {
        return Err(write.forbidden("a mirror pod may not reference secrets"));
    }
    let mut sources = spec.items("volumes").iter().flat_map(|volume| volume.at("projected").items("sources"));
    if sources.any(|source| source.has("serviceAccountToken")) {
        return Err(write.forbidden("a mirror pod may not use ServiceAccountToken volume projections"));
    }
    Ok(())
}
