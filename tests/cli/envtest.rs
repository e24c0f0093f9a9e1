//! What Go's envtest does with `kube-apiserver` and `etcd`, step by step: controller-runtime's
//! `pkg/internal/testing` (processes, flags, certificates) and `pkg/envtest` (definitions, webhooks).

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use k8s_openapi::ByteString;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use steersman::apiserver::{ClientTls, Fetch, HttpFetch};
use steersman::core::Env;
use steersman::core::tree::{Value, from_value, json};

use super::{ask, directory, kubectl, steersman};

/// How long envtest waits for a program to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program as envtest starts it: in a process group of its own, with nobody who reads what it prints.
struct State {
    child: Child,
}

impl State {
    /// Starts it, and asks every 100 ms whether it is well, without a look at its certificate.
    async fn start(env: &Env, program: &Path, arguments: &[String], health: &str) -> Self {
        Self::of(env, Command::new(program).args(arguments), health).await
    }

    async fn of(env: &Env, command: &mut Command, health: &str) -> Self {
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut state = State { child };
        let client = HttpFetch::new(env).tls(ClientTls::trusting_anyone(None).unwrap());
        let poll = async {
            loop {
                let asked = client.fetch(Request::get(health).body(Bytes::new()).unwrap()).await;
                if asked.is_ok_and(|answer| answer.status() == 200) {
                    break;
                }
                assert_eq!(state.child.try_wait().unwrap(), None, "{command:?} has ended");
                env.sleep(Duration::from_millis(100)).await;
            }
        };
        env.timeout(PATIENCE, poll).await.unwrap();
        state
    }

    /// Tells the whole process group to stop, and waits.
    async fn stop(mut self, env: &Env) {
        let group = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process_group(group, rustix::process::Signal::TERM).unwrap();
        let ended = async {
            while self.child.try_wait().unwrap().is_none() {
                env.sleep(Duration::from_millis(10)).await;
            }
        };
        env.timeout(PATIENCE, ended).await.expect("it stops in time");
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// envtest's `TinyCA`: keys on P-256, serial numbers from 1.
struct TinyCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    key: String,
    serial: u64,
}

impl TinyCa {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec!["envtest-environment".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "envtest-environment");
        params.distinguished_name.push(DnType::OrganizationName, "envtest");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = [&USAGES[..], &[KeyUsagePurpose::KeyCertSign]].concat();
        let key = KeyPair::generate().unwrap();
        let (certificate, pem) = (params.self_signed(&key).unwrap().pem(), key.serialize_pem());
        TinyCa { issuer: Issuer::new(params, key), certificate, key: pem, serial: 1 }
    }

    /// A certificate and its key.
    fn make(&mut self, name: &str, organization: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if !organization.is_empty() {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        if usage == ExtendedKeyUsagePurpose::ServerAuth {
            params.subject_alt_names = vec![
                SanType::DnsName("localhost".try_into().unwrap()),
                SanType::IpAddress([127, 0, 0, 1].into()),
            ];
        }
        params.serial_number = Some(self.serial.into());
        self.serial += 1;
        params.key_usages = USAGES.to_vec();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

const USAGES: [KeyUsagePurpose; 2] = [KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];

/// A port that was free a moment ago.
fn suggest() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether the help tells of a flag: `^\s*--flag\b`, as envtest looks for it.
fn has_flag(program: &Path, flag: &str) -> bool {
    let help = Command::new(program).arg("--help").output().unwrap();
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap() + &String::from_utf8(help.stderr).unwrap();
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("--")?.strip_prefix(flag))
        .any(|rest| !rest.starts_with(|after: char| after.is_ascii_alphanumeric() || after == '_'))
}

/// The control plane of an `Environment`.
struct Plane {
    assets: PathBuf,
    certificates: PathBuf,
    etcd: State,
    server: State,
    port: u16,
    /// Who has signed the server's certificate, and who signs those of its clients.
    ca: TinyCa,
    clients: TinyCa,
}

impl Plane {
    async fn start(env: &Env, name: &str) -> Self {
        let assets = directory(name);
        for name in ["kube-apiserver", "etcd"] {
            std::os::unix::fs::symlink(steersman(), assets.join(name)).unwrap();
        }
        let (etcd, etcd_url) = Self::etcd(env, &assets).await;
        let certificates = assets.join("k8s_test_framework_1");
        fs::create_dir(&certificates).unwrap();
        let (ca, clients) = Self::certify(&certificates);
        let (server, port) = Self::server(env, &assets, &certificates, &etcd_url).await;
        Plane { assets, certificates, etcd, server, port, ca, clients }
    }

    async fn etcd(env: &Env, assets: &Path) -> (State, String) {
        let program = assets.join("etcd");
        let url = format!("http://127.0.0.1:{}", suggest());
        let data = assets.join("k8s_test_framework_2");
        fs::create_dir(&data).unwrap();
        let mut arguments = vec![
            format!("--advertise-client-urls={url}"),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={url}"),
            format!("--listen-peer-urls=http://127.0.0.1:{}", suggest()),
        ];
        if has_flag(&program, "unsafe-no-fsync") {
            arguments.push("--unsafe-no-fsync=true".to_owned());
        }
        (State::start(env, &program, &arguments, &format!("{url}/health")).await, url)
    }

    /// The files that the server finds in its directory.
    fn certify(folder: &Path) -> (TinyCa, TinyCa) {
        let (mut ca, accounts, clients) = (TinyCa::new(), TinyCa::new(), TinyCa::new());
        let (certificate, key) = ca.make("localhost", "envtest", ExtendedKeyUsagePurpose::ServerAuth);
        for (file, pem) in [
            ("authority.crt", &ca.certificate),
            ("apiserver.crt", &certificate),
            ("apiserver.key", &key),
            ("sa-signer.crt", &accounts.certificate),
            ("sa-signer.key", &accounts.key),
            ("client-cert-auth-ca.crt", &clients.certificate),
        ] {
            fs::write(folder.join(file), pem).unwrap();
        }
        (ca, clients)
    }

    async fn server(env: &Env, assets: &Path, certificates: &Path, etcd: &str) -> (State, u16) {
        let program = assets.join("kube-apiserver");
        // Only servers before 1.24 have it, and would have to be told to leave it.
        assert!(!has_flag(&program, "insecure-port") && has_flag(&program, "secure-port"));
        let (port, folder) = (suggest(), certificates.display());
        let arguments = [
            "--allow-privileged=true".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--cert-dir={folder}"),
            format!("--client-ca-file={folder}/client-cert-auth-ca.crt"),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            format!("--etcd-servers={etcd}"),
            format!("--secure-port={port}"),
            format!("--service-account-issuer=https://127.0.0.1:{port}/"),
            format!("--service-account-key-file={folder}/sa-signer.crt"),
            format!("--service-account-signing-key-file={folder}/sa-signer.key"),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        ];
        let health = format!("https://127.0.0.1:{port}/healthz");
        // What a developer's machine may name: here, it has whoever has signed the server's certificate trusted.
        let mut command = Command::new(program);
        let command = command.args(arguments).env("SSL_CERT_FILE", certificates.join("authority.crt"));
        (State::of(env, command, &health).await, port)
    }

    /// `AddUser`: the kubeconfig of somebody who shows a certificate, and a client with it.
    async fn user(&mut self, name: &str, group: &str) -> (PathBuf, Client) {
        let (certificate, key) = self.clients.make(name, group, ExtendedKeyUsagePurpose::ClientAuth);
        let data = |pem: &str| json!(ByteString(pem.as_bytes().to_vec()));
        let server = format!("https://127.0.0.1:{}", self.port);
        let cluster = json!({"server": server, "certificate-authority-data": data(&self.ca.certificate)});
        let user = json!({"client-certificate-data": data(&certificate), "client-key-data": data(&key)});
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "envtest",
            "clusters": [{"name": "envtest", "cluster": cluster}],
            "users": [{"name": "envtest", "user": user}],
            "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "envtest"}}],
        });
        let file = self.certificates.join(format!("{name}.kubecfg"));
        fs::write(&file, config.to_string()).unwrap();
        let config: Kubeconfig = from_value(config).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        (file, Client::try_from(config).unwrap())
    }

    async fn stop(self, env: &Env) {
        self.server.stop(env).await;
        self.etcd.stop(env).await;
        fs::remove_dir_all(self.assets).unwrap();
    }
}

/// What the server answers, or the code of its refusal.
async fn call(client: &Client, method: Method, path: &str, body: Value) -> Result<Value, u16> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("Content-Type", "application/json");
    match client.request::<Value>(request.body(body).unwrap()).await {
        Ok(answer) => Ok(answer),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(other) => panic!("{path}: {other}"),
    }
}

async fn get(client: &Client, path: &str) -> Result<Value, u16> {
    call(client, Method::GET, path, Value::Null).await
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition() -> Value {
    let version = |name: &str, storage: bool| {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}})
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "drivers.crew.example.com"},
        "spec": {
            "group": "crew.example.com", "scope": "Namespaced",
            "names": {"kind": "Driver", "listKind": "DriverList", "plural": "drivers", "singular": "driver"},
            "versions": [version("v1", true), version("v2", false)],
        },
    })
}

/// `InstallCRDs`: reads each, creates or updates it, and polls until discovery tells of its resource.
async fn install(env: &Env, admin: &Client, mut definition: Value) {
    let path = format!("{DEFINITIONS}/{}", definition["metadata"]["name"].as_str().unwrap());
    match get(admin, &path).await {
        Err(404) => drop(call(admin, Method::POST, DEFINITIONS, definition.clone()).await.unwrap()),
        Err(code) => panic!("{code}"),
        Ok(there) => {
            definition["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"].clone();
            call(admin, Method::PUT, &path, definition.clone()).await.unwrap();
        }
    }
    let spec = &definition["spec"];
    let served = async {
        for version in spec["versions"].as_array().unwrap() {
            let path = format!("/apis/crew.example.com/{}", version["name"].as_str().unwrap());
            let found = |list: Value| {
                let all = list["resources"].as_array().cloned().unwrap_or_default();
                all.iter().any(|resource| resource["name"] == spec["names"]["plural"])
            };
            while !get(admin, &path).await.is_ok_and(found) {
                env.sleep(Duration::from_millis(100)).await;
            }
        }
    };
    env.timeout(Duration::from_secs(10), served).await.expect("discovery tells of it in time");
}

/// `WebhookInstallOptions`: one that nobody is asked by.
async fn install_webhooks(admin: &Client) {
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let rule = json!({
            "apiGroups": ["crew.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["none"],
        });
        let webhook = json!({
            "name": "hook.example.com", "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/hook"},
        });
        let object = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "hooks"},
            "webhooks": [webhook],
        });
        let path = format!("/apis/admissionregistration.k8s.io/v1/{}s", kind.to_ascii_lowercase());
        assert_eq!(get(admin, &format!("{path}/hooks")).await, Err(404));
        call(admin, Method::POST, &path, object).await.unwrap();
        assert!(get(admin, &format!("{path}/hooks")).await.is_ok());
    }
}

#[tokio::test]
async fn the_executable_stands_in_for_what_envtest_starts() {
    let env = Env::tokio();
    let mut plane = Plane::start(&env, "envtest").await;
    let (config, admin) = plane.user("admin", "system:masters").await;
    let default = async {
        while get(&admin, "/api/v1/namespaces/default").await.is_err() {
            env.sleep(Duration::from_millis(50)).await;
        }
    };
    env.timeout(Duration::from_secs(5), default).await.expect("there is a default namespace in time");

    install(&env, &admin, definition()).await;
    install(&env, &admin, definition()).await;
    install_webhooks(&admin).await;
    let drivers = "/apis/crew.example.com/v1/namespaces/default/drivers";
    let driver = json!({"apiVersion": "crew.example.com/v1", "kind": "Driver", "metadata": {"name": "d"}});
    call(&admin, Method::POST, drivers, driver).await.unwrap();

    let (_, nobody) = plane.user("nobody", "").await;
    assert_eq!(get(&nobody, drivers).await, Err(403));
    assert!(get(&nobody, "/version").await.is_ok());

    // Beyond what envtest has: controllers, for whoever brings a kubectl.
    if let Some(kubectl) = kubectl() {
        ask(&kubectl, &config, "create deployment web --image=web --replicas=2");
        ask(&kubectl, &config, "wait --for=jsonpath={.status.replicas}=2 deployment/web --timeout=60s");
        ask(&kubectl, &config, "delete deployment web --cascade=foreground");
        assert_eq!(ask(&kubectl, &config, "get pods -o name"), "");
    }

    // `UninstallCRDs`, and a stop while somebody still watches.
    let path = format!("{DEFINITIONS}/drivers.crew.example.com");
    call(&admin, Method::DELETE, &path, Value::Null).await.unwrap();
    let gone = async {
        while get(&admin, &path).await != Err(404) {
            env.sleep(Duration::from_millis(50)).await;
        }
    };
    env.timeout(Duration::from_secs(5), gone).await.expect("a definition goes in time");
    let watch = Request::get("/api/v1/namespaces?watch=true").body(Vec::new()).unwrap();
    let _watching = admin.request_stream(watch).await.unwrap();
    plane.stop(&env).await;
}

#[tokio::test]
async fn a_webhook_that_names_no_authority_is_trusted_where_the_system_trusts_it() {
    let env = Env::tokio();
    let mut plane = Plane::start(&env, "envtest-trust").await;
    let (_, admin) = plane.user("admin", "system:masters").await;
    // The server itself answers there, and lets nobody in who does not say who he is.
    let url = format!("https://127.0.0.1:{}/hook", plane.port);
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
    });
    let webhook = json!({
        "name": "hook.example.com", "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url},
    });
    let configuration = json!({"metadata": {"name": "hooks"}, "webhooks": [webhook]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    call(&admin, Method::POST, path, configuration).await.unwrap();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).to_string();
    let request =
        Request::post("/api/v1/namespaces/default/configmaps").header("Content-Type", "application/json");
    let refused = admin.request::<Value>(request.body(map.into_bytes()).unwrap()).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    let why = "Internal error occurred: failed calling webhook \"hook.example.com\": failed to call webhook: unknown";
    assert_eq!(status.message, why);
    plane.stop(&env).await;
}

#[tokio::test]
async fn arguments_of_older_programs_are_understood() {
    let (env, assets) = (Env::tokio(), directory("envtest-legacy"));
    for name in ["kube-apiserver", "etcd"] {
        std::os::unix::fs::symlink(steersman(), assets.join(name)).unwrap();
    }
    let (etcd_port, port) = (suggest(), suggest());
    let url = format!("http://localhost:{etcd_port}");
    let arguments = [
        "--listen-peer-urls=http://localhost:0".to_owned(),
        format!("--advertise-client-urls={url}"),
        format!("--listen-client-urls={url}"),
        format!("--data-dir={}", assets.display()),
    ];
    let health = format!("http://127.0.0.1:{etcd_port}/health");
    let etcd = State::start(&env, &assets.join("etcd"), &arguments, &health).await;
    // `APIServerDefaultArgs`, with what was added to them since; the last of each counts, as Go reads flags.
    let arguments = [
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--etcd-servers={url}"),
        format!("--cert-dir={}", assets.display()),
        // A template that came to nothing.
        String::new(),
        "--secure-port=1".to_owned(),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--disable-admission-plugins=LimitRanger".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--allow-privileged".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
    ];
    let health = format!("https://127.0.0.1:{port}/healthz");
    let server = State::start(&env, &assets.join("kube-apiserver"), &arguments, &health).await;
    assert!(assets.join("apiserver.crt").exists() && assets.join("apiserver.key").exists());
    server.stop(&env).await;
    etcd.stop(&env).await;
}
