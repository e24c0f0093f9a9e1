//! What the stand-in for kube-apiserver makes of its flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use steersman::apiserver::listener::{Access, Authority, Certified, kubeconfig};
use steersman::core::tree::{Value, json};

use super::page::Page;
use super::{Program, ask, directory, kubectl, steersman, try_ask};

/// A stand-in without controllers, and the authority that its certificate, and those of its clients, are from.
struct Stand {
    directory: PathBuf,
    authority: Authority,
    program: Program,
    address: std::net::SocketAddr,
}

impl Stand {
    fn start(name: &str, flags: &[String]) -> Self {
        let directory = directory(name);
        let authority = Authority::new("stand", Timestamp::now()).unwrap();
        let Certified { certificate_pem, key_pem } =
            authority.serving(&["localhost"], &[[127, 0, 0, 1].into()]).unwrap();
        let files = [
            ("server.crt", certificate_pem),
            ("server.key", key_pem),
            ("ca.crt", authority.certificate_pem().to_owned()),
        ];
        let [certificate, key, ca] = files.map(|(file, pem)| {
            let file = directory.join(file);
            fs::write(&file, pem).unwrap();
            file.display().to_string()
        });
        let own = [
            "kube-apiserver".to_owned(),
            "--secure-port=0".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--controllers=-*".to_owned(),
            format!("--tls-cert-file={certificate}"),
            format!("--tls-private-key-file={key}"),
            format!("--client-ca-file={ca}"),
        ];
        let all: Vec<&str> = own.iter().chain(flags).map(String::as_str).collect();
        let mut program = Program::start(steersman(), &all);
        let address = program.line().replace("ready: https://", "").parse().unwrap();
        Stand { directory, authority, program, address }
    }

    /// A kubeconfig by which somebody gets there.
    fn config(&self, name: &str, access: &Access) -> PathBuf {
        let file = self.directory.join(name);
        fs::write(&file, kubeconfig(self.address, &self.authority, access)).unwrap();
        file
    }

    fn of_user(&self, user: &str) -> PathBuf {
        let certificate = self.authority.client(user, "").unwrap();
        self.config(user, &Access::Certificate(certificate))
    }
}

/// A webhook, what it was asked, and the flag of a kubeconfig that leads there.
fn webhook(
    folder: &Path,
    flag: &str,
    answer: impl Fn(&Value) -> Value + Send + 'static,
) -> (Page, Arc<Mutex<Vec<Value>>>, String) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let page = Page::serve("127.0.0.1:0", move |question| {
        let question: Value = serde_json::from_str(&question.body).unwrap();
        let status = answer(&question["spec"]);
        log.lock().unwrap().push(question);
        (200, json!({"status": status}).to_string())
    });
    let cluster = json!({"name": "hook", "cluster": {"server": format!("http://{}/ask", page.address)}});
    let context = json!({"name": "hook", "context": {"cluster": "hook", "user": "server"}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context],
        "users": [{"name": "server", "user": {}}], "current-context": "hook",
    });
    let file = folder.join(format!("{flag}.json"));
    fs::write(&file, config.to_string()).unwrap();
    (page, asked, format!("--{flag}={}", file.display()))
}

/// About whom there were questions, in order: but for those about paths, as some clients ask for the version first.
fn users(asked: &Mutex<Vec<Value>>) -> Vec<String> {
    let asked = asked.lock().unwrap();
    let specs =
        asked.iter().map(|question| &question["spec"]).filter(|spec| spec["resourceAttributes"].is_object());
    specs.map(|spec| spec["user"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn webhooks_say_whose_a_token_is_and_what_its_owner_may_do() {
    let Some(kubectl) = kubectl() else { return };
    let folder = directory("stand-in-webhooks-files");
    let (_tokens, tokens, token_flag) =
        webhook(&folder, "authentication-token-webhook-config-file", |spec| {
            let known = spec["token"] == "secret";
            json!({"authenticated": known, "user": {"username": "ann", "groups": ["dev"]}})
        });
    let (_rights, rights, right_flag) = webhook(&folder, "authorization-webhook-config-file", |spec| {
        let is_secret = spec["resourceAttributes"]["resource"] == "secrets";
        json!({"allowed": !is_secret, "reason": if is_secret { "not these" } else { "" }})
    });
    let flags = [
        token_flag,
        "--authentication-token-webhook-version=v1".to_owned(),
        "--authentication-token-webhook-cache-ttl=1h0m0s".to_owned(),
        right_flag,
        "--authorization-mode=Webhook".to_owned(),
        "--authorization-webhook-cache-unauthorized-ttl=0".to_owned(),
    ];
    let stand = Stand::start("stand-in-webhooks", &flags);
    let ann = stand.config("ann", &Access::Token("secret".to_owned()));
    let list = |config: &Path, what: &str| try_ask(&kubectl, config, &format!("get --raw /api/v1/{what}"));
    assert!(list(&ann, "configmaps").unwrap().contains("ConfigMapList"));
    for _ in 0..2 {
        let refused = list(&ann, "secrets").unwrap_err();
        assert!(refused.contains("User \"ann\" cannot list resource \"secrets\""), "{refused}");
        assert!(refused.contains("at the cluster scope: not these"), "{refused}");
    }
    let stranger = stand.config("stranger", &Access::Token("other".to_owned()));
    assert!(list(&stranger, "configmaps").unwrap_err().contains("must be logged in"));
    // Whoever shows a certificate is known without a token.
    assert!(list(&stand.of_user("bob"), "configmaps").is_ok());

    let asked = tokens.lock().unwrap();
    assert_eq!(asked[0]["apiVersion"], "authentication.k8s.io/v1");
    assert_eq!(asked.iter().filter(|question| question["spec"]["token"] == "secret").count(), 1);
    // What is not allowed is asked anew, as it was said that it is not to be kept.
    assert_eq!(users(&rights), ["ann", "ann", "ann", "bob"]);
    assert_eq!(rights.lock().unwrap()[0]["apiVersion"], "authorization.k8s.io/v1beta1");
    assert!(stand.program.stop().1);
}

#[test]
fn pods_are_told_the_address_that_is_advertised() {
    let Some(kubectl) = kubectl() else { return };
    let stand = Stand::start("stand-in-advertises", &["--advertise-address=192.0.2.7".to_owned()]);
    let endpoints = "get endpointslices -n default -l kubernetes.io/service-name=kubernetes -o";
    let address = format!("{endpoints} jsonpath={{.items[0].endpoints[0].addresses[0]}}");
    assert_eq!(ask(&kubectl, &stand.of_user("ann"), &address), "192.0.2.7");
    let port = format!("{endpoints} jsonpath={{.items[0].ports[0].port}}");
    assert_eq!(ask(&kubectl, &stand.of_user("ann"), &port), stand.address.port().to_string());
    assert!(stand.program.stop().1);
}

#[test]
fn flags_that_make_no_sense_are_errors() {
    let cases = [
        ("--authorization-mode=Webhook", 1, "authorization config file not passed"),
        ("--authorization-mode=Some", 1, "--authorization-mode: Some is not supported"),
        ("--authorization-webhook-config-file=/x", 1, "without mode Webhook"),
        ("--authentication-token-webhook-config-file=/surely/not/here", 1, "/surely/not/here: "),
        ("--authentication-token-webhook-cache-ttl=soon", 2, "invalid value 'soon'"),
        ("--authentication-token-webhook-version=v2", 2, "invalid value 'v2'"),
        ("--controllers=some", 1, "only * and -* are"),
    ];
    let folder = format!("--cert-dir={}", directory("stand-in-errors").display());
    for (flag, code, told) in cases {
        let refused = std::process::Command::new(steersman())
            .args(["kube-apiserver", "--secure-port=0", "--bind-address=127.0.0.1", &folder, flag])
            .output()
            .unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(code), "{flag}: {text}");
        assert!(text.contains(told), "{flag}: {text}");
    }
}
