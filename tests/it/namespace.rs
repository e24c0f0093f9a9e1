//! Namespaces: emptied before they go, and closed meanwhile.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use steersman::prelude::*;

use crate::story;

const SHOP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop, finalizers: [example.com/hold]}
";

#[test]
fn every_namespace_has_a_default_service_account() {
    story(async |_, cluster| {
        cluster.apply(SHOP).await.unwrap();
        cluster.settle().await.unwrap();
        let accounts = cluster.api::<ServiceAccount>().namespace("shop");
        let first = accounts.get("default").await.unwrap();
        accounts.delete("default").await.unwrap();
        cluster.settle().await.unwrap();
        assert_ne!(accounts.get("default").await.unwrap().metadata.uid, first.metadata.uid);
    });
}

#[test]
fn a_namespace_goes_once_it_is_empty_and_takes_nothing_new_meanwhile() {
    story(async |sim, cluster| {
        cluster.apply(SHOP).await.unwrap();
        cluster.settle().await.unwrap();
        cluster.api::<Namespace>().delete("shop").await.unwrap();
        cluster.settle().await.unwrap();

        let refused =
            cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: shop}}").await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), 403);
        assert!(
            refused
                .message()
                .ends_with("unable to create new content in namespace shop because it is being terminated")
        );

        let release = Patch::Merge(steersman::core::tree::json!({"metadata": {"finalizers": null}}));
        cluster.api::<ConfigMap>().namespace("shop").patch("a", release).await.unwrap();
        sim.advance(std::time::Duration::from_secs(60)).await;
        assert!(cluster.api::<Namespace>().get_opt("shop").await.unwrap().is_none());
    });
}
