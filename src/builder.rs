//! What a cluster is made of: every method takes and gives the builder, and nothing fails before `start`.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use steersman_apiserver::admission::Admission;
use steersman_apiserver::authenticate::{Authenticator, ServiceAccounts};
use steersman_apiserver::crd::Converter;
use steersman_apiserver::{Authorizer, Fetch, ServiceRanges, Strategy};
use steersman_controllers::{Actor, Controller, Controllers, Defaults, Sweep};
use steersman_core::{Api, Env, Network, Resource, Result, Runtime, Store};
use steersman_kubelet::KubeletOptions;
use steersman_scheduler::{Configuration, ExtenderConfiguration, Profile, Registry, Scheduler};
use steersman_store::Memory;

use crate::cluster::Cluster;
use crate::identity::Layer;
use crate::start;

pub(crate) type AddController = Box<dyn FnOnce(Controllers) -> Controllers + Send>;
pub(crate) type ToServer =
    Box<dyn FnOnce(steersman_apiserver::Builder) -> steersman_apiserver::Builder + Send>;
pub(crate) type ToScheduler = Box<dyn FnOnce(Scheduler) -> Scheduler + Send>;

/// A cluster yet to be started.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) fake_nodes: usize,
    pub(crate) nodes: Vec<(String, Arc<dyn Runtime>)>,
    pub(crate) kubelet: KubeletOptions,
    pub(crate) networks: Vec<Arc<dyn Network>>,
    pub(crate) controllers: Option<Defaults>,
    pub(crate) own_controllers: Vec<AddController>,
    pub(crate) profiles: Option<Vec<Profile>>,
    pub(crate) scheduler: Vec<ToScheduler>,
    pub(crate) server: Vec<ToServer>,
    pub(crate) ranges: ServiceRanges,
    pub(crate) accounts: Option<ServiceAccounts>,
    pub(crate) layer: Option<Layer>,
    pub(crate) problems: Vec<String>,
    #[cfg(feature = "tls")]
    pub(crate) address: Option<std::net::SocketAddr>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Builder {
            store: Arc::new(Memory::new()),
            fake_nodes: 0,
            nodes: Vec::new(),
            kubelet: KubeletOptions::default(),
            networks: Vec::new(),
            controllers: Some(Defaults::default()),
            own_controllers: Vec::new(),
            profiles: None,
            scheduler: Vec::new(),
            server: Vec::new(),
            ranges: ServiceRanges::default(),
            accounts: None,
            layer: None,
            problems: Vec::new(),
            #[cfg(feature = "tls")]
            address: None,
        }
    }

    /// Where the cluster keeps its objects; a [`Memory`] store if nothing else is said.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Adds `count` nodes named `node-1`, `node-2`, … whose containers are [fake](steersman_kubelet::Fake).
    pub fn nodes(mut self, count: usize) -> Self {
        self.fake_nodes = count;
        self
    }

    /// Adds a node with a runtime of its own.
    pub fn node(mut self, name: &str, runtime: impl Runtime) -> Self {
        self.nodes.push((name.to_owned(), Arc::new(runtime)));
        self
    }

    /// How the kubelet of every node presents it, and how often it does what; upstream's defaults if never called.
    pub fn kubelet_options(mut self, options: KubeletOptions) -> Self {
        self.kubelet = options;
        self
    }

    /// Enforces services through `network`.
    pub fn network(mut self, network: impl Network) -> Self {
        self.networks.push(Arc::new(network));
        self
    }

    /// Also runs a controller of one's own.
    pub fn controller(mut self, controller: impl Controller) -> Self {
        self.own_controllers.push(Box::new(|all| all.add(controller)));
        self
    }

    /// Also runs a controller of one's own that calls outside.
    pub fn actor(mut self, actor: impl Actor) -> Self {
        self.own_controllers.push(Box::new(|all| all.actor(actor)));
        self
    }

    /// Also runs a controller of one's own that looks at everything now and then.
    pub fn sweep(mut self, sweep: impl Sweep) -> Self {
        self.own_controllers.push(Box::new(|all| all.sweep(sweep)));
        self
    }

    /// The settings of the built-in controllers, which otherwise are upstream's defaults.
    pub fn controller_defaults(mut self, defaults: Defaults) -> Self {
        self.controllers = Some(defaults);
        self
    }

    /// Leaves the built-in controllers out; one's own still run.
    pub fn without_controllers(mut self) -> Self {
        self.controllers = None;
        self
    }

    /// Schedules with this profile; may be called for several scheduler names. The default profile if never called.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.get_or_insert_default().push(profile);
        self
    }

    /// Schedules as a `KubeSchedulerConfiguration` (YAML) has it. Its plugins are the default ones; with plugins of one's
    /// own, read it with [`Configuration::from_yaml`], and give its profiles to [`Builder::profile`]. Its extenders are
    /// asked over plain HTTP if the feature `http` is on; else add them with [`Builder::scheduler_with`].
    pub fn scheduler_configuration(mut self, yaml: &str) -> Self {
        match Configuration::from_yaml(yaml, &Registry::default()) {
            Err(why) => self.problems.push(format!("scheduler configuration: {why}")),
            Ok(Configuration { profiles, backoff, extenders, .. }) => {
                self = self.scheduler_with(move |scheduler| scheduler.backoff(backoff));
                self = self.extenders(extenders);
                self.profiles.get_or_insert_default().extend(profiles.iter().cloned());
            }
        }
        self
    }

    #[cfg(feature = "http")]
    fn extenders(self, extenders: Vec<ExtenderConfiguration>) -> Self {
        use steersman_scheduler::{HttpExtender, PlainHttp};

        let add = |scheduler: Scheduler, extender| scheduler.extender(HttpExtender::new(extender, PlainHttp));
        self.scheduler_with(move |scheduler| extenders.into_iter().fold(scheduler, add))
    }

    #[cfg(not(feature = "http"))]
    fn extenders(mut self, extenders: Vec<ExtenderConfiguration>) -> Self {
        if !extenders.is_empty() {
            self.problems.push("scheduler configuration: extenders need the feature `http`".to_owned());
        }
        self
    }

    /// Changes the scheduler before it starts.
    pub fn scheduler_with(mut self, change: impl FnOnce(Scheduler) -> Scheduler + Send + 'static) -> Self {
        self.scheduler.push(Box::new(change));
        self
    }

    /// Leaves the scheduler out: pods stay pending until somebody binds them.
    pub fn without_scheduler(mut self) -> Self {
        self.profiles = Some(Vec::new());
        self
    }

    /// One more link of the admission chain, behind the built-in ones.
    pub fn admission(self, plugin: impl Admission + 'static) -> Self {
        self.server_with(|server| server.admission(plugin))
    }

    /// Who converts the objects of the definition named `plural.group`, if its conversion strategy is `Webhook`: in place
    /// of the webhook that it names.
    pub fn converter(self, definition: &str, converter: impl Converter + 'static) -> Self {
        let definition = definition.to_owned();
        self.server_with(move |server| server.converter(&definition, converter))
    }

    /// Who calls the webhooks that configurations of admission name: a closure that is the webhook, or
    /// an `HttpFetch`, which a cluster that [listens](Builder::listen) has anyway. Without one, a write that a webhook is to
    /// be asked about is refused, unless its `failurePolicy` is `Ignore`.
    pub fn webhooks(self, caller: impl Fetch + 'static) -> Self {
        self.server_with(|server| server.webhooks(caller))
    }

    /// Serves an alpha version, too: `scheduling.k8s.io/v1alpha2`, for pod groups; upstream's `--runtime-config`.
    pub fn api_version(self, api_version: &str) -> Self {
        let api_version = api_version.to_owned();
        self.server_with(move |server| server.api_version(&api_version))
    }

    /// Leaves a built-in link of the admission chain out; upstream's `--disable-admission-plugins`.
    pub fn without_admission(self, name: &str) -> Self {
        let name = name.to_owned();
        self.server_with(move |server| server.without_admission(&name))
    }

    /// Adds a built-in link of the admission chain that is off by default, as NodeRestriction is; upstream's
    /// `--enable-admission-plugins`.
    pub fn with_admission(self, name: &str) -> Self {
        let name = name.to_owned();
        self.server_with(move |server| server.with_admission(&name))
    }

    /// One more way to prove who one is, for requests over HTTP ([`steersman_apiserver::Server::serve`]).
    pub fn authenticator(self, authenticator: impl Authenticator + 'static) -> Self {
        self.server_with(|server| server.authenticator(authenticator))
    }

    /// Refuses requests over HTTP that show nothing of who makes them, which otherwise are those of `system:anonymous`;
    /// upstream's `--anonymous-auth=false`.
    pub fn without_anonymous(self) -> Self {
        self.server_with(steersman_apiserver::Builder::without_anonymous)
    }

    /// Issues tokens to service accounts: on request, and in Secrets of type `kubernetes.io/service-account-token`.
    pub fn service_accounts(mut self, accounts: ServiceAccounts) -> Self {
        self.accounts = Some(accounts.clone());
        self.server_with(|server| server.service_accounts(accounts))
    }

    /// One more who decides what users may do. Without any, everybody may do everything.
    pub fn authorizer(self, authorizer: impl Authorizer + 'static) -> Self {
        self.server_with(|server| server.authorizer(authorizer))
    }

    /// Lets Roles and ClusterRoles decide what users may do, and makes upstream's default ones; nodes may do what they
    /// and their pods need. Upstream's `--authorization-mode=Node,RBAC`.
    pub fn rbac(self) -> Self {
        self.server_with(|server| server.node_authorizer().rbac())
    }

    /// The same without what nodes may do: upstream's `--authorization-mode=RBAC`.
    pub fn rbac_alone(self) -> Self {
        self.server_with(|server| server.rbac())
    }

    /// The rules of a kind, in place of the built-in ones.
    pub fn strategy<K: Resource>(self, strategy: impl Strategy + 'static) -> Self {
        self.server_with(|server| server.strategy::<K>(strategy))
    }

    /// The addresses that services are given, as in `10.96.0.0/16`.
    pub fn service_cidr(mut self, cidr: &str) -> Self {
        let parsed = cidr.split_once('/').and_then(|(address, bits)| {
            let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?);
            (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
        });
        match parsed {
            Some(cluster_ips) => self.ranges.cluster_ips = cluster_ips,
            None => self.problems.push(format!("service_cidr: {cidr:?} is not an address range")),
        }
        self
    }

    /// The node ports that services are given; 30000 to 32767 if nothing else is said.
    pub fn node_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ranges.node_ports = ports;
        self
    }

    /// Also answers on the network: HTTPS at `address` (port 0 for any that is free), with certificates made at start.
    /// [`Cluster::kubeconfig`] is what clients need. Those who show nothing of who they are may do what an authorizer lets
    /// `system:anonymous` do; without one they are refused. Needs an `Env` over tokio with I/O enabled.
    #[cfg(feature = "tls")]
    pub fn listen(mut self, address: std::net::SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Where pods reach the API server, if somebody else puts it on the network: the endpoint of the service `kubernetes`.
    /// An address that stands for every one of this machine is replaced by the one by which it reaches others.
    #[cfg(feature = "tls")]
    pub fn advertise(self, address: std::net::SocketAddr) -> Self {
        let address = crate::listen::reachable(address);
        self.server_with(move |server| server.advertise(address))
    }

    /// Puts something between every component and the API server: faults, logging. It gets the component's name.
    pub fn api_layer(
        mut self,
        layer: impl Fn(&str, Arc<dyn Api>) -> Arc<dyn Api> + Send + Sync + 'static,
    ) -> Self {
        self.layer = Some(Arc::new(layer));
        self
    }

    /// Starts the cluster. Dropping the [`Cluster`] stops it.
    ///
    /// # Errors
    /// 400 with everything that is wrong with what was built; or the store's first failure.
    pub async fn start(self, env: &Env) -> Result<Cluster> {
        start::start(self, env).await
    }

    fn server_with(
        mut self,
        change: impl FnOnce(steersman_apiserver::Builder) -> steersman_apiserver::Builder + Send + 'static,
    ) -> Self {
        self.server.push(Box::new(change));
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("fake_nodes", &self.fake_nodes).finish_non_exhaustive()
    }
}
