//! Keeps a network's rules equal to what services, endpoint slices and the node say.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use futures::{StreamExt, join};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use steersman_core::cache::{Cache, Selection, Subscription, Typed};
use steersman_core::network::{NetworkError, RuleTable};
use steersman_core::selector::{FieldSelector, LabelSelector, Operator, Requirement};
use steersman_core::{Backoff, Client, Env, Network};

use crate::compile::{HEADLESS, NodeTopology, SERVICE_PROXY_NAME, compile};

/// The least time from one table to the next: changes that come faster are applied together.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long to wait before rules that could not be applied are tried again.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// The service proxy of one node.
pub struct Proxy {
    env: Env,
    node_name: String,
    services: Typed<Service>,
    slices: Typed<EndpointSlice>,
    node: Typed<Node>,
    network: Arc<dyn Network>,
}

impl Proxy {
    /// The proxy of the node `node_name`, which gives its rules to `network`. Starts to follow what it needs to know;
    /// nothing is applied before [`Proxy::run`].
    pub fn new(env: &Env, client: &Client, node_name: &str, network: Arc<dyn Network>) -> Self {
        let env = env.child("proxy");
        let served = served();
        let node = Selection::of::<Node>().with_fields(FieldSelector::equals("metadata.name", node_name));
        Proxy {
            services: Cache::start(&env, client, Selection::of::<Service>().with_labels(served.clone()))
                .typed(),
            slices: Cache::start(&env, client, Selection::of::<EndpointSlice>().with_labels(served)).typed(),
            node: Cache::start(&env, client, node).typed(),
            node_name: node_name.to_owned(),
            network,
            env,
        }
    }

    /// Applies the first table once everything is known that there is, and then one after every change, until
    /// dropped. What the network has then stays in force.
    pub async fn run(self) {
        let (changed, mut changes) = changes();
        let _subscriptions = self.subscribe(&changed);
        join!(self.services.synced(), self.slices.synced(), self.node.synced());
        let mut applied = None;
        let mut failures = 0;
        loop {
            let table = self.table();
            if applied.as_ref() != Some(&table) {
                (applied, failures) =
                    if self.apply(&table).await { (Some(table), 0) } else { (None, failures + 1) };
            }
            self.env.sleep(INTERVAL).await;
            if failures == 0 {
                changes.next().await;
            } else {
                // Whether something has changed meanwhile makes no difference.
                let _ = self.env.timeout(RETRY.delay(&self.env, failures), changes.next()).await;
            }
        }
    }

    /// The rules as of now.
    pub fn table(&self) -> RuleTable {
        let node = self.node.get("", &self.node_name).map(|node| NodeTopology::of(&node));
        let node = node.unwrap_or_else(|| NodeTopology::named(&self.node_name));
        let (services, slices) = (self.services.list(), self.slices.list());
        compile(services.iter().map(Arc::as_ref), slices.iter().map(Arc::as_ref), &node)
    }

    /// Whether the table is in force as far as it ever will be.
    async fn apply(&self, table: &RuleTable) -> bool {
        let Err(error) = self.network.apply(table).await else { return true };
        match &error {
            NetworkError::Incomplete(refusals) => {
                refusals.iter().for_each(|refusal| tracing::warn!(%refusal, "a service is not served"));
            }
            other => tracing::warn!(error = %other, "the rules are not in force"),
        }
        !error.is_retryable()
    }

    fn subscribe(&self, changed: &Changed) -> [Subscription; 3] {
        [self.services.cache(), self.slices.cache(), self.node.cache()].map(|cache| {
            let changed = changed.clone();
            cache.subscribe(move |_| {
                // A full channel already says that something has changed.
                let _ = changed.lock().unwrap_or_else(PoisonError::into_inner).try_send(());
            })
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("node_name", &self.node_name).finish_non_exhaustive()
    }
}

type Changed = Arc<Mutex<mpsc::Sender<()>>>;

/// A flag that something has changed: a channel that holds one message.
fn changes() -> (Changed, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel(0);
    (Arc::new(Mutex::new(sender)), receiver)
}

/// What this proxy serves: neither what another one was named for, nor what has no address.
fn served() -> LabelSelector {
    let absent = |key| Requirement::new(key, Operator::DoesNotExist, [] as [&str; 0]);
    LabelSelector::new(
        [SERVICE_PROXY_NAME, HEADLESS].map(|key| absent(key).expect("both are well-formed label keys")),
    )
}

#[cfg(test)]
mod tests {
    use steersman_core::network::{Action, Refusal};
    use steersman_core::testing::{Lab, MemoryApi};
    use steersman_core::tree::{Value, json};

    use super::*;

    /// Notes what is applied, and fails as it is told to.
    #[derive(Default)]
    struct Recorder {
        applied: Mutex<Vec<RuleTable>>,
        failures: Mutex<Vec<NetworkError>>,
    }

    #[async_trait::async_trait]
    impl Network for Recorder {
        async fn apply(&self, table: &RuleTable) -> Result<(), NetworkError> {
            self.applied.lock().unwrap().push(table.clone());
            self.failures.lock().unwrap().pop().map_or(Ok(()), Err)
        }
    }

    impl Recorder {
        /// The addresses that the only service was served by, table by table.
        fn backends(&self) -> Vec<Vec<String>> {
            let applied = self.applied.lock().unwrap();
            let backends = |table: &RuleTable| match table.rules.first().map(|rule| &rule.from_node) {
                Some(Action::Forward(backends)) => {
                    backends.iter().map(|one| one.address.to_string()).collect()
                }
                _ => Vec::new(),
            };
            applied.iter().map(backends).collect()
        }
    }

    fn service() -> Service {
        let service = json!({
            "metadata": {"name": "web", "namespace": "d"},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}
        });
        steersman_core::tree::from_value(service).unwrap()
    }

    fn slice(endpoints: Value) -> EndpointSlice {
        let slice = json!({
            "metadata": {"name": "web-1", "namespace": "d", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"port": 8080}],
            "endpoints": endpoints,
        });
        steersman_core::tree::from_value(slice).unwrap()
    }

    fn endpoint(address: &str) -> Value {
        json!({"addresses": [address], "hints": {"forZones": [{"name": address}]}})
    }

    /// Runs `story` beside the proxy of node `n`, over an API that knows the service and two endpoints.
    fn with_proxy<F: Future>(recorder: &Arc<Recorder>, story: impl FnOnce(Env, Client) -> F) {
        let (lab, api) = (Lab::new(), MemoryApi::default());
        let (env, client) = (lab.env(), api.client());
        lab.run(async {
            client.all::<Service>().create(&service()).await.unwrap();
            let endpoints = json!([endpoint("1.1.1.1"), endpoint("1.1.1.2")]);
            client.all::<EndpointSlice>().create(&slice(endpoints)).await.unwrap();
            let proxy = Proxy::new(&env, &client, "n", recorder.clone());
            let _running = env.spawn("proxy", proxy.run());
            env.sleep(Duration::from_millis(100)).await;
            story(env.clone(), client).await;
        });
    }

    #[test]
    fn the_first_table_has_everything_and_later_ones_every_change() {
        let recorder = Arc::<Recorder>::default();
        with_proxy(&recorder, async |env, client| {
            client.all::<EndpointSlice>().update(&slice(json!([endpoint("1.1.1.3")]))).await.unwrap();
            env.sleep(Duration::from_millis(100)).await;
            client.namespaced::<Service>("d").delete("web").await.unwrap();
            env.sleep(Duration::from_secs(3600)).await;
        });
        assert_eq!(recorder.backends(), [vec!["1.1.1.1", "1.1.1.2"], vec!["1.1.1.3"], vec![]]);
    }

    #[test]
    fn a_burst_of_changes_is_applied_in_few_tables() {
        let recorder = Arc::<Recorder>::default();
        with_proxy(&recorder, async |env, client| {
            for last in 3..100 {
                let endpoints = json!([endpoint(&format!("1.1.1.{last}"))]);
                client.all::<EndpointSlice>().update(&slice(endpoints)).await.unwrap();
            }
            env.sleep(Duration::from_millis(100)).await;
        });
        let backends = recorder.backends();
        assert!(backends.len() <= 3, "{} tables", backends.len());
        assert_eq!(backends.last().unwrap(), &["1.1.1.99"]);
    }

    #[test]
    fn the_zone_of_the_node_decides_what_is_near() {
        let recorder = Arc::<Recorder>::default();
        with_proxy(&recorder, async |env, client| {
            let node =
                json!({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "1.1.1.2"}}});
            client.all::<Node>().create(&steersman_core::tree::from_value(node).unwrap()).await.unwrap();
            env.sleep(Duration::from_millis(100)).await;
        });
        assert_eq!(recorder.backends(), [vec!["1.1.1.1", "1.1.1.2"], vec!["1.1.1.2"]]);
    }

    #[test]
    fn what_could_not_be_applied_is_tried_again_unless_it_never_can() {
        let recorder = Arc::<Recorder>::default();
        let refusal = |table: &RuleTable, retryable| Refusal {
            frontend: table.rules[0].frontend,
            service: table.rules[0].service.clone(),
            why: "no".to_owned(),
            retryable,
        };
        let table = compile([&service()], [], &NodeTopology::default());
        *recorder.failures.lock().unwrap() = vec![
            NetworkError::Incomplete(vec![refusal(&table, false)]),
            NetworkError::Incomplete(vec![refusal(&table, false), refusal(&table, true)]),
            NetworkError::Failed("no".to_owned()),
        ];
        with_proxy(&recorder, async |env, _| env.sleep(Duration::from_secs(3600)).await);
        assert_eq!(recorder.applied.lock().unwrap().len(), 3);
    }
}
