//! Stands in for kube-apiserver, with the flags that programs pass which test controllers: the API server over TLS, and
//! upstream's controllers beside it, so that there is garbage collection and Deployments come to have pods.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use steersman::apiserver::HttpFetch;
use steersman::apiserver::authenticate::{ClientCertificates, JwtKeys, ServiceAccounts};
use steersman::apiserver::http::{Limits, Service};
use steersman::apiserver::listener::{Authority, Certified, Listener, Options, Tls};
use steersman::prelude::*;

use crate::authentication::Authentication;
use crate::authorization::Authorization;
use crate::signals::Signals;
use crate::{Failure, Outcome};

/// For how long requests may still run once the program is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Flags of upstream's kube-apiserver; any other is an error. As upstream's, the last one of the same name counts.
#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct ApiServer {
    /// Taken and not used: objects are kept in memory.
    #[arg(long, value_name = "URLS")]
    etcd_servers: Option<String>,
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0")]
    bind_address: IpAddr,
    /// Where pods find the server; the bind address if nothing is said, or the one by which this machine reaches others.
    #[arg(long, value_name = "ADDRESS")]
    advertise_address: Option<IpAddr>,
    #[arg(long, value_name = "PORT", default_value_t = 6443)]
    secure_port: u16,
    /// Holds apiserver.crt and apiserver.key; made there if they are not.
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/run/kubernetes")]
    cert_dir: PathBuf,
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    tls_cert_file: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_private_key_file: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
    #[arg(long, value_name = "URL")]
    service_account_issuer: Vec<String>,
    /// Taken and not used: tokens are verified with the public half of the key that signs them.
    #[arg(long, value_name = "FILE")]
    service_account_key_file: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "service_account_issuer")]
    service_account_signing_key_file: Option<PathBuf>,
    #[arg(long, value_name = "CIDR", default_value = "10.0.0.0/24")]
    service_cluster_ip_range: String,
    #[command(flatten)]
    authentication: Authentication,
    #[command(flatten)]
    authorization: Authorization,
    /// Taken and not used: privileged containers are always allowed.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_privileged: Option<bool>,
    #[arg(long, value_delimiter = ',')]
    disable_admission_plugins: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    enable_admission_plugins: Vec<String>,
    /// `*` runs upstream's controllers and scheduler in this process; nothing, or `-*`, runs none, as envtest does.
    #[arg(long, default_value = "*", allow_hyphen_values = true)]
    controllers: String,
    /// Taken and not used: how much is logged.
    #[arg(short, long, value_name = "LEVEL")]
    v: Option<u32>,
}

impl ApiServer {
    pub(crate) async fn run(self) -> Outcome {
        let mut signals = Signals::hear()?;
        let env = Env::tokio();
        let serving = self.certificate(&env)?;
        let socket = self.socket()?;
        let builder = self.authentication.put_into(self.builder()?, &env).await?;
        let builder = self.authorization.put_into(builder, &env).await?;
        let builder = builder.webhooks(HttpFetch::new(&env));
        let builder = builder.advertise(self.advertised(socket.local_addr()?));
        let cluster = builder.start(&env).await?;
        let service = Service::new(cluster.server().clone(), Limits::default());
        let options = Options::default().tls(Tls::new(&serving)?);
        let listener = Listener::on(&env, service, socket, options)?;
        println!("ready: https://{}", listener.address());
        signals.stopped().await;
        listener.drain(&env, GRACE).await;
        cluster.stop().await;
        Ok(())
    }

    /// Takes the address; clients that come before the server is there wait.
    fn socket(&self) -> Result<TcpListener, Failure> {
        let address = SocketAddr::new(self.bind_address, self.secure_port);
        TcpListener::bind(address).map_err(|why| format!("{address}: {why}").into())
    }

    /// Where pods are told to find the server that listens at an address.
    fn advertised(&self, listening: SocketAddr) -> SocketAddr {
        let bound = if listening.ip().is_loopback() { Ipv4Addr::UNSPECIFIED.into() } else { listening.ip() };
        SocketAddr::new(self.advertise_address.unwrap_or(bound), listening.port())
    }

    fn builder(&self) -> Result<Builder, Failure> {
        let mut builder = Cluster::builder().service_cidr(&self.service_cluster_ip_range);
        for plugin in &self.disable_admission_plugins {
            builder = builder.without_admission(plugin);
        }
        for plugin in &self.enable_admission_plugins {
            builder = builder.with_admission(plugin);
        }
        if let Some(file) = &self.client_ca_file {
            builder = builder.authenticator(ClientCertificates::from_pem(&read(file)?)?);
        }
        if let Some(file) = &self.service_account_signing_key_file {
            let [issuer] = self.service_account_issuer.as_slice() else {
                return Err("--service-account-issuer: only one is supported".into());
            };
            let accounts = ServiceAccounts::new(issuer, JwtKeys::from_pem(&read(file)?)?);
            builder = builder.service_accounts(accounts);
        }
        match self.controllers.as_str() {
            "*" => Ok(builder),
            "" | "-*" => Ok(builder.without_controllers().without_scheduler()),
            other => Err(format!("--controllers: {other:?} is not supported, only * and -* are").into()),
        }
    }

    /// The certificate to serve with: that of the flags, else that of the directory, else a new one, put there.
    fn certificate(&self, env: &Env) -> Result<Certified, Failure> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert_file, &self.tls_private_key_file) {
            return certified(certificate, key);
        }
        let (certificate, key) = (self.cert_dir.join("apiserver.crt"), self.cert_dir.join("apiserver.key"));
        if !certificate.exists() {
            let authority = Authority::new("steersman", env.now())?;
            let made =
                authority.serving(&["localhost", "kubernetes.default.svc"], &[[127, 0, 0, 1].into()])?;
            fs::create_dir_all(&self.cert_dir).map_err(|why| tell(&self.cert_dir, &why))?;
            let chain = format!("{}{}", made.certificate_pem, authority.certificate_pem());
            fs::write(&certificate, chain).map_err(|why| tell(&certificate, &why))?;
            fs::write(&key, &made.key_pem).map_err(|why| tell(&key, &why))?;
        }
        certified(&certificate, &key)
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<Certified, Failure> {
    let certificate_pem = String::from_utf8(read(certificate)?)?;
    let key_pem = String::from_utf8(read(key)?)?;
    Ok(Certified { certificate_pem, key_pem })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|why| tell(file, &why).into())
}

fn tell(path: &Path, why: &std::io::Error) -> String {
    format!("{}: {why}", path.display())
}
