//! One node: a kubelet over a runtime, which can die and come back.

use std::net::Ipv4Addr;
use std::sync::Arc;

use futures::FutureExt;
use steersman_core::env::Task;
use steersman_core::{Client, Env, Runtime};
use steersman_kubelet::{Endpoint, Fake, Kubelet, KubeletOptions, Subnet};

use crate::reachable::Reachable;

/// What a node runs containers on.
pub(crate) enum Machine {
    /// Fake containers, which do not outlive the node.
    Fake(Rack),
    /// Somebody's own runtime, whose containers outlive a kubelet.
    Own(Arc<dyn Runtime>),
}

/// Where a fake machine stands: its names, its pod addresses, and how often it was switched on.
pub(crate) struct Rack {
    env: Env,
    subnet: Subnet,
    boots: u64,
}

/// A node of this process.
pub(crate) struct Node {
    env: Env,
    client: Client,
    name: String,
    machine: Machine,
    options: KubeletOptions,
    reachable: Reachable,
    kubelet: Option<Task<()>>,
}

impl Machine {
    /// The fake machine of the node of that number, with pod addresses of its own: 10.128.1.0/24, 10.128.2.0/24, …
    pub(crate) fn fake(env: &Env, number: usize) -> Self {
        let env = env.child("machine").child(&format!("node-{number}"));
        let offset = u32::try_from(number).unwrap_or(u32::MAX).wrapping_mul(256);
        let first = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)).wrapping_add(offset));
        Machine::Fake(Rack { env, subnet: Subnet::new(first, 24), boots: 0 })
    }

    fn switch_on(&mut self) -> Arc<dyn Runtime> {
        match self {
            Machine::Fake(rack) => {
                rack.boots += 1;
                let env = rack.env.child(&format!("boot-{}", rack.boots));
                Arc::new(Fake::new(&env).subnet(rack.subnet))
            }
            Machine::Own(runtime) => runtime.clone(),
        }
    }
}

impl Node {
    pub(crate) fn start(
        env: &Env,
        client: Client,
        name: &str,
        machine: Machine,
        options: KubeletOptions,
        reachable: Reachable,
    ) -> Self {
        let (env, name) = (env.clone(), name.to_owned());
        let mut node = Node { env, client, name, machine, options, reachable, kubelet: None };
        node.recover();
        node
    }

    /// The kubelet stops, and fake containers are gone.
    pub(crate) fn fail(&mut self) {
        self.kubelet = None;
        self.reachable.remove(&self.name);
    }

    /// Starts the kubelet, if it does not run.
    pub(crate) fn recover(&mut self) {
        let stopped = self.kubelet.as_mut().is_none_or(|task| task.now_or_never().is_some());
        if stopped {
            let runtime = self.machine.switch_on();
            let options = self.options.clone();
            self.reachable.insert(&self.name, Endpoint::new(&self.client, &self.name, runtime.clone()));
            let kubelet = Kubelet::new(&self.env, &self.client, &self.name, runtime, options);
            let task = format!("kubelet/{}/run", self.name);
            self.kubelet = Some(self.env.spawn(&task, kubelet.run()));
        }
    }
}

impl Drop for Node {
    /// Nobody reaches its kubelet any more; what is reached holds a client, and with it the server.
    fn drop(&mut self) {
        self.fail();
    }
}
