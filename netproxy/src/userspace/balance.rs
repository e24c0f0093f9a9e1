//! Chooses the backends for each new connection to one address, from the newest rule.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use steersman_core::Env;
use steersman_core::network::{Action, Backend, Rule};

use crate::affinity::Affinity;

/// The rule of one address, and whose turn it is.
#[derive(Debug)]
pub(super) struct Balance {
    env: Env,
    node_addresses: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rule: Rule,
    turn: usize,
    affinity: Affinity,
}

impl Balance {
    pub(super) fn new(env: &Env, rule: Rule, node_addresses: Vec<IpAddr>) -> Self {
        let state = State { rule, turn: 0, affinity: Affinity::default() };
        Balance { env: env.clone(), node_addresses, state: Mutex::new(state) }
    }

    pub(super) fn set_rule(&self, rule: Rule) {
        self.state().rule = rule;
    }

    /// The backends for a connection from `client` to `local`, in the order to try them: the client's own first if
    /// there is affinity, then each of the others once, starting with the next in turn. Empty if the connection is to
    /// be refused.
    pub(super) fn order(&self, client: IpAddr, local: SocketAddr) -> Vec<Backend> {
        let now = self.env.elapsed();
        let state = &mut *self.state();
        let allowed = |sources: &Vec<_>| {
            sources.iter().any(|range: &steersman_core::addresses::Cidr| range.contains(client))
        };
        let action =
            if self.is_on_node(client, local) { &state.rule.from_node } else { &state.rule.from_elsewhere };
        let Action::Forward(backends) = action else { return Vec::new() };
        if backends.is_empty() || !state.rule.sources.as_ref().is_none_or(allowed) {
            return Vec::new();
        }
        let mut order = backends.to_vec();
        state.turn = state.turn.wrapping_add(1);
        order.rotate_left(state.turn % backends.len());
        if let Some(own) = state.affinity.backend(&state.rule, action, client, now) {
            // False sorts before true, and the sort is stable.
            order.sort_by_key(|backend| *backend != own);
        }
        order
    }

    /// Notes that a client was connected to a backend.
    pub(super) fn connected(&self, client: IpAddr, backend: &Backend) {
        let now = self.env.elapsed();
        let State { rule, affinity, .. } = &mut *self.state();
        affinity.remember(rule, client, backend, now);
    }

    /// Whether the client is this host, as far as addresses tell.
    fn is_on_node(&self, client: IpAddr, local: SocketAddr) -> bool {
        client.is_loopback() || client == local.ip() || self.node_addresses.contains(&client)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
