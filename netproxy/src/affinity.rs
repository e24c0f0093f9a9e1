//! Remembers which backend a client was sent to, for as long as the service's affinity lasts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use steersman_core::network::{Action, Backend, Frontend, Rule};

/// The most clients that are remembered; then the half that was silent longest is forgotten.
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
        if self.clients.len() >= CLIENTS {
            self.forget_half();
        }
        self.clients.insert((rule.frontend, client), (backend.clone(), now));
    }

    /// Forgets clients of addresses that are not in use any more.
    pub(crate) fn keep(&mut self, in_use: impl Fn(&Frontend) -> bool) {
        self.clients.retain(|(frontend, _), _| in_use(frontend));
    }

    fn forget_half(&mut self) {
        let mut times: Vec<Duration> = self.clients.values().map(|(_, last)| *last).collect();
        let half = times.len() / 2;
        let median = *times.select_nth_unstable(half).1;
        self.clients.retain(|_, (_, last)| *last > median);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use steersman_core::network::{Address, Protocol, ServicePortName};

    use super::*;

    #[test]
    fn the_clients_that_were_silent_longest_are_forgotten_first() {
        let backend = Backend { address: Ipv4Addr::LOCALHOST.into(), port: 1, local: true };
        let action = Action::Forward([backend.clone()].into());
        let rule = Rule {
            frontend: Frontend {
                address: Address::Cluster(Ipv4Addr::LOCALHOST.into()),
                port: 1,
                protocol: Protocol::Tcp,
            },
            service: ServicePortName { namespace: "d".into(), name: "web".into(), port: String::new() },
            from_node: action.clone(),
            from_elsewhere: action.clone(),
            affinity: Some(Duration::from_secs(1 << 20)),
            sources: None,
        };
        let client = |number: usize| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap()));
        let at = |number: usize| Duration::from_secs(number as u64);
        let mut affinity = Affinity::default();
        for number in 0..=CLIENTS {
            affinity.remember(&rule, client(number), &backend, at(number));
        }
        let known = |number| affinity.backend(&rule, &action, client(number), at(CLIENTS)).is_some();
        assert!(affinity.clients.len() <= CLIENTS);
        assert!(!known(0) && !known(CLIENTS / 3) && known(CLIENTS * 2 / 3) && known(CLIENTS));
    }
}
