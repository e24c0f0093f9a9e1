//! One node: a kubelet over a runtime, which can die and come back.

use std::net::Ipv4Addr;
use std::sync::Arc;

use steersman_core::env::Task;
use steersman_core::{Client, Env, Runtime};
use steersman_kubelet::{Fake, Kubelet, KubeletOptions, Subnet};

/// What a node runs containers on.
pub(crate) enum Machine {
    /// Fake containers, which a power cut ends.
    Fake(Fake),
    /// Somebody's own runtime, whose containers outlive a kubelet.
    Own(Arc<dyn Runtime>),
}

/// A node of this process.
pub(crate) struct Node {
    env: Env,
    client: Client,
    name: String,
    machine: Machine,
    kubelet: Option<Task<()>>,
}

impl Machine {
    /// The fake machine of the node of that number, with pod addresses of its own: 10.128.1.0/24, 10.128.2.0/24, …
    pub(crate) fn fake(env: &Env, number: usize) -> Self {
        let env = env.child("machine").child(&format!("node-{number}"));
        let offset = u32::try_from(number).unwrap_or(u32::MAX).wrapping_mul(256);
        let first = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)).wrapping_add(offset));
        Machine::Fake(Fake::new(&env).subnet(Subnet::new(first, 24)))
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        match self {
            Machine::Fake(fake) => Arc::new(fake.clone()),
            Machine::Own(runtime) => runtime.clone(),
        }
    }
}

impl Node {
    pub(crate) fn start(env: &Env, client: Client, name: &str, machine: Machine) -> Self {
        let mut node = Node { env: env.clone(), client, name: name.to_owned(), machine, kubelet: None };
        node.recover();
        node
    }

    /// The kubelet stops; fake containers end with it.
    pub(crate) fn fail(&mut self) {
        self.kubelet = None;
        if let Machine::Fake(fake) = &self.machine {
            fake.lose_power();
        }
    }

    pub(crate) fn recover(&mut self) {
        if self.kubelet.is_none() {
            let kubelet = Kubelet::new(
                &self.env,
                &self.client,
                &self.name,
                self.machine.runtime(),
                KubeletOptions::default(),
            );
            let task = format!("kubelet/{}/run", self.name);
            self.kubelet = Some(self.env.spawn(&task, kubelet.run()));
        }
    }
}
