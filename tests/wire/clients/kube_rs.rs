//! kube-rs over the network.

use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, Config};
use serde_json::json;

use super::Served;

pub(crate) async fn client(served: &Served) -> Client {
    client_of(served.kubeconfig()).await
}

pub(crate) async fn client_of(kubeconfig: &str) -> Client {
    Client::try_from(config_of(kubeconfig).await).unwrap()
}

pub(crate) async fn config_of(kubeconfig: &str) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

fn map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": value}})).unwrap()
}

#[test]
fn objects_are_written_and_read() {
    let served = Served::start();
    served.runtime.block_on(async {
        let maps: Api<ConfigMap> = Api::namespaced(client(&served).await, "default");
        maps.create(&PostParams::default(), &map("a", "1")).await.unwrap();
        let twice = maps.create(&PostParams::default(), &map("a", "1")).await.unwrap_err();
        assert!(matches!(twice, kube::Error::Api(status) if status.reason == "AlreadyExists"));
        let patch = Patch::Merge(json!({"data": {"k": "2"}}));
        let patched = maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
        assert_eq!(patched.data.unwrap()["k"], "2");
        let names = maps.list_metadata(&ListParams::default()).await.unwrap();
        assert!(names.items.iter().any(|one| one.metadata.name.as_deref() == Some("a")));
    });
}

#[test]
fn a_reflector_follows() {
    let served = Served::start();
    served.runtime.block_on(async {
        let maps: Api<ConfigMap> = Api::namespaced(client(&served).await, "default");
        let (store, writer) = reflector::store();
        let events = watcher(maps.clone(), watcher::Config::default()).reflect(writer).applied_objects();
        let mut events = pin!(events);
        // What is there at first is in the store once all of it was listed.
        let listed = pin!(store.wait_until_ready());
        futures::future::select(listed, events.by_ref().for_each(|_| std::future::ready(()))).await;
        maps.create(&PostParams::default(), &map("b", "1")).await.unwrap();
        let mut seen =
            events.by_ref().try_filter(|one| std::future::ready(one.metadata.name.as_deref() == Some("b")));
        seen.next().await.unwrap().unwrap();
        assert!(store.state().iter().any(|one| one.metadata.name.as_deref() == Some("b")));
    });
}

#[test]
fn a_controller_reconciles() {
    let served = Served::start();
    served.runtime.block_on(async {
        let maps: Api<ConfigMap> = Api::namespaced(client(&served).await, "default");
        let seen = ListParams::default().labels("controlled=yes");
        let config = watcher::Config::default().labels("controlled=yes");
        let reconcile = |map: Arc<ConfigMap>, maps: Arc<Api<ConfigMap>>| async move {
            let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"seen": "yes"}});
            let params = PatchParams::apply("controller").force();
            maps.patch(map.metadata.name.as_deref().unwrap(), &params, &Patch::Apply(applied)).await?;
            Ok::<_, kube::Error>(Action::await_change())
        };
        let failed = |_: Arc<ConfigMap>, why: &kube::Error, _: Arc<Api<ConfigMap>>| panic!("{why}");
        let mut running =
            pin!(Controller::new(maps.clone(), config).run(reconcile, failed, Arc::new(maps.clone())));
        let mut map = map("c", "1");
        map.metadata.labels = Some([("controlled".to_owned(), "yes".to_owned())].into());
        maps.create(&PostParams::default(), &map).await.unwrap();
        running.next().await.unwrap().unwrap();
        assert_eq!(maps.list(&seen).await.unwrap().items[0].data.as_ref().unwrap()["seen"], "yes");
    });
}

#[test]
fn versions_are_told() {
    let served = Served::start();
    served.runtime.block_on(async {
        let client = client(&served).await;
        assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
        let groups = client.list_api_groups().await.unwrap();
        assert!(groups.groups.iter().any(|group| group.name == "apps"));
    });
}
