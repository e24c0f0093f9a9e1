//! A network of ordinary sockets: listens at every address of every service and passes connections on.
//!
//! Needs no rights and no kernel modules, only that the addresses are the host's: all of 127.0.0.0/8 are on Linux. One
//! such network serves a host, as two cannot listen at one address. Differences to rules in a kernel: backends see the
//! proxy as their client; connections that are to be dropped are reset, as those that are to be rejected; UDP and SCTP
//! are refused by [`Network::apply`]. Must be used on a tokio runtime.

mod balance;
mod serve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::join_all;
use steersman_core::Env;
use steersman_core::env::Task;
use steersman_core::network::{Address, IpFamily, Network, NetworkError, Protocol, Refusal, Rule, RuleTable};
use tokio::net::TcpListener;

use balance::Balance;
use serve::Closing;

/// The most listeners that are closed but still have connections; then the oldest is cut off.
const DRAINING: usize = 1024;

/// Listens at the addresses of services and copies bytes between clients and backends.
///
/// A new table changes where new connections go. Established ones are left alone, whatever happens to their service;
/// dropping this ends everything.
#[derive(Debug)]
pub struct Userspace {
    env: Env,
    node_addresses: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listeners: BTreeMap<SocketAddr, Listener>,
    /// Listeners that accept nothing more, oldest first.
    draining: Vec<Task<()>>,
}

#[derive(Debug)]
struct Listener {
    balance: Arc<Balance>,
    closing: Closing,
    task: Task<()>,
}

impl Userspace {
    /// A network that serves nothing yet, and node ports on 127.0.0.1.
    pub fn new(env: &Env) -> Self {
        let node_addresses = vec![Ipv4Addr::LOCALHOST.into()];
        Userspace { env: env.child("userspace"), node_addresses, state: Mutex::default() }
    }

    /// Serves node ports on these addresses instead.
    #[must_use]
    pub fn node_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.node_addresses = addresses.into_iter().collect();
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules by the address that they are served at, and those that cannot be served. Where two rules want one
    /// address, the first has it.
    fn sockets<'a>(&self, table: &'a RuleTable) -> (BTreeMap<SocketAddr, &'a Rule>, Vec<Refusal>) {
        let (mut sockets, mut refusals) = (BTreeMap::new(), Vec::new());
        for rule in &table.rules {
            let addresses = self.addresses(rule.frontend.address);
            if rule.frontend.protocol != Protocol::Tcp {
                refusals.push(unsupported(rule, "the userspace network passes on TCP only"));
            } else if addresses.is_empty() {
                refusals.push(unsupported(rule, "the node has no address of this family for node ports"));
            }
            for address in addresses.into_iter().filter(|_| rule.frontend.protocol == Protocol::Tcp) {
                sockets.entry(SocketAddr::new(address, rule.frontend.port)).or_insert(rule);
            }
        }
        (sockets, refusals)
    }

    fn addresses(&self, address: Address) -> Vec<IpAddr> {
        match address {
            Address::Cluster(ip) | Address::External(ip) | Address::LoadBalancer(ip) => vec![ip],
            Address::Node(family) => {
                self.node_addresses.iter().copied().filter(|ip| IpFamily::of(*ip) == family).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Ends listening where nothing is served any more, and waits for the sockets to be closed.
    async fn close_others(&self, wanted: &BTreeMap<SocketAddr, &Rule>) {
        let mut closed = Vec::new();
        {
            let mut state = self.state();
            state.draining.retain_mut(|task| task.now_or_never().is_none());
            let unwanted: Vec<SocketAddr> =
                state.listeners.keys().filter(|socket| !wanted.contains_key(socket)).copied().collect();
            for listener in
                unwanted.iter().filter_map(|socket| state.listeners.remove(socket)).collect::<Vec<_>>()
            {
                closed.push(listener.closing.close());
                state.draining.push(listener.task);
            }
            let excess = state.draining.len().saturating_sub(DRAINING);
            state.draining.drain(..excess);
        }
        join_all(closed).await;
    }

    fn listen(&self, socket: SocketAddr, rule: &Rule) -> io::Result<Listener> {
        let listener = std::net::TcpListener::bind(socket)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let balance = Arc::new(Balance::new(&self.env, rule.clone(), self.node_addresses.clone()));
        let (closing, close) = Closing::new();
        let serving = serve::serve(self.env.clone(), listener, balance.clone(), close);
        let task = self.env.spawn(&format!("listener/{socket}"), serving);
        Ok(Listener { balance, closing, task })
    }
}

#[async_trait]
impl Network for Userspace {
    async fn apply(&self, table: &RuleTable) -> Result<(), NetworkError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(NetworkError::Failed("the userspace network needs a tokio runtime".to_owned()));
        }
        let (sockets, mut refusals) = self.sockets(table);
        self.close_others(&sockets).await;
        let mut state = self.state();
        for (socket, rule) in sockets {
            if let Some(listener) = state.listeners.get(&socket) {
                listener.balance.set_rule(rule.clone());
                continue;
            }
            match self.listen(socket, rule) {
                Ok(listener) => drop(state.listeners.insert(socket, listener)),
                Err(error) => refusals.push(not_listening(rule, socket, &error)),
            }
        }
        drop(state);
        if refusals.is_empty() { Ok(()) } else { Err(NetworkError::Incomplete(refusals)) }
    }
}

fn unsupported(rule: &Rule, why: &str) -> Refusal {
    Refusal { frontend: rule.frontend, service: rule.service.clone(), why: why.to_owned(), retryable: false }
}

fn not_listening(rule: &Rule, socket: SocketAddr, error: &io::Error) -> Refusal {
    let why = format!("cannot listen at {socket}: {error}");
    Refusal { frontend: rule.frontend, service: rule.service.clone(), why, retryable: true }
}
