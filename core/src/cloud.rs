//! The seam under the cloud controllers: load balancers and instances of somebody's cloud.
//!
//! The counterpart of upstream's `k8s.io/cloud-provider`, in the shape of its newest interfaces (`InstancesV2`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, Node, NodeAddress, Service};

/// A cloud: what it can do is what its abilities return.
pub trait CloudProvider: Send + Sync + 'static {
    /// The cloud's name, the scheme of `spec.providerID`.
    fn name(&self) -> &str;

    /// Load balancers for Services of type `LoadBalancer`, where the cloud has them.
    fn load_balancers(&self) -> Option<&dyn LoadBalancers> {
        None
    }

    /// Knowledge of the machines behind Nodes, where the cloud has it.
    fn instances(&self) -> Option<&dyn Instances> {
        None
    }
}

/// What a cloud can fail with; all of it may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CloudError(pub String);

/// The ability to put load balancers in front of Services. A Service is known by its uid.
#[async_trait]
pub trait LoadBalancers: Send + Sync {
    /// Makes the load balancer of `service` what its spec and `nodes` say, creating it where needed, and returns
    /// where it can be reached. May be repeated and may wait; afterwards exactly one load balancer exists.
    async fn ensure(&self, service: &Service, nodes: &[Arc<Node>]) -> Result<LoadBalancerStatus, CloudError>;

    /// Deletes the load balancer of `service`. May be repeated: succeeds if there is none. May wait; when it returns,
    /// nothing of the load balancer remains.
    async fn delete(&self, service: &Service) -> Result<(), CloudError>;
}

/// The ability to tell about the machines behind Nodes. A machine is found by `spec.providerID`, else by name.
#[async_trait]
pub trait Instances: Send + Sync {
    /// Whether the machine still exists. May be repeated; changes nothing.
    async fn exists(&self, node: &Node) -> Result<bool, CloudError>;

    /// Whether the machine is shut down, and could come back. May be repeated; changes nothing.
    async fn is_shutdown(&self, node: &Node) -> Result<bool, CloudError>;

    /// What the cloud knows of the machine; an error if it does not exist. May be repeated; changes nothing.
    async fn metadata(&self, node: &Node) -> Result<InstanceMetadata, CloudError>;
}

/// What a cloud knows of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceMetadata {
    /// The machine's identity: `<cloud>://<id>`.
    pub provider_id: String,
    /// The machine's size, for the label `node.kubernetes.io/instance-type`.
    pub instance_type: String,
    /// Its addresses.
    pub addresses: Vec<NodeAddress>,
    /// Its failure zone, for the label `topology.kubernetes.io/zone`.
    pub zone: String,
    /// Its region, for the label `topology.kubernetes.io/region`.
    pub region: String,
}

/// A cloud of nothing but memory: the reference implementation, for tests and prototypes. Cloning shares.
///
/// Every load balancer gets an address of 198.18.0.0/15 (RFC 2544, benchmarks), at most 131,070 at a time. Machines
/// exist once they were [put](InMemoryCloud::put_instance).
#[derive(Clone, Debug, Default)]
pub struct InMemoryCloud(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    balancers: BTreeMap<String, u32>,
    instances: BTreeMap<String, InstanceMetadata>,
    shutdown: BTreeSet<String>,
}

const FIRST_ADDRESS: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const ADDRESSES: u32 = (1 << 17) - 2;

impl InMemoryCloud {
    /// Makes the machine of the node `name` exist, and run.
    pub fn put_instance(&self, name: &str, metadata: InstanceMetadata) {
        let mut state = self.state();
        state.shutdown.remove(name);
        state.instances.insert(name.to_owned(), metadata);
    }

    /// Shuts the machine of the node `name` down; it still exists.
    pub fn shut_down(&self, name: &str) {
        self.state().shutdown.insert(name.to_owned());
    }

    /// Makes the machine of the node `name` exist no more.
    pub fn remove_instance(&self, name: &str) {
        self.state().instances.remove(name);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CloudProvider for InMemoryCloud {
    fn name(&self) -> &'static str {
        "in-memory"
    }

    fn load_balancers(&self) -> Option<&dyn LoadBalancers> {
        Some(self)
    }

    fn instances(&self) -> Option<&dyn Instances> {
        Some(self)
    }
}

#[async_trait]
impl LoadBalancers for InMemoryCloud {
    async fn ensure(
        &self,
        service: &Service,
        _nodes: &[Arc<Node>],
    ) -> Result<LoadBalancerStatus, CloudError> {
        let mut state = self.state();
        let number = state.number_for(service.metadata.uid.as_deref().unwrap_or_default())?;
        let ip = Ipv4Addr::from(FIRST_ADDRESS + number);
        let ingress = LoadBalancerIngress { ip: Some(ip.to_string()), ..LoadBalancerIngress::default() };
        Ok(LoadBalancerStatus { ingress: Some(vec![ingress]) })
    }

    async fn delete(&self, service: &Service) -> Result<(), CloudError> {
        self.state().balancers.remove(service.metadata.uid.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl State {
    /// The number of a Service's load balancer: the one it has, or the lowest that is free.
    fn number_for(&mut self, uid: &str) -> Result<u32, CloudError> {
        if let Some(number) = self.balancers.get(uid) {
            return Ok(*number);
        }
        let taken: BTreeSet<u32> = self.balancers.values().copied().collect();
        let number = (1..=ADDRESSES).find(|number| !taken.contains(number));
        let number = number.ok_or_else(|| CloudError("no load balancer address is left".to_owned()))?;
        self.balancers.insert(uid.to_owned(), number);
        Ok(number)
    }
}

#[async_trait]
impl Instances for InMemoryCloud {
    async fn exists(&self, node: &Node) -> Result<bool, CloudError> {
        Ok(self.state().instances.contains_key(name_of(node)))
    }

    async fn is_shutdown(&self, node: &Node) -> Result<bool, CloudError> {
        Ok(self.state().shutdown.contains(name_of(node)))
    }

    async fn metadata(&self, node: &Node) -> Result<InstanceMetadata, CloudError> {
        let name = name_of(node);
        let found = self.state().instances.get(name).cloned();
        found.ok_or_else(|| CloudError(format!("instance {name:?} not found")))
    }
}

fn name_of(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    fn service(uid: &str) -> Service {
        let mut service = Service::default();
        service.metadata.uid = Some(uid.to_owned());
        service
    }

    fn address(cloud: &InMemoryCloud, uid: &str) -> String {
        let status = block_on(cloud.ensure(&service(uid), &[])).unwrap();
        status.ingress.unwrap()[0].ip.clone().unwrap()
    }

    #[test]
    fn a_load_balancer_keeps_its_address_and_gives_it_back_when_deleted() {
        let cloud = InMemoryCloud::default();
        assert_eq!(address(&cloud, "a"), "198.18.0.1");
        assert_eq!(address(&cloud, "b"), "198.18.0.2");
        assert_eq!(address(&cloud, "a"), "198.18.0.1");
        block_on(cloud.delete(&service("a"))).unwrap();
        block_on(cloud.delete(&service("a"))).unwrap();
        assert_eq!(address(&cloud, "c"), "198.18.0.1");
    }

    #[test]
    fn a_machine_that_was_shut_down_still_exists() {
        let cloud = InMemoryCloud::default();
        let mut node = Node::default();
        node.metadata.name = Some("n".to_owned());
        cloud.put_instance("n", InstanceMetadata::default());
        cloud.shut_down("n");
        assert_eq!(block_on(cloud.is_shutdown(&node)), Ok(true));
        assert_eq!(block_on(cloud.exists(&node)), Ok(true));
        cloud.remove_instance("n");
        assert_eq!(block_on(cloud.exists(&node)), Ok(false));
        assert!(block_on(Instances::metadata(&cloud, &node)).is_err());
    }
}
