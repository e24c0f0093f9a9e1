//! Roles decide what users may do, and the cluster's own parts get on with what theirs allow.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::ClusterRole;
use steersman::apiserver::User;
use steersman::apiserver::authenticate::{JwtKeys, ServiceAccounts};
use steersman::prelude::*;
use steersman::sim::Sim;

use crate::{apply_settled, deployment, get_deployment};

const VIEWER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
";

async fn start(sim: &Sim) -> Cluster {
    Cluster::builder().nodes(1).rbac().start(&sim.env()).await.expect("a node and roles are a valid cluster")
}

#[test]
fn a_deployment_becomes_ready_where_everybody_has_his_own_rights_only() {
    steersman::sim::check(1..=2, async |sim| {
        let cluster = start(sim).await;
        apply_settled(&cluster, &deployment("web", 2, "web:1")).await;
        let status = get_deployment(&cluster, "web").await.status.clone().unwrap();
        assert_eq!(status.ready_replicas, Some(2));
    });
}

#[test]
fn the_role_view_is_made_of_its_parts_and_shows_no_secrets() {
    steersman::sim::check(1..=2, async |sim| {
        let cluster = start(sim).await;
        apply_settled(&cluster, VIEWER).await;
        let view = cluster.api::<ClusterRole>().get("view").await.unwrap();
        assert!(!view.rules.as_deref().unwrap_or_default().is_empty());
        let alice = cluster.client_as(User::named("alice"));
        alice.namespaced::<ConfigMap>("default").list(&ListOptions::default()).await.unwrap();
        let refused =
            alice.namespaced::<ConfigMap>("kube-system").list(&ListOptions::default()).await.unwrap_err();
        assert_eq!(refused.code(), 403, "{refused}");
        let refused = alice.namespaced::<Secret>("default").list(&ListOptions::default()).await.unwrap_err();
        assert_eq!(
            refused.message(),
            "secrets is forbidden: User \"alice\" cannot list resource \"secrets\" in API group \"\" in the namespace \
             \"default\""
        );
    });
}

#[test]
fn a_secret_for_a_token_holds_one_that_the_server_knows() {
    steersman::sim::check(1..=1, async |sim| {
        let keys = JwtKeys::from_pem(include_bytes!("../golden/service-account.pem")).unwrap();
        let accounts = ServiceAccounts::new("https://kubernetes.default.svc", keys);
        let builder = Cluster::builder().rbac().service_accounts(accounts);
        let cluster = builder.start(&sim.env()).await.unwrap();
        cluster.settle().await.unwrap();
        let manifest = "{apiVersion: v1, kind: Secret, metadata: {name: t, namespace: default, annotations: \
                        {kubernetes.io/service-account.name: default}}, type: kubernetes.io/service-account-token}";
        apply_settled(&cluster, manifest).await;
        let secret = cluster.api::<Secret>().namespace("default").get("t").await.unwrap();
        let token = String::from_utf8(secret.data.as_ref().unwrap()["token"].0.clone()).unwrap();
        let request = http::Request::get("/api/v1/namespaces/default/configmaps")
            .header("Authorization", format!("Bearer {token}"))
            .body(bytes::Bytes::new())
            .unwrap();
        let answer = cluster.server().serve(request).await;
        assert_eq!(answer.status(), 403, "known, and without rights");
    });
}
