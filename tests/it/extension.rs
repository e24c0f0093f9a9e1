//! What users bring: custom resources, and controllers of their own.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use steersman::controllers::{Controller, Key, Outcome, Sources, View};
use steersman::core::api::Target;
use steersman::core::resource::GroupVersionResource;
use steersman::prelude::*;

use crate::story;

/// Every namespace has a ConfigMap named `welcome`.
struct Welcome;

impl Controller for Welcome {
    type Object = Namespace;
    const NAME: &'static str = "welcome";

    fn sources(&self) -> Sources {
        Sources::new().watches::<ConfigMap>(|_, change| vec![Key::new("", change.object().namespace())])
    }

    fn reconcile(&self, view: &View, namespace: &Namespace) -> Outcome {
        let mut outcome = Outcome::done();
        let name = namespace.metadata.name.clone().unwrap_or_default();
        if namespace.metadata.deletion_timestamp.is_none()
            && view.get::<ConfigMap>(&name, "welcome").is_none()
        {
            let mut welcome = ConfigMap::default();
            welcome.metadata.name = Some("welcome".to_owned());
            welcome.metadata.namespace = Some(name);
            outcome.create(&welcome);
        }
        outcome
    }
}

const CRD: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.harbour.example}
spec:
  group: harbour.example
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat, listKind: BoatList}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [length]
              properties:
                length: {type: integer, minimum: 1}
                flag: {type: string, default: none}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

const BOAT: &str = "{apiVersion: harbour.example/v1, kind: Boat, metadata: {name: b}, spec: {length: 7}}";

fn boats() -> Target {
    Target::all(GroupVersionResource::new("harbour.example", "v1", "boats")).in_namespace("default")
}

#[test]
fn a_custom_resource_is_pruned_defaulted_and_checked() {
    story(async |_, cluster| {
        cluster.apply(CRD).await.unwrap();
        cluster.settle().await.unwrap();
        let wanted = steersman::core::tree::json!({
            "apiVersion": "harbour.example/v1", "kind": "Boat", "metadata": {"name": "b"},
            "spec": {"length": 7, "colour": "red"},
        });
        cluster.client().api().create(&boats(), wanted, &Default::default()).await.unwrap();
        let boat = cluster.client().api().get(&boats().named("b"), &Default::default()).await.unwrap();
        let boat = boat.to_value().unwrap();
        assert_eq!(boat["spec"], steersman::core::tree::json!({"length": 7, "flag": "none"}));

        let error = cluster
            .apply(&BOAT.replace("length: 7", "length: 0").replace("name: b", "name: c"))
            .await
            .unwrap_err();
        assert_eq!(error.code(), 422);
        assert!(
            error.message().contains(
                "spec.length: Invalid value: 0: spec.length in body should be greater than or equal to 1"
            ),
            "{error}"
        );
    });
}

#[test]
fn deleting_the_definition_takes_the_instances_along() {
    story(async |_, cluster| {
        cluster.apply(CRD).await.unwrap();
        cluster.settle().await.unwrap();
        cluster.apply(BOAT).await.unwrap();
        let definition =
            Target::all(GroupVersionResource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions"));
        cluster
            .client()
            .api()
            .delete(&definition.named("boats.harbour.example"), &Default::default())
            .await
            .unwrap();
        cluster.settle().await.unwrap();
        let error = cluster.client().api().list(&boats(), &Default::default()).await.unwrap_err();
        assert!(error.is_not_found());
    });
}

#[test]
fn a_controller_of_ones_own_runs_among_the_others() {
    steersman::sim::check(1..=3, async |sim| {
        let cluster = Cluster::builder().controller(Welcome).start(&sim.env()).await.unwrap();
        cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}").await.unwrap();
        cluster.settle().await.unwrap();
        let maps = cluster.api::<ConfigMap>().namespace("shop");
        let first = maps.get("welcome").await.unwrap();
        maps.delete("welcome").await.unwrap();
        cluster.settle().await.unwrap();
        assert_ne!(maps.get("welcome").await.unwrap().metadata.uid, first.metadata.uid);
        cluster.api::<Namespace>().delete("shop").await.unwrap();
        sim.advance(std::time::Duration::from_secs(60)).await;
        assert!(cluster.api::<Namespace>().get_opt("shop").await.unwrap().is_none());
    });
}
