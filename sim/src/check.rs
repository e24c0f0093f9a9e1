//! Runs a story under many seeds, each another interleaving, and says how to replay the one that failed.

use std::any::Any;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Sim;

/// Runs `story` once for every seed; with the variable `SIM_SEED` set, only for that seed.
///
/// # Panics
/// If the story panics under a seed, with that seed, the last recorded lines and the line that replays it.
///
/// ```
/// steersman_sim::check(1..=3, async |sim| {
///     sim.advance(std::time::Duration::from_secs(1)).await;
///     assert_eq!(sim.env().elapsed().as_secs(), 1);
/// });
/// ```
pub fn check(seeds: RangeInclusive<u64>, story: impl AsyncFn(&Sim)) {
    let only = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(seeds, |seed: u64| seed..=seed);
    for seed in seeds {
        let sim = Sim::new(seed);
        let outcome = catch_unwind(AssertUnwindSafe(|| sim.block_on(story(&sim))));
        if let Err(panic) = outcome {
            let lines = sim.recent().join("\n");
            panic!("{}\n{lines}\nseed {seed} failed; replay it with SIM_SEED={seed}", words(&*panic));
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the story panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "replay it with SIM_SEED=2")]
    fn a_failing_seed_is_named() {
        check(1..=3, async |sim| assert_ne!(sim.seed(), 2, "two"));
    }
}
