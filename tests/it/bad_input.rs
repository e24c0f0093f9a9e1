//! Bad input gets a `Status` that names the field, and nothing is stored.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use steersman::prelude::*;

use crate::story;

#[test]
fn bad_manifests_are_refused_with_the_field_at_fault() {
    let cases = [
        ("{apiVersion: v1, kind: Pod, metadata: {name: p}}", 422, "spec.containers: Required value"),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: P}, spec: {containers: [{name: c, image: i}]}}",
            422,
            "metadata.name: Invalid value: \"P\"",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: 7}]}}",
            500,
            "failed to create typed patch object (default/p; /v1, Kind=Pod): .spec.containers[name=\"c\"].image: \
             expected string, got &value.valueUnstructured{Value:7}",
        ),
        (
            "{apiVersion: v1, kind: Nothing, metadata: {name: p}}",
            404,
            "no matches for kind \"Nothing\" in version \"v1\"",
        ),
    ];
    story(async |_, cluster| {
        for (manifest, code, text) in cases {
            let error = cluster.apply(manifest).await.unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.message().contains(text), "{error}");
        }
        assert!(cluster.api::<Pod>().list(&ListOptions::default()).await.unwrap().is_empty());
    });
}

#[test]
fn oversized_objects_are_refused() {
    story(async |_, cluster| {
        let map = ConfigMap {
            metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                name: Some("big".to_owned()),
                ..Default::default()
            },
            data: Some([("k".to_owned(), "x".repeat(4 << 20))].into()),
            ..ConfigMap::default()
        };
        let error = cluster.api::<ConfigMap>().create(&map).await.unwrap_err();
        assert!(error.code() == 413 || error.code() == 422, "{error}");
        assert!(cluster.api::<ConfigMap>().namespace("default").get_opt("big").await.unwrap().is_none());
    });
}
