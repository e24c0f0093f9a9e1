//! Whatever happens to a pod, in whatever order: what must never be, is not.

use std::collections::BTreeMap;

use steersman_core::runtime::{ProbeKind, Verdict};
use steersman_core::tree::{Value, json};

use super::world::World;
use crate::pod::{Failure, Input};

/// A number below `bound`, the next of a sequence that the seed decides.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = usize::try_from(self.throw(from.len() as u64)).unwrap();
        &from[place]
    }
}

fn spec(dice: &mut Dice) -> Value {
    let probe = json!({"exec": {"command": ["x"]}, "periodSeconds": 5});
    let hook = json!({"preStop": {"exec": {"command": ["x"]}}, "postStart": {"exec": {"command": ["x"]}}});
    let policy = dice.pick(&["Always", "OnFailure", "Never"]).to_owned();
    let mut web = json!({"name": "web", "image": "i"});
    if dice.throw(2) == 0 {
        web["lifecycle"] = hook;
    }
    for kind in ["startupProbe", "livenessProbe", "readinessProbe"] {
        if dice.throw(2) == 0 {
            web[kind] = probe.clone();
        }
    }
    let all = [json!({"name": "init"}), json!({"name": "side", "restartPolicy": "Always"})];
    let count = usize::try_from(dice.throw(3)).unwrap();
    json!({"restartPolicy": policy, "initContainers": all[..count], "containers": [web, {"name": "aux", "image": "j"}]})
}

fn happens(world: &mut World, dice: &mut Dice) {
    let running = world.running();
    match dice.throw(12) {
        0..=3 => world.pass(i64::try_from(dice.throw(400)).unwrap()),
        4 | 5 if !running.is_empty() => {
            let name = dice.pick(&running).clone();
            world.exit(&name, i32::from(dice.throw(2) == 0));
        }
        6 => {
            let kind = *dice.pick(&[ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness]);
            let verdict =
                [Verdict::Success, Verdict::Failure("no".to_owned()), Verdict::Unknown("?".to_owned())];
            world.verdicts.insert(("web".to_owned(), kind), dice.pick(&verdict).clone());
        }
        7 => {
            let reason = *dice.pick(&["RunContainerError", "CreateContainerConfigError"]);
            world.start_failures.insert("web".to_owned(), Failure { reason, message: "no".to_owned() });
        }
        8 => world.start_failures.clear(),
        9 => drop(world.pulls.insert("j".to_owned(), if dice.throw(2) == 0 { Ok(()) } else { Err("no") })),
        10 => world.sandbox_dies(),
        _ => world.begin(),
    }
}

#[test]
fn restarts_are_counted_up_ends_are_final_and_everything_can_be_removed() {
    for seed in 1..=500 {
        let mut dice = Dice(seed);
        let mut world = World::new(spec(&mut dice));
        world.begin();
        let mut restarts = BTreeMap::new();
        let mut end = None;
        for _ in 0..40 {
            happens(&mut world, &mut dice);
            let status = world.status();
            for container in status.container_statuses.into_iter().flatten() {
                let before = restarts.insert(container.name.clone(), container.restart_count).unwrap_or(0);
                assert!(
                    before <= container.restart_count,
                    "seed {seed}: {} was restarted less",
                    container.name
                );
            }
            let phase = status.phase.unwrap();
            assert!(end.is_none() || end.as_ref() == Some(&phase), "seed {seed}: {end:?} became {phase}");
            end = end.or(["Succeeded", "Failed"].contains(&phase.as_str()).then_some(phase));
        }
        world.deaf = dice.throw(2) == 0;
        world.take_done();
        world.delete(10);
        world.delete(0);
        world.pass(30);
        let done = world.take_done();
        assert!(!done.iter().any(|done| done.starts_with("start")), "seed {seed}: {done:?}");
        assert_eq!(done.iter().filter(|done| *done == "delete").count(), 1, "seed {seed}: {done:?}");
        assert_eq!(world.running(), Vec::<String>::new(), "seed {seed}");
        let pod = world.machine.pod().clone();
        world.tell(Input::Removed(pod));
        assert!(world.machine.is_gone(), "seed {seed}: {:?}", world.machine);
    }
}
