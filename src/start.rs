//! Assembles a cluster: store, API server, controllers, scheduler, nodes, proxies, in this order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use steersman_apiserver::Server;
use steersman_controllers::Controllers;
use steersman_controllers::runner::Running;
use steersman_core::env::Task;
use steersman_core::{Env, Error, Result, names};
use steersman_netproxy::Proxy;
use steersman_scheduler::{Profile, Profiles, Scheduler};

use crate::builder::Builder;
use crate::cluster::{Cluster, Parts};
use crate::identity::{self, Layer};
use crate::node::{Machine, Node};
use crate::reachable::Reachable;

/// More nodes than this in one process are refused.
const MAX_NODES: usize = 200_000;

pub(crate) async fn start(mut builder: Builder, env: &Env) -> Result<Cluster> {
    let profiles = check(&mut builder)?;
    let store = builder.store.clone();
    let keeper = env.spawn("store", {
        let (store, env) = (store.clone(), env.child("store"));
        async move { store.run(env).await }
    });
    let reachable = Reachable::default();
    let mut server = Server::builder(store.clone()).service_ranges(builder.ranges.clone());
    server = server.kubelets(reachable.clone());
    #[cfg(feature = "tls")]
    if builder.address.is_some() {
        server = server.webhooks(steersman_apiserver::HttpFetch::new(env));
    }
    for change in builder.server.drain(..) {
        server = change(server);
    }
    #[cfg(feature = "tls")]
    let plan = builder.address.map(|address| crate::listen::Plan::new(env, address)).transpose()?;
    #[cfg(feature = "tls")]
    if let Some(plan) = &plan {
        server = server.advertise(plan.reachable()).authenticator(plan.certificates()?);
        server = server.kubelet_client(plan.kubelet_client()?);
        if !server.has_authorizer() {
            // Everybody may do everything: nobody gets in unknown, as with upstream's AlwaysAllow.
            server = server.without_anonymous();
        }
        builder.controllers = builder.controllers.take().map(|all| all.default_root_ca(plan.authority()));
    }
    let server = Arc::new(server.start(env).await?);
    #[cfg(feature = "tls")]
    let door = match plan {
        Some(plan) => Some(plan.open(env, server.clone(), builder.ranges.kubernetes())?),
        None => None,
    };
    let layer = builder.layer.take();
    let running = controllers(&mut builder, env, &server, layer.as_ref());
    let mut tasks = vec![keeper];
    tasks.extend(profiles.map(|profiles| scheduler(&mut builder, env, &server, layer.as_ref(), profiles)));
    tasks.extend(proxies(&builder, env, &server, layer.as_ref()));
    let nodes = nodes(&builder, env, &server, layer.as_ref(), &reachable);
    let client = identity::client(&server, layer.as_ref(), "admin");
    Ok(Cluster::new(Parts {
        #[cfg(feature = "tls")]
        door,
        env: env.clone(),
        store,
        server,
        client,
        nodes: Mutex::new(nodes),
        running,
        tasks,
    }))
}

/// Everything that is wrong with what was built, at once; else the profiles, if there is to be a scheduler.
fn check(builder: &mut Builder) -> Result<Option<Profiles>> {
    let mut problems = std::mem::take(&mut builder.problems);
    let mut seen = std::collections::BTreeSet::new();
    for (name, _) in &builder.nodes {
        problems
            .extend(names::dns_subdomain(name, false).into_iter().map(|why| format!("node {name:?}: {why}")));
        if !seen.insert(name) {
            problems.push(format!("node {name:?} is there twice"));
        }
    }
    if builder.fake_nodes + builder.nodes.len() > MAX_NODES {
        problems.push(format!("a cluster may have at most {MAX_NODES} nodes"));
    }
    let profiles = match builder.profiles.take() {
        Some(none) if none.is_empty() => None,
        chosen => Some(Profiles::new(chosen.unwrap_or_else(|| vec![Profile::default()]))),
    };
    let profiles = profiles.transpose().map_err(|error| problems.push(error.to_string())).unwrap_or_default();
    if problems.is_empty() { Ok(profiles) } else { Err(Error::bad_request(problems.join("; "))) }
}

fn controllers(builder: &mut Builder, env: &Env, server: &Server, layer: Option<&Layer>) -> Running {
    let client = identity::client(server, layer, "kube-controller-manager");
    let mut all = Controllers::new(env, &client);
    if let Some(mut defaults) = builder.controllers.take() {
        if let Some(accounts) = builder.accounts.take() {
            defaults = defaults.token_signer(identity::signer(accounts));
        }
        all = defaults.add_to(all, &client);
    }
    builder.own_controllers.drain(..).fold(all, |all, add| add(all)).start()
}

fn scheduler(
    builder: &mut Builder,
    env: &Env,
    server: &Server,
    layer: Option<&Layer>,
    profiles: Profiles,
) -> Task<()> {
    let client = identity::client(server, layer, "kube-scheduler");
    let scheduler = Scheduler::new(env, &client, profiles);
    let scheduler = builder.scheduler.drain(..).fold(scheduler, |scheduler, change| change(scheduler));
    env.spawn("scheduler/run", async move { scheduler.run().await })
}

fn proxies(builder: &Builder, env: &Env, server: &Server, layer: Option<&Layer>) -> Vec<Task<()>> {
    let start = |(number, network): (usize, &Arc<dyn steersman_core::Network>)| {
        let env = env.child(&format!("network-{number}"));
        let client = identity::client(server, layer, "kube-proxy");
        let proxy = Proxy::new(&env, &client, "", network.clone());
        env.spawn("run", proxy.run())
    };
    builder.networks.iter().enumerate().map(start).collect()
}

fn nodes(
    builder: &Builder,
    env: &Env,
    server: &Server,
    layer: Option<&Layer>,
    reachable: &Reachable,
) -> BTreeMap<String, Node> {
    let fake = (1..=builder.fake_nodes).map(|number| (format!("node-{number}"), Machine::fake(env, number)));
    let own = builder.nodes.iter().map(|(name, runtime)| (name.clone(), Machine::Own(runtime.clone())));
    let start = |(name, machine): (String, Machine)| {
        let client = identity::client(server, layer, &format!("kubelet/{name}"));
        let node = Node::start(env, client, &name, machine, builder.kubelet.clone(), reachable.clone());
        (name, node)
    };
    fake.chain(own).map(start).collect()
}
