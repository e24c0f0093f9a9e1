//! A network that moves no packets but answers where they would go: for tests, for simulation, and for people who ask.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use steersman_core::Env;
use steersman_core::network::{
    Action, Address, Backend, Frontend, IpFamily, Network, NetworkError, Protocol, Rule, RuleTable,
};

use crate::affinity::Affinity;

/// Holds the rules of one node and answers for them.
#[derive(Debug)]
pub struct Table {
    env: Env,
    node_addresses: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    table: RuleTable,
    affinity: Affinity,
}

/// The first packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it.
    pub source: IpAddr,
    /// Where it starts.
    pub origin: Origin,
    /// Where it is sent.
    pub destination: SocketAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// Chooses among backends that are all as good: equal draws choose equally.
    pub draw: u64,
}

/// Where a packet starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the node whose table it is, or in a pod on it.
    Node,
    /// Elsewhere.
    Elsewhere,
}

/// What would happen to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes to this backend.
    Forward(Backend),
    /// Its sender is told that nobody is there.
    Reject,
    /// It disappears.
    Drop,
    /// It goes where it was sent: no service has that address.
    NoService,
}

impl Table {
    /// An empty table of a node with these addresses, where its node ports are.
    pub fn new(env: &Env, node_addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let node_addresses = node_addresses.into_iter().collect();
        Table { env: env.clone(), node_addresses, state: Mutex::default() }
    }

    /// Says what would happen to a packet, and remembers it where the service has session affinity.
    pub fn route(&self, packet: &Packet) -> Verdict {
        let now = self.env.elapsed();
        let State { table, affinity } = &mut *self.state();
        let Some(rule) = self.rule(table, packet) else { return Verdict::NoService };
        if rule
            .sources
            .as_ref()
            .is_some_and(|sources| !sources.iter().any(|range| range.contains(packet.source)))
        {
            return Verdict::Drop;
        }
        let action = match packet.origin {
            Origin::Node => &rule.from_node,
            Origin::Elsewhere => &rule.from_elsewhere,
        };
        let known = affinity.backend(rule, action, packet.source, now);
        let Some(backend) = known.or_else(|| drawn(action, packet.draw)) else { return refusal(action) };
        affinity.remember(rule, packet.source, &backend, now);
        Verdict::Forward(backend)
    }

    /// The rules in force.
    pub fn rules(&self) -> RuleTable {
        self.state().table.clone()
    }

    fn rule<'a>(&self, table: &'a RuleTable, packet: &Packet) -> Option<&'a Rule> {
        let ip = packet.destination.ip();
        let node = self.node_addresses.contains(&ip).then(|| Address::Node(IpFamily::of(ip)));
        let addresses = [Address::Cluster(ip), Address::External(ip), Address::LoadBalancer(ip)];
        addresses.into_iter().chain(node).find_map(|address| {
            let frontend = Frontend { address, port: packet.destination.port(), protocol: packet.protocol };
            let found = table.rules.binary_search_by_key(&frontend, |rule| rule.frontend).ok()?;
            table.rules.get(found)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Network for Table {
    async fn apply(&self, table: &RuleTable) -> Result<(), NetworkError> {
        let mut state = self.state();
        state.table = table.clone();
        let in_use =
            |frontend: &Frontend| table.rules.binary_search_by_key(frontend, |rule| rule.frontend).is_ok();
        state.affinity.keep(in_use);
        Ok(())
    }
}

fn drawn(action: &Action, draw: u64) -> Option<Backend> {
    let Action::Forward(backends) = action else { return None };
    let index = draw.checked_rem(backends.len() as u64)?;
    backends.get(usize::try_from(index).ok()?).cloned()
}

fn refusal(action: &Action) -> Verdict {
    match action {
        Action::Drop => Verdict::Drop,
        _ => Verdict::Reject,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use steersman_core::network::ServicePortName;
    use steersman_core::testing::Lab;

    use super::*;

    fn backend(last: u8) -> Backend {
        Backend { address: [1, 1, 1, last].into(), port: 8080, local: false }
    }

    fn rule(address: Address, from_elsewhere: Action) -> Rule {
        Rule {
            frontend: Frontend { address, port: 80, protocol: Protocol::Tcp },
            service: ServicePortName { namespace: "d".into(), name: "web".into(), port: String::new() },
            from_node: Action::Forward([backend(1), backend(2)].into()),
            from_elsewhere,
            affinity: None,
            sources: None,
        }
    }

    fn both() -> Action {
        Action::Forward([backend(1), backend(2)].into())
    }

    fn packet(destination: &str) -> Packet {
        Packet {
            source: [5, 5, 5, 5].into(),
            origin: Origin::Elsewhere,
            destination: destination.parse().unwrap(),
            protocol: Protocol::Tcp,
            draw: 0,
        }
    }

    fn table(lab: &Lab, rules: Vec<Rule>) -> Table {
        let table = Table::new(&lab.env(), [IpAddr::from([7, 7, 7, 7])]);
        lab.run(table.apply(&RuleTable { rules })).unwrap();
        table
    }

    #[test]
    fn a_packet_goes_where_the_rule_of_its_address_says() {
        let lab = Lab::new();
        let table = table(
            &lab,
            vec![
                rule(Address::Cluster([10, 0, 0, 1].into()), both()),
                rule(Address::External([9, 9, 9, 9].into()), Action::Drop),
                Rule {
                    sources: Some(vec!["1.0.0.0/8".parse().unwrap()]),
                    ..rule(Address::LoadBalancer([8, 8, 8, 8].into()), both())
                },
                rule(Address::Node(IpFamily::V4), Action::Reject),
            ],
        );
        let cases = [
            (packet("10.0.0.1:80"), Verdict::Forward(backend(1))),
            (Packet { draw: 3, ..packet("10.0.0.1:80") }, Verdict::Forward(backend(2))),
            (packet("10.0.0.1:81"), Verdict::NoService),
            (Packet { protocol: Protocol::Udp, ..packet("10.0.0.1:80") }, Verdict::NoService),
            (packet("9.9.9.9:80"), Verdict::Drop),
            (Packet { origin: Origin::Node, ..packet("9.9.9.9:80") }, Verdict::Forward(backend(1))),
            (packet("8.8.8.8:80"), Verdict::Drop),
            (Packet { source: [1, 2, 3, 4].into(), ..packet("8.8.8.8:80") }, Verdict::Forward(backend(1))),
            (packet("7.7.7.7:80"), Verdict::Reject),
            (packet("7.7.7.8:80"), Verdict::NoService),
        ];
        for (packet, verdict) in cases {
            assert_eq!(table.route(&packet), verdict, "{packet:?}");
        }
    }

    #[test]
    fn affinity_keeps_a_client_at_its_backend_until_it_was_silent_for_long() {
        let lab = Lab::new();
        let sticky = Rule {
            affinity: Some(Duration::from_secs(60)),
            ..rule(Address::Cluster([10, 0, 0, 1].into()), both())
        };
        let table = table(&lab, vec![sticky.clone()]);
        let draw = |draw| table.route(&Packet { draw, ..packet("10.0.0.1:80") });
        assert_eq!(draw(1), Verdict::Forward(backend(2)));
        for _ in 0..3 {
            lab.run(lab.env().sleep(Duration::from_secs(59)));
            assert_eq!(draw(0), Verdict::Forward(backend(2)));
        }
        lab.run(lab.env().sleep(Duration::from_secs(60)));
        assert_eq!(draw(0), Verdict::Forward(backend(1)));
        let gone = Rule { from_elsewhere: Action::Forward([backend(3)].into()), ..sticky };
        lab.run(table.apply(&RuleTable { rules: vec![gone] })).unwrap();
        assert_eq!(draw(0), Verdict::Forward(backend(3)));
    }
}
