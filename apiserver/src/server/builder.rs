//! Assembles an API server.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use steersman_core::resource::{GroupResource, Resource};
use steersman_core::tree::Value;
use steersman_core::{Env, Error, Kubelets, Result, Store};

use super::{Server, boot, conditions};
use crate::admission::{self, Admission, Chain};
use crate::authenticate::{Authentication, Authenticator, ServiceAccounts};
use crate::authorize::{Authorization, Authorizer, Mode, Nodes, Rbac, rbac};
use crate::crd::Converter;
#[cfg(feature = "tls")]
use crate::fetch::ClientTls;
use crate::fetch::{Fetch, Hooks, Services};
use crate::metrics::Metrics;
use crate::pipeline::Core;
use crate::registry::{self, Registry};
use crate::strategy::{ServiceRanges, Strategies, Strategy};
use crate::subresource;
use crate::tables::Tables;
use crate::watch_cache::WatchCache;

/// Whom tokens are for where nobody issues any; upstream's default issuer in most clusters.
const AUDIENCE: &str = "https://kubernetes.default.svc";

/// What an API server is made of. [`Builder::start`] starts it.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    store: Arc<dyn Store>,
    ranges: ServiceRanges,
    advertised: Option<SocketAddr>,
    admission: Vec<Arc<dyn Admission>>,
    webhooks: Option<Arc<dyn Fetch>>,
    disabled: Vec<String>,
    enabled: Vec<String>,
    strategies: BTreeMap<(String, String), Arc<dyn Strategy>>,
    authenticators: Vec<Arc<dyn Authenticator>>,
    anonymous: bool,
    accounts: Option<ServiceAccounts>,
    modes: Vec<Mode>,
    typed: Vec<Value>,
    kubelets: Option<Arc<dyn Kubelets>>,
    #[cfg(feature = "tls")]
    kubelet_client: Option<ClientTls>,
    converters: BTreeMap<GroupResource, Arc<dyn Converter>>,
    versions: Vec<String>,
}

impl Builder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Builder {
            store,
            ranges: ServiceRanges::default(),
            advertised: None,
            admission: Vec::new(),
            webhooks: None,
            disabled: Vec::new(),
            enabled: Vec::new(),
            strategies: BTreeMap::new(),
            authenticators: Vec::new(),
            anonymous: true,
            accounts: None,
            modes: Vec::new(),
            typed: Vec::new(),
            kubelets: None,
            #[cfg(feature = "tls")]
            kubelet_client: None,
            converters: BTreeMap::new(),
            versions: Vec::new(),
        }
    }

    /// The addresses and ports that services are given; upstream's `--service-cluster-ip-range` and
    /// `--service-node-port-range`.
    pub fn service_ranges(mut self, ranges: ServiceRanges) -> Self {
        self.ranges = ranges;
        self
    }

    /// Where pods reach this server, if somebody listens there: the endpoint of the service `kubernetes`; upstream's
    /// `--advertise-address` and `--secure-port`. Without it the service has no endpoints.
    pub fn advertise(mut self, address: SocketAddr) -> Self {
        self.advertised = Some(address);
        self
    }

    /// One more plugin, behind the built-in ones.
    pub fn admission(mut self, plugin: impl Admission + 'static) -> Self {
        self.admission.push(Arc::new(plugin));
        self
    }

    /// Who calls the webhooks that configurations of admission and definitions of custom resources name: an
    /// [`HttpFetch`](crate::HttpFetch), or a closure that is the webhook. Without one, a write that a webhook is to be asked
    /// about is refused, unless its `failurePolicy` is `Ignore`, and nothing is converted.
    pub fn webhooks(mut self, caller: impl Fetch + 'static) -> Self {
        self.webhooks = Some(Arc::new(caller));
        self
    }

    /// Leaves a built-in plugin out; upstream's `--disable-admission-plugins`.
    pub fn without_admission(mut self, name: &str) -> Self {
        self.disabled.push(name.to_owned());
        self
    }

    /// Adds a built-in plugin that is off by default, as NodeRestriction is; upstream's `--enable-admission-plugins`. One
    /// that is on anyway may be named, too.
    pub fn with_admission(mut self, name: &str) -> Self {
        self.enabled.push(name.to_owned());
        self
    }

    /// Serves an alpha version, too: `scheduling.k8s.io/v1alpha2`, which is all that there is so far; upstream's
    /// `--runtime-config`, with the feature gates that it needs.
    pub fn api_version(mut self, api_version: &str) -> Self {
        self.versions.push(api_version.to_owned());
        self
    }

    /// The rules of a kind, in place of the built-in ones.
    pub fn strategy<K: Resource>(mut self, strategy: impl Strategy + 'static) -> Self {
        self.strategies.insert((K::GROUP.to_owned(), K::KIND.to_owned()), Arc::new(strategy));
        self
    }

    /// One more resource, from a Rust type ([`steersman_core::resource!`] makes any type one): with any fields that the
    /// type writes, and a `status` of its own. A CustomResourceDefinition is the way to a checked schema.
    pub fn resource<K: Resource>(mut self) -> Self
    where
        K::Scope: 'static,
    {
        self.typed.push(registry::definition_of::<K>());
        self
    }

    /// Who converts the objects of the definition named `plural.group`, if its conversion strategy is `Webhook`: in place
    /// of the webhook that it names.
    pub fn converter(mut self, definition: &str, converter: impl Converter + 'static) -> Self {
        let (plural, group) = definition.split_once('.').unwrap_or((definition, ""));
        self.converters.insert(GroupResource::new(group.to_owned(), plural.to_owned()), Arc::new(converter));
        self
    }

    /// How the kubelets of nodes are reached, for logs, commands, ports and proxied requests. Without it such requests
    /// are answered with 501 once they would need a kubelet.
    pub fn kubelets(mut self, kubelets: impl Kubelets) -> Self {
        self.kubelets = Some(Arc::new(kubelets));
        self
    }

    /// Reaches kubelets of other processes at the addresses and ports that their nodes tell, over TLS; upstream's
    /// `--kubelet-client-certificate` and `--kubelet-certificate-authority`.
    #[cfg(feature = "tls")]
    pub fn kubelet_client(mut self, tls: ClientTls) -> Self {
        self.kubelet_client = Some(tls);
        self
    }

    /// One more way to prove who one is, asked after those given before. Matters to [`Server::serve`] only: a client in
    /// this process is who it says.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.authenticators.push(Arc::new(authenticator));
        self
    }

    /// Issues tokens to service accounts, and knows them again, after the authenticators given before.
    pub fn service_accounts(mut self, accounts: ServiceAccounts) -> Self {
        self.accounts = Some(accounts.clone());
        self.authenticator(accounts)
    }

    /// Refuses requests that show nothing of who makes them, which otherwise are those of `system:anonymous`;
    /// upstream's `--anonymous-auth=false`.
    pub fn without_anonymous(mut self) -> Self {
        self.anonymous = false;
        self
    }

    /// One more who decides what users may do, asked after those given before. Without any, everybody may do
    /// everything.
    pub fn authorizer(mut self, authorizer: impl Authorizer + 'static) -> Self {
        self.modes.push(Mode::Own(Arc::new(authorizer)));
        self
    }

    /// Whether somebody decides what users may do.
    #[must_use]
    pub fn has_authorizer(&self) -> bool {
        !self.modes.is_empty()
    }

    /// Lets nodes do what they need for themselves and their pods, after those given before; upstream's
    /// `--authorization-mode=Node`.
    pub fn node_authorizer(mut self) -> Self {
        self.modes.push(Mode::Node(Nodes::new()));
        self
    }

    /// Lets Roles and ClusterRoles decide what users may do, after those given before; upstream's
    /// `--authorization-mode=RBAC`.
    pub fn rbac(mut self) -> Self {
        self.modes.push(Mode::Rbac);
        self
    }

    /// Starts the server: reads the store, follows it, and makes the objects that every cluster has.
    ///
    /// # Errors
    /// The store cannot be read or written; or a version or a plugin that was asked for is not known (400).
    pub async fn start(mut self, env: &Env) -> Result<Server> {
        let env = env.child("apiserver");
        let tables = self.tables()?;
        self.check_plugins(&env)?;
        let typed = std::mem::take(&mut self.typed);
        let (ranges, advertised) = (self.ranges.clone(), self.advertised);
        let mut core = self.core(&env, tables);
        core.cache.load().await?;
        core.typed = typed.iter().map(crate::pipeline::resource_of).collect();
        for definition in &typed {
            core.serve(definition).await?;
        }
        let core = Arc::new(core);
        let feed = env.spawn("watch-cache", core.cache.clone().run());
        core.sync_definitions().await?;
        boot::ensure(&core, &ranges, advertised).await?;
        let definitions = env.spawn("definitions", {
            let core = core.clone();
            async move { core.follow_definitions().await }
        });
        let conditions = env.spawn("conditions", {
            let core = core.clone();
            async move { conditions::follow(&core).await }
        });
        Ok(Server { core, _tasks: [feed, definitions, conditions] })
    }

    /// 400 for a plugin that is to be added, and is not known.
    fn check_plugins(&self, env: &Env) -> Result<()> {
        let known = admission::builtin(env);
        let is_known = |name: &&String| {
            let all = known.iter().map(|plugin| plugin.name()).chain(admission::LATER);
            all.into_iter().any(|known| known == **name)
        };
        match self.enabled.iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                Err(Error::bad_request(format!("enable-admission-plugins plugin {name:?} is unknown")))
            }
        }
    }

    fn tables(&self) -> Result<Tables> {
        let mut tables = Tables::load();
        match self.versions.iter().find(|version| !tables.serve(version)) {
            None => Ok(tables),
            Some(version) => Err(Error::bad_request(format!("the API version {version} cannot be served"))),
        }
    }

    fn core(self, env: &Env, tables: Tables) -> Core {
        let strategies = Strategies::new(&self.ranges);
        let cache = Arc::new(WatchCache::new(self.store.clone(), env.clone()));
        let registry = Registry::default();
        for (resource, rows) in registry::builtin(&tables, &strategies, &self.strategies) {
            rows.iter().filter_map(|row| row.collection.clone()).for_each(|one| cache.add(one));
            registry.set(&resource, rows);
        }
        let audiences = self.accounts.as_ref().map(|accounts| accounts.own_audiences().to_vec());
        let audiences = audiences.unwrap_or_else(|| vec![AUDIENCE.to_owned()]);
        let rbac = Rbac::default();
        rbac.follow(cache.clone(), registry.collections(rbac::GROUP, &rbac::KINDS.map(|kind| kind.0)));
        let mut chain = admission::builtin(env);
        let configurations = registry.collections(admission::GROUP, &admission::CONFIGURATIONS);
        let hooks = Hooks::new(env, self.webhooks, services(&registry));
        if let [mutating, validating] = configurations.as_slice() {
            chain.extend(admission::webhooks(&hooks, mutating.clone(), validating.clone()));
        }
        let is_named = |names: &[String], name: &str| names.iter().any(|own| own == name);
        let is_on = |plugin: &Arc<dyn Admission>| {
            let name = plugin.name();
            !is_named(&self.disabled, name)
                && (name != admission::NODE_RESTRICTION || is_named(&self.enabled, name))
        };
        chain.retain(is_on);
        let has_own_plugins = !self.admission.is_empty();
        chain.extend(self.admission);
        chain.extend(Some(admission::last()).filter(is_on));
        Core {
            store: self.store,
            env: env.clone(),
            started: env.now(),
            cache,
            recent: Default::default(),
            registry,
            tables,
            chain: Chain::of(chain),
            has_own_plugins,
            authentication: Authentication {
                authenticators: self.authenticators,
                anonymous: self.anonymous,
                audiences,
            },
            accounts: self.accounts.clone(),
            authorization: Authorization { modes: self.modes, rbac },
            reviews: crate::review::builtin(),
            subresources: subresource::builtin(self.accounts),
            typed: Vec::new(),
            kubelets: self.kubelets,
            #[cfg(feature = "tls")]
            kubelet_client: self.kubelet_client,
            metrics: Metrics::new(),
            service_address: self.ranges.kubernetes(),
            draining: AtomicBool::new(false),
            hooks,
            converters: self.converters,
            compiled: std::sync::Mutex::default(),
            syncing: futures::lock::Mutex::default(),
        }
    }
}

/// Where webhooks are that are services of the cluster.
fn services(registry: &Registry) -> Option<Services> {
    let of = |group, resource| registry.collections(group, &[resource]).pop();
    let (services, slices) = (of("", "services")?, of("discovery.k8s.io", "endpointslices")?);
    Some(Services { services, slices })
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
