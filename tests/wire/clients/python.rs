//! Python's `kubernetes` client.

use super::Served;
use super::tool::Tool;

const STORY: &str = r#"
import os
from kubernetes import client, config, watch

config.load_kube_config(os.environ["KUBECONFIG"])
core, apps = client.CoreV1Api(), client.AppsV1Api()
assert client.VersionApi().get_code().minor == "36"

core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"k": "1"}})
core.patch_namespaced_config_map("a", "default", {"data": {"k": "2"}})
assert core.read_namespaced_config_map("a", "default").data == {"k": "2"}
try:
    core.read_namespaced_config_map("none", "default")
    raise SystemExit("there is no such object")
except client.ApiException as error:
    assert error.status == 404 and '"reason":"NotFound"' in error.body, error

listed = core.list_namespaced_config_map("default")
changes = watch.Watch()
core.create_namespaced_config_map("default", {"metadata": {"name": "b"}})
since = listed.metadata.resource_version
for event in changes.stream(core.list_namespaced_config_map, "default", resource_version=since, timeout_seconds=30):
    if event["object"].metadata.name == "b":
        changes.stop()

labels = {"app": "web"}
template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
apps.create_namespaced_deployment("default", {"metadata": {"name": "web"}, "spec": spec})
apps.patch_namespaced_deployment_scale("web", "default", {"spec": {"replicas": 2}})
assert apps.read_namespaced_deployment("web", "default").spec.replicas == 2
apps.delete_namespaced_deployment("web", "default")
print("done")
"#;

#[test]
fn the_python_client_works() {
    let served = Served::start();
    let Some(python) = Tool::find("python3", "python", served.kubeconfig()) else { return };
    if !python.run(&["-c", "import kubernetes"], "").status.success() {
        println!("Python's kubernetes is not installed: the story is left out");
        return;
    }
    let output = python.run(&["-c", STORY], "");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}
