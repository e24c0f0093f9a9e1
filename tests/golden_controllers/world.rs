//! The cluster that a scenario is played in: API server and controllers as the corpus's README sets them, the scripted
//! kubelets and binder, and its nodes.

use std::sync::Arc;

use steersman::apiserver::{Server, User};
use steersman::controllers::Controllers;
use steersman::core::Store;
use steersman::sim::Sim;
use steersman::store::Memory;

use crate::corpus::Scenario;
use crate::flags::Flags;
use crate::kubelet::Script;
use crate::nodes::Nodes;
use crate::play::{self, Player};
use crate::slow::Slow;
use crate::witness::Witness;

/// Runs a scenario in a world of its own.
pub(crate) fn run(
    scenario: &Scenario,
    play: impl AsyncFn(&Scenario, &Player) -> Result<(), String>,
) -> Result<(), String> {
    let flags = Flags::with(&scenario.kcm)?;
    let sim = Sim::new(1);
    let env = sim.env();
    sim.block_on(async {
        let slow = Slow::new(Arc::new(Memory::new()), env.clone());
        let (witness, store) = Witness::of(Arc::new(slow), env.clone(), &scenario.namespace);
        let store = Arc::new(store);
        let server = Server::builder(store.clone())
            .without_admission("ServiceAccount")
            .without_admission("DefaultTolerationSeconds")
            .start(&env)
            .await
            .map_err(|error| error.to_string())?;
        let client = server.client_as(User::admin(), "golden");
        let keeper = env.spawn("store", {
            let (store, env) = (store.clone(), env.clone());
            async move { store.run(env).await }
        });
        let running =
            flags.controllers().add_to(Controllers::new(&env.child("kcm"), &client), &client).start();
        let script = Script::new(client.clone(), env.child("kubelet"));
        let nodes = Nodes::new(client.clone(), env.child("nodes"));
        nodes.create_pool(flags.pool).await;
        let helpers =
            [env.spawn("kubelet", script.clone().run()), env.spawn("leases", nodes.clone().renew())];
        play::create(&client, "/api/v1/namespaces", play::namespace(&scenario.namespace)).await;
        play::wait_for_defaults(&env, &client, &scenario.namespace).await;
        let namespace = scenario.namespace.clone();
        let player = Player { env, client, witness, script, nodes, namespace };
        let outcome = play(scenario, &player).await;
        drop((running, helpers, keeper));
        outcome
    })
}
