//! The server that the load is for: an API server and nothing else, as upstream's is when it is measured.

use std::io::Read;
use std::net::Ipv4Addr;

use steersman::apiserver::User;
use steersman::apiserver::authenticate::{JwtKeys, ServiceAccounts, StaticTokens};
use steersman::apiserver::http::{Limits, Service};
use steersman::apiserver::listener::{Authority, Listener, Options, Tls};
use steersman::prelude::*;
use tokio::runtime::Runtime;

use crate::Outcome;

/// The token of somebody who may do everything.
pub(crate) const TOKEN: &str = "load";

/// Whether connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Manner {
    Plain,
    Tls,
}

/// Prints where it listens, and runs for as long as its standard input is open.
pub(crate) fn run(runtime: &Runtime, manner: Manner) -> Outcome {
    let (listener, _cluster) = runtime.block_on(start(manner))?;
    println!("{}", listener.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn start(manner: Manner) -> Outcome<(Listener, Cluster)> {
    let env = Env::tokio();
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let cluster = Cluster::builder()
        .without_controllers()
        .without_scheduler()
        .without_admission("ServiceAccount")
        .rbac()
        .authenticator(StaticTokens::new().with(TOKEN, User::admin()))
        .service_accounts(ServiceAccounts::new(issuer, JwtKeys::generate()?))
        .start(&env)
        .await?;
    let service = Service::new(cluster.server().clone(), Limits::default());
    let mut options = Options::default();
    if manner == Manner::Tls {
        let authority = Authority::new("load", env.now())?;
        options = options.tls(Tls::new(&authority.serving(&["localhost"], &[])?)?);
    }
    let listener = Listener::bind(&env, service, (Ipv4Addr::LOCALHOST, 0).into(), options).await?;
    Ok((listener, cluster))
}
