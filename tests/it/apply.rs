//! `Cluster::apply` is server-side apply.

use k8s_openapi::api::core::v1::ConfigMap;
use steersman::core::tree::json;
use steersman::prelude::*;

use crate::story;

fn map(data: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m}}, data: {data}}}")
}

async fn data(cluster: &Cluster) -> String {
    let map = cluster.api::<ConfigMap>().namespace("default").get("m").await.unwrap();
    let data = map.data.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    data.collect::<Vec<_>>().join(" ")
}

async fn set(cluster: &Cluster, key: &str, value: &str) {
    let patch = Patch::Merge(json!({"data": {key: value}}));
    cluster.api::<ConfigMap>().namespace("default").patch("m", patch).await.unwrap();
}

#[test]
fn what_a_manifest_gives_up_goes_and_what_others_set_stays() {
    story(async |_, cluster| {
        cluster.apply(&map("{a: one, b: two}")).await.unwrap();
        set(cluster, "c", "three").await;
        cluster.apply(&map("{a: one}")).await.unwrap();
        assert_eq!(data(cluster).await, "a=one c=three");
    });
}

#[test]
fn a_field_that_others_have_changed_is_a_conflict_until_it_is_taken_over() {
    story(async |_, cluster| {
        cluster.apply(&map("{a: one}")).await.unwrap();
        set(cluster, "a", "mine").await;
        let error = cluster.apply(&map("{a: two}")).await.unwrap_err();
        assert!(error.is_conflict() && error.message().contains(".data.a"), "{error}");
        assert_eq!(data(cluster).await, "a=mine");
        cluster.apply_forced(&map("{a: two}")).await.unwrap();
        assert_eq!(data(cluster).await, "a=two");
    });
}

#[test]
fn applying_the_same_again_writes_nothing() {
    story(async |_, cluster| {
        let first = cluster.apply(&map("{a: one}")).await.unwrap();
        let again = cluster.apply(&map("{a: one}")).await.unwrap();
        assert_eq!(first[0].resource_version(), again[0].resource_version());
    });
}

#[test]
fn an_object_without_a_name_is_refused() {
    story(async |_, cluster| {
        for (metadata, why) in [
            ("{}", "resource name may not be empty"),
            ("{generateName: m-}", "cannot use generate name with apply"),
        ] {
            let manifest = format!("{{apiVersion: v1, kind: ConfigMap, metadata: {metadata}}}");
            assert_eq!(cluster.apply(&manifest).await.unwrap_err().message(), why);
        }
    });
}
