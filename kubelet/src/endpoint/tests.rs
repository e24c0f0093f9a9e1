//! An endpoint over fake containers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use steersman_core::kubelet::{Kubelet, PodLogOptions};
use steersman_core::runtime::{ContainerConfig, PodSandboxConfig, Runtime, Said, Stdio};
use steersman_core::testing::{Lab, MemoryApi};
use steersman_core::tree::{from_value, json};

use super::Endpoint;
use crate::Fake;
use crate::fake::{Answer, Printed, Script};

fn pod(id: &str) -> Pod {
    let status = json!({"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": format!("fake://{id}"), "state": {"running": {}}});
    from_value(json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}, "status": {"containerStatuses": [status]},
    }))
    .unwrap()
}

/// The endpoint of a node with one pod that runs for a minute.
async fn story(lab: &Lab) -> (Endpoint, Pod) {
    let fake = Fake::new(&lab.env())
        .scripted(|_, _| Script {
            run: Some(Duration::from_secs(60)),
            prints: vec![Printed::line("up")],
            ..Script::default()
        })
        .answering(|_| Answer::failure(2, "no"))
        .serving(|_, port, input| (port == 80).then_some(input));
    let config = PodSandboxConfig { uid: "u".to_owned(), ..PodSandboxConfig::default() };
    let sandbox = fake.start_sandbox(config).await.unwrap();
    let config = ContainerConfig { name: "c".to_owned(), ..ContainerConfig::default() };
    let container = fake.start_container(&sandbox.id, config).await.unwrap();
    (Endpoint::new(&MemoryApi::default().client(), "n", Arc::new(fake)), pod(&container.id))
}

#[test]
fn a_log_is_followed_to_the_end_of_the_container() {
    let lab = Lab::new();
    lab.run(async {
        let (endpoint, pod) = story(&lab).await;
        let options = PodLogOptions { follow: true, ..PodLogOptions::default() };
        let text: Vec<Bytes> = endpoint.logs(&pod, "c", &options).await.unwrap().collect().await;
        assert_eq!((text.concat(), lab.env().elapsed()), (b"up\n".to_vec(), Duration::from_secs(60)));
        let previous = PodLogOptions { previous: true, ..PodLogOptions::default() };
        let error = endpoint.logs(&pod, "c", &previous).await.map(drop).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (400, "previous terminated container \"c\" in pod \"p\" not found")
        );
    });
}

#[test]
fn commands_run_in_containers_that_run() {
    let lab = Lab::new();
    lab.run(async {
        let (endpoint, pod) = story(&lab).await;
        let said: Vec<Said> = endpoint.exec(&pod, "c", &[], Stdio::output()).await.unwrap().collect().await;
        assert_eq!(said.last(), Some(&Said::Exited(2)));
        let said: Vec<Said> = endpoint.attach(&pod, "c", Stdio::output()).await.unwrap().collect().await;
        assert_eq!(said, [Said::Exited(0)]);
        let error = endpoint.exec(&pod, "c", &[], Stdio::output()).await.map(drop).unwrap_err();
        assert_eq!(error.message(), "container not found (\"c\")");
    });
}

#[test]
fn a_connection_goes_to_the_newest_sandbox() {
    let lab = Lab::new();
    lab.run(async {
        let (endpoint, pod) = story(&lab).await;
        let input = || stream::iter([Bytes::from_static(b"ping")]).boxed();
        let answer: Vec<Bytes> = endpoint.connect(&pod, 80, input()).await.unwrap().collect().await;
        assert_eq!(answer, ["ping"]);
        assert!(endpoint.connect(&pod, 81, input()).await.is_err());
        assert_eq!(endpoint.page("healthz").await.unwrap().unwrap().content, "ok");
        assert_eq!(endpoint.page("nothing").await.unwrap(), None);
    });
}
