//! Remembers which backend a client was sent to, for as long as the service's affinity lasts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use steersman_core::network::{Action, Backend, Frontend, Rule};

/// The most clients that are remembered; then the one that was silent longest is forgotten.
const CLIENTS: usize = 65_536;

/// Who was sent where, and when last.
#[derive(Debug, Default)]
pub(crate) struct Affinity {
    clients: BTreeMap<(Frontend, IpAddr), (Backend, Duration)>,
}

impl Affinity {
    /// The backend that the client was sent to, if that is not too long ago and the action still allows it.
    pub(crate) fn backend(
        &self,
        rule: &Rule,
        action: &Action,
        client: IpAddr,
        now: Duration,
    ) -> Option<Backend> {
        let (backend, last) = self.clients.get(&(rule.frontend, client))?;
        let lasts = now.saturating_sub(*last) < rule.affinity?;
        let allowed = matches!(action, Action::Forward(backends) if backends.contains(backend));
        (lasts && allowed).then(|| backend.clone())
    }

    /// Notes where the client was sent now; nothing if the rule has no affinity.
    pub(crate) fn remember(&mut self, rule: &Rule, client: IpAddr, backend: &Backend, now: Duration) {
        if rule.affinity.is_none() {
            return;
        }
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&(rule.frontend, client)) {
            let silent = self.clients.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| *key);
            silent.and_then(|key| self.clients.remove(&key));
        }
        self.clients.insert((rule.frontend, client), (backend.clone(), now));
    }

    /// Forgets clients of addresses that are not in use any more.
    pub(crate) fn keep(&mut self, in_use: impl Fn(&Frontend) -> bool) {
        self.clients.retain(|(frontend, _), _| in_use(frontend));
    }
}
