//! What users bring: custom resources and their own types.

use steersman::core::api::Target;
use steersman::core::resource::GroupVersionResource;

use crate::story;

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

const BOAT: &str =
    "{apiVersion: harbour.example/v1, kind: Boat, metadata: {name: b}, spec: {length: 7, colour: red}}";

fn boats() -> Target {
    Target::all(GroupVersionResource::new("harbour.example", "v1", "boats")).in_namespace("default")
}

#[test]
fn a_custom_resource_is_pruned_defaulted_and_checked() {
    story(async |_, cluster| {
        cluster.apply(CRD).await.unwrap();
        cluster.settle().await.unwrap();
        cluster.apply(BOAT).await.unwrap();
        let boat = cluster.client().api().get(&boats().named("b"), &Default::default()).await.unwrap();
        let boat = boat.to_value().unwrap();
        assert_eq!(boat["spec"], serde_json::json!({"length": 7, "flag": "none"}));

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
