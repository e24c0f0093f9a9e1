//! Publishes the cluster's certificate authority into every active namespace, as the ConfigMap `kube-root-ca.crt`.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>, "bound service account tokens".

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use steersman_core::cache::Change;

use crate::namespace::is_active;
use crate::{Controller, Key, Outcome, Sources, View};

const NAME: &str = "kube-root-ca.crt";
const FIELD: &str = "ca.crt";
const DESCRIPTION_ANNOTATION: &str = "kubernetes.io/description";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                           endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                           guaranteed across distributions of Kubernetes clusters.";

/// Keeps `kube-root-ca.crt` as it should be: exactly the certificate, and a description.
#[derive(Clone, Debug)]
pub struct RootCa {
    certificate: String,
}

impl RootCa {
    /// Publishes this certificate (PEM); upstream's `--root-ca-file`.
    pub fn new(certificate: impl Into<String>) -> Self {
        RootCa { certificate: certificate.into() }
    }

    fn data(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(FIELD.to_owned(), self.certificate.clone())])
    }

    fn is_right(&self, map: &ConfigMap) -> bool {
        let described = map.metadata.annotations.as_ref().and_then(|all| all.get(DESCRIPTION_ANNOTATION));
        map.data.as_ref() == Some(&self.data()) && described.is_some_and(|text| !text.is_empty())
    }
}

impl Controller for RootCa {
    type Object = Namespace;

    const NAME: &'static str = "root-ca-certificate-publisher";

    fn sources(&self) -> Sources {
        Sources::new().watches::<ConfigMap>(|_, change| match change {
            Change::Added(_) => Vec::new(),
            Change::Modified { new: map, .. } | Change::Deleted(map) if map.name() == NAME => {
                vec![Key::new("", map.namespace())]
            }
            Change::Modified { .. } | Change::Deleted(_) => Vec::new(),
        })
    }

    fn reconcile(&self, view: &View, namespace: &Namespace) -> Outcome {
        let mut outcome = Outcome::done();
        if !is_active(namespace) {
            return outcome;
        }
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let present = view.get::<ConfigMap>(name, NAME);
        if present.as_ref().is_some_and(|map| self.is_right(map)) {
            return outcome;
        }
        let mut wanted = present.as_deref().cloned().unwrap_or_else(|| absent(name));
        wanted.data = Some(self.data());
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        annotations.insert(DESCRIPTION_ANNOTATION.to_owned(), DESCRIPTION.to_owned());
        if present.is_some() {
            outcome.update(&wanted);
        } else {
            outcome.create(&wanted);
        }
        outcome
    }
}

fn absent(namespace: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use steersman_core::tree::{Value, from_value, json};

    use super::*;
    use crate::runner::Operation;

    /// What is written for a ConfigMap in the namespace, if anything.
    fn written(phase: &str, map: Option<Value>) -> Option<Operation> {
        let maps: Vec<ConfigMap> = map.into_iter().map(|map| from_value(map).unwrap()).collect();
        let view = View::fixed(Timestamp::UNIX_EPOCH).with(&maps);
        let namespace = json!({"metadata": {"name": "a"}, "status": {"phase": phase}});
        let outcome = RootCa::new("PEM").reconcile(&view, &from_value(namespace).unwrap());
        outcome.actions().first().map(|action| action.operation.clone())
    }

    fn map(data: &Value, annotations: &Value, labels: &Value) -> Value {
        let metadata = json!({"name": NAME, "namespace": "a", "annotations": annotations, "labels": labels});
        json!({"metadata": metadata, "data": data})
    }

    #[test]
    fn a_missing_certificate_is_published() {
        let Some(Operation::Create(target, body)) = written("Active", None) else { panic!() };
        assert_eq!((target.namespace.as_str(), &body["data"]), ("a", &json!({"ca.crt": "PEM"})));
        assert_eq!(body["metadata"]["annotations"][DESCRIPTION_ANNOTATION], DESCRIPTION);
        assert_eq!(written("Terminating", None), None);
    }

    #[test]
    fn changed_data_is_put_right() {
        let changed = map(&json!({"ca.crt": "changed", "extra": "1"}), &json!({}), &json!({}));
        let Some(Operation::Update(_, body)) = written("Active", Some(changed)) else { panic!() };
        assert_eq!(body["data"], json!({"ca.crt": "PEM"}));
    }

    #[test]
    fn a_removed_description_comes_back_and_labels_stay() {
        let bare = map(&json!({"ca.crt": "PEM"}), &json!(null), &json!({"a": "b"}));
        let Some(Operation::Update(_, body)) = written("Active", Some(bare)) else { panic!() };
        assert_eq!(body["metadata"]["annotations"][DESCRIPTION_ANNOTATION], DESCRIPTION);
        assert_eq!(body["metadata"]["labels"], json!({"a": "b"}));
    }

    #[test]
    fn another_description_is_the_users_own() {
        let own = json!({"kubernetes.io/description": "mine"});
        assert_eq!(written("Active", Some(map(&json!({"ca.crt": "PEM"}), &own, &json!({})))), None);
    }
}
