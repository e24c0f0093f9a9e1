//! Decides which secrets pods may name whose service account lists those that it knows.

use steersman_core::tree::Value;

use crate::tree::Read;

/// Where a service account says that the secrets that it does not list are not for its pods.
const ANNOTATION: &str = "kubernetes.io/enforce-mountable-secrets";

/// What a service account allows its pods; nothing if it lets them name any secret.
pub(super) struct Mountable<'a> {
    account: &'a Value,
}

impl<'a> Mountable<'a> {
    pub(super) fn of(account: &'a Value) -> Option<Self> {
        let value = account.at("metadata").at("annotations").text(ANNOTATION);
        // What Go's `strconv.ParseBool` takes for true.
        let is_enforced = ["1", "t", "T", "TRUE", "true", "True"].contains(&value);
        is_enforced.then_some(Mountable { account })
    }

    /// What a new pod names that it may not.
    pub(super) fn check_pod(&self, spec: &impl Read) -> Result<(), String> {
        for volume in spec.items("volumes").iter().filter(|volume| volume.has("secret")) {
            let name = volume.at("secret").text("secretName");
            if !self.lists("secrets", name) {
                return Err(self.refusal("volume with", name));
            }
        }
        self.check_containers(spec, "initContainers", "init container")?;
        self.check_containers(spec, "containers", "container")?;
        for (index, secret) in spec.items("imagePullSecrets").iter().enumerate() {
            let name = secret.text("name");
            if !self.lists("imagePullSecrets", name) {
                let account = self.name();
                return Err(format!(
                    "imagePullSecrets[{index}].name=\"{name}\" is not allowed because service account {account} does \
                     not reference that imagePullSecret"
                ));
            }
        }
        Ok(())
    }

    /// What the ephemeral containers of a pod name that they may not.
    pub(super) fn check_ephemeral(&self, spec: &impl Read) -> Result<(), String> {
        self.check_containers(spec, "ephemeralContainers", "ephemeral container")
    }

    fn check_containers(&self, spec: &impl Read, list: &str, what: &str) -> Result<(), String> {
        for container in spec.items(list) {
            let who = format!("{what} {}", container.text("name"));
            for variable in container.items("env") {
                let reference = variable.at("valueFrom").at("secretKeyRef");
                if !reference.is_null() && !self.lists("secrets", reference.text("name")) {
                    let start = format!("{who} with envVar {} referencing", variable.text("name"));
                    return Err(self.refusal(&start, reference.text("name")));
                }
            }
            for source in container.items("envFrom").iter().map(|source| source.at("secretRef")) {
                if !source.is_null() && !self.lists("secrets", source.text("name")) {
                    return Err(self.refusal(&format!("{who} with envFrom referencing"), source.text("name")));
                }
            }
        }
        Ok(())
    }

    fn lists(&self, list: &str, name: &str) -> bool {
        self.account.items(list).iter().any(|secret| secret.text("name") == name)
    }

    fn name(&self) -> &str {
        self.account.at("metadata").text("name")
    }

    fn refusal(&self, start: &str, name: &str) -> String {
        let account = self.name();
        format!(
            "{start} secret.secretName=\"{name}\" is not allowed because service account {account} does not reference \
             that secret"
        )
    }
}

/// Where volumes name secrets: the kind of the volume, and the field in which the reference is.
const IN_VOLUMES: [(&str, &str, &str); 10] = [
    ("azureFile", "", "secretName"),
    ("cephfs", "secretRef", "name"),
    ("cinder", "secretRef", "name"),
    ("flexVolume", "secretRef", "name"),
    ("rbd", "secretRef", "name"),
    ("secret", "", "secretName"),
    ("scaleIO", "secretRef", "name"),
    ("iscsi", "secretRef", "name"),
    ("storageos", "secretRef", "name"),
    ("csi", "nodePublishSecretRef", "name"),
];

/// Whether a pod names a secret anywhere.
pub(super) fn names_a_secret(spec: &Value) -> bool {
    let has = |value: &Value, field: &str| !value.text(field).is_empty();
    let in_volume = |volume: &Value| {
        IN_VOLUMES.iter().any(|(kind, reference, field)| {
            let source = volume.at(kind);
            has(if reference.is_empty() { source } else { source.at(reference) }, field)
        }) || volume.at("projected").items("sources").iter().any(|source| has(source.at("secret"), "name"))
    };
    let in_container = |container: &Value| {
        container.items("env").iter().any(|env| has(env.at("valueFrom").at("secretKeyRef"), "name"))
            || container.items("envFrom").iter().any(|source| has(source.at("secretRef"), "name"))
    };
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    spec.items("imagePullSecrets").iter().any(|secret| has(secret, "name"))
        || spec.items("volumes").iter().any(in_volume)
        || containers.iter().flat_map(|list| spec.items(list)).any(in_container)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    fn account(enforced: &str) -> Value {
        json!({
            "metadata": {"name": "a", "annotations": {ANNOTATION: enforced}},
            "secrets": [{"name": "known"}],
            "imagePullSecrets": [{"name": "puller"}],
        })
    }

    #[test]
    fn pods_name_the_secrets_that_their_account_lists() {
        let env = |name: &str| json!({"name": "c", "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": name}}}]});
        let from = |name: &str| json!({"name": "c", "envFrom": [{"secretRef": {"name": name}}]});
        let end = "is not allowed because service account a does not reference that";
        let cases = [
            (json!({"volumes": [{"secret": {"secretName": "known"}}]}), String::new()),
            (
                json!({"volumes": [{"secret": {"secretName": "x"}}]}),
                format!("volume with secret.secretName=\"x\" {end} secret"),
            ),
            (
                json!({"initContainers": [env("x")]}),
                format!("init container c with envVar E referencing secret.secretName=\"x\" {end} secret"),
            ),
            (
                json!({"containers": [env("known"), from("x")]}),
                format!("container c with envFrom referencing secret.secretName=\"x\" {end} secret"),
            ),
            (
                json!({"imagePullSecrets": [{"name": "puller"}, {"name": "known"}]}),
                format!("imagePullSecrets[1].name=\"known\" {end} imagePullSecret"),
            ),
        ];
        let account = account("true");
        for (spec, why) in cases {
            let told = Mountable::of(&account).unwrap().check_pod(&spec).err().unwrap_or_default();
            assert_eq!(told, why, "{spec}");
        }
        let ephemeral = json!({"ephemeralContainers": [env("x")]});
        let told = Mountable::of(&account).unwrap().check_ephemeral(&ephemeral).unwrap_err();
        assert!(told.starts_with("ephemeral container c with envVar E"), "{told}");
    }

    #[test]
    fn an_account_that_does_not_ask_for_it_lets_every_secret_be_named() {
        for value in ["", "false", "yes"] {
            assert!(Mountable::of(&account(value)).is_none(), "{value}");
        }
    }

    #[test]
    fn secrets_are_found_wherever_they_are_named() {
        let cases = [
            (json!({"imagePullSecrets": [{"name": "x"}]}), true),
            (json!({"volumes": [{"csi": {"nodePublishSecretRef": {"name": "x"}}}]}), true),
            (json!({"volumes": [{"projected": {"sources": [{"secret": {"name": "x"}}]}}]}), true),
            (
                json!({"volumes": [{"persistentVolumeClaim": {"claimName": "x"}}, {"configMap": {"name": "x"}}]}),
                false,
            ),
        ];
        for (spec, found) in cases {
            assert_eq!(names_a_secret(&spec), found, "{spec}");
        }
    }
}
