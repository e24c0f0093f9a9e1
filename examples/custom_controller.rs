//! A controller of one's own: every namespace gets a ConfigMap named `welcome`, and keeps it.
#![expect(clippy::print_stdout, reason = "it talks to a person")]

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use steersman::controllers::{Controller, Key, Outcome, Sources, View};
use steersman::prelude::*;
use steersman::sim::Sim;

struct Welcome;

impl Controller for Welcome {
    type Object = Namespace;
    const NAME: &'static str = "welcome";

    fn sources(&self) -> Sources {
        Sources::new().watches::<ConfigMap>(|_, change| vec![Key::new("", change.object().namespace())])
    }

    fn reconcile(&self, view: &View, namespace: &Namespace) -> Outcome {
        let mut outcome = Outcome::done();
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        if view.get::<ConfigMap>(name, "welcome").is_none() {
            let mut welcome = ConfigMap::default();
            welcome.metadata.name = Some("welcome".to_owned());
            welcome.metadata.namespace = Some(name.to_owned());
            outcome.create(&welcome);
        }
        outcome
    }
}

fn main() -> Result<()> {
    let sim = Sim::new(1);
    sim.block_on(async {
        let cluster = Cluster::builder().controller(Welcome).start(&sim.env()).await?;
        cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}").await?;
        cluster.settle().await?;

        let maps = cluster.api::<ConfigMap>().namespace("shop");
        maps.delete("welcome").await?;
        cluster.settle().await?;
        let welcome = maps.get("welcome").await?;
        println!("back again: {:?} with uid {:?}", welcome.metadata.name, welcome.metadata.uid);
        Ok(())
    })
}
