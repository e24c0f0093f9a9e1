//! kubectl's every day.

use super::Served;
use super::tool::Tool;

pub(crate) struct Kubectl<'a> {
    pub(crate) tool: Tool,
    pub(crate) _served: &'a Served,
}

impl Kubectl<'_> {
    /// What it prints.
    #[track_caller]
    pub(crate) fn ok(&self, words: &str) -> String {
        self.given(words, "")
    }

    #[track_caller]
    pub(crate) fn given(&self, words: &str, input: &str) -> String {
        let output = self.tool.run(&words.split(' ').collect::<Vec<_>>(), input);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {words}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Its exit code, and what it complains of.
    pub(crate) fn fails(&self, words: &str, input: &str) -> (Option<i32>, String) {
        let output = self.tool.run(&words.split(' ').collect::<Vec<_>>(), input);
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    }
}

fn story(name: &str, tell: impl Fn(&Kubectl<'_>)) {
    story_of(&Served::start(), name, tell);
}

/// A story in a cluster that is there already.
pub(crate) fn story_of(served: &Served, name: &str, tell: impl Fn(&Kubectl<'_>)) {
    if let Some(tool) = Tool::find("kubectl", name, served.kubeconfig()) {
        tell(&Kubectl { tool, _served: served });
    }
}

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"#;

#[track_caller]
pub(crate) fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in:\n{text}");
}

#[test]
fn kubectl_finds_its_way() {
    story("kubectl-discovery", |kubectl| {
        contains(&kubectl.ok("version"), "Server Version: v1.36.2");
        contains(&kubectl.ok("api-resources"), "deployments");
        contains(&kubectl.ok("api-versions"), "apps/v1");
        contains(&kubectl.ok("get --raw /readyz?verbose"), "readyz check passed");
        contains(&kubectl.ok("explain deployment.spec.replicas"), "<integer>");
        contains(&kubectl.ok("explain pod.spec.containers.imagePullPolicy"), "IfNotPresent");
        contains(&kubectl.ok("explain --recursive service.spec"), "externalTrafficPolicy");
        // The older document, which clients read as protobuf.
        contains(&kubectl.ok("explain pod.spec.containers.name --output=plaintext-openapiv2"), "DNS_LABEL");
        contains(&kubectl.ok("get --raw /statusz"), "kube-apiserver statusz");
        assert_eq!(kubectl.ok("auth can-i create pods"), "yes\n");
    });
}

#[test]
fn kubectl_applies_and_changes() {
    story("kubectl-apply", |kubectl| {
        assert_eq!(kubectl.given("apply -f -", WEB), "deployment.apps/web created\n");
        assert_eq!(kubectl.given("apply -f -", WEB), "deployment.apps/web unchanged\n");
        kubectl.ok("rollout status deployment/web --timeout=60s");
        contains(&kubectl.ok("get deployment web -o wide"), "web:1");
        contains(&kubectl.ok("get pods -l app=web -o name"), "pod/web-");
        contains(&kubectl.ok("describe deployment web"), "Replicas:");
        contains(&kubectl.ok("describe pods -l app=web"), "Controlled By:  ReplicaSet/web-");
        contains(&kubectl.ok("describe node node-1"), "Non-terminated Pods:");
        contains(&kubectl.ok("get all --all-namespaces"), "service/kubernetes");
        contains(
            &kubectl.ok("get deployments,pods -o json --show-managed-fields"),
            "kubectl-client-side-apply",
        );
        let changed = WEB.replace("web:1", "web:2");
        let (code, difference) = kubectl.fails("diff -f -", &changed);
        assert_eq!(code, Some(1), "{difference}");
        contains(&difference, "+      - image: web:2");
        kubectl.ok("scale deployment/web --replicas=3");
        kubectl.ok("rollout status deployment/web --timeout=60s");
        assert_eq!(kubectl.ok("get deployment web -o jsonpath={.status.readyReplicas}"), "3");
        kubectl.ok("set image deployment/web web=web:2");
        kubectl.ok("rollout status deployment/web --timeout=60s");
        contains(&kubectl.ok("rollout history deployment/web"), "2");
        kubectl.ok("rollout undo deployment/web");
        kubectl.ok("rollout status deployment/web --timeout=60s");
        contains(&kubectl.ok("get deployment web -o yaml"), "image: web:1");
        kubectl.ok("patch deployment web --type=merge -p {\"spec\":{\"paused\":true}}");
        kubectl.ok("label deployment web tier=front");
        kubectl.ok("annotate deployment web note=x");
        kubectl.given("apply --server-side --force-conflicts -f -", WEB);
        kubectl.ok("wait --for=condition=Available deployment/web --timeout=60s");
    });
}

#[test]
fn kubectl_edits() {
    let served = Served::start();
    let Some(mut tool) = Tool::find("kubectl", "kubectl-edit", served.kubeconfig()) else { return };
    tool.set("KUBE_EDITOR", "sed -i s/web:1/web:3/");
    let kubectl = Kubectl { tool, _served: &served };
    kubectl.given("apply -f -", WEB);
    assert_eq!(kubectl.ok("edit deployment web"), "deployment.apps/web edited\n");
    assert_eq!(kubectl.ok(&format!("get deployment web -o jsonpath={IMAGE}")), "web:3");
    kubectl.given("replace -f -", WEB);
    assert_eq!(kubectl.ok(&format!("get deployment web -o jsonpath={IMAGE}")), "web:1");
}

const IMAGE: &str = "{.spec.template.spec.containers[0].image}";

#[test]
fn kubectl_deletes_in_every_way() {
    story("kubectl-delete", |kubectl| {
        for (cascade, left) in [("foreground", false), ("background", false), ("orphan", true)] {
            kubectl.given("apply -f -", WEB);
            kubectl.ok("rollout status deployment/web --timeout=60s");
            kubectl.ok(&format!("delete deployment web --cascade={cascade} --timeout=60s"));
            if left {
                contains(&kubectl.ok("get replicasets -l app=web -o name"), "replicaset.apps/web-");
            } else {
                kubectl.ok("wait --for=delete pod -l app=web --timeout=60s");
            }
        }
        kubectl.ok("create namespace passing");
        kubectl.ok("-n passing create configmap a --from-literal=k=v");
        kubectl.ok("delete namespace passing --timeout=60s");
        contains(&kubectl.fails("get namespace passing", "").1, "NotFound");
    });
}

#[test]
fn kubectl_is_told_what_is_wrong() {
    story("kubectl-errors", |kubectl| {
        let (code, text) = kubectl.fails("apply -f -", &WEB.replace("replicas", "replicass"));
        assert_eq!(code, Some(1));
        contains(&text, "unknown field \"spec.replicass\"");
        let (_, text) = kubectl.fails("create -f -", "apiVersion: v1\nkind: Pod\nmetadata: {name: X}\n");
        contains(&text, "metadata.name: Invalid value: \"X\"");
        contains(&kubectl.fails("get pod none", "").1, "pods \"none\" not found");
        assert_eq!(kubectl.ok("auth whoami -o jsonpath={.status.userInfo.username}"), "kubernetes-admin");
    });
    let served = Served::start();
    let is_proof = |line: &&str| !line.trim_start().starts_with("client-");
    let config: Vec<&str> = served.kubeconfig().lines().filter(is_proof).collect();
    let Some(tool) = Tool::find("kubectl", "kubectl-nobody", &config.join("\n")) else { return };
    let nobody = Kubectl { tool, _served: &served };
    contains(&nobody.fails("--token=wrong get pods", "").1, "You must be logged in");
}
