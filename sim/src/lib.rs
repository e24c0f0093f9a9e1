//! Deterministic executor with virtual time, fault wrappers and invariants.
//!
//! A [`Sim`] runs everything that was given its [`Env`](steersman_core::Env) on the calling thread. Which of several
//! tasks that could run runs next is drawn from the seed; time stands still while anything can run and then jumps to
//! the next timer. The same seed and the same program give the same [event log](Sim::log_hash), byte for byte.
//!
//! ```
//! use std::time::Duration;
//!
//! let sim = steersman_sim::Sim::new(4711);
//! let env = sim.env();
//! let slept = sim.block_on(async {
//!     env.sleep(Duration::from_secs(3600)).await;
//!     env.elapsed()
//! });
//! assert_eq!(slept, Duration::from_secs(3600));
//! ```
#![forbid(unsafe_code)]

mod check;
mod executor;
mod faults;
mod log;
mod recorded;
mod timers;

pub use check::check;
pub use executor::Sim;
pub use faults::ApiFaults;
