//! The contract of a [`Runtime`], as tests that any implementation can be held to.
//!
//! One line in a test module runs every promise as a test of its own; the function it names makes a runtime with
//! nothing in it, and drives the promise to its end:
//!
//! ```
//! # #[cfg(feature = "testing")] mod test {
//! use steersman_kubelet::testing::Given;
//!
//! fn held(_promise: impl AsyncFnOnce(Given)) {
//!     // Make a runtime, and two containers for it; block on `promise(given)`.
//! }
//!
//! steersman_kubelet::runtime_contract!(held);
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use steersman_core::Runtime;
use steersman_core::runtime::{
    Container, ContainerConfig, ContainerState, Exit, LogOptions, PodSandbox, PodSandboxConfig, RuntimeError,
    Said, Stdio,
};

/// A runtime that is held to the contract, and what it can run.
pub struct Given {
    /// The runtime, with nothing in it.
    pub runtime: Arc<dyn Runtime>,
    /// A container that runs until it is stopped.
    pub stays: ContainerConfig,
    /// A container that prints the lines `one` and `two` and ends by itself with exit code 3.
    pub ends: ContainerConfig,
    /// A command that prints what it reads and ends with exit code 4.
    pub echo: Vec<String>,
}

/// Expands to one test for each promise of the contract, driven by the function that is named.
#[macro_export]
macro_rules! runtime_contract {
    ($held:path) => {
        $crate::runtime_contract! { @tests $held;
            a_sandbox_that_is_asked_for_twice_is_one
            every_sandbox_has_an_address_of_its_own
            a_container_that_is_asked_for_twice_runs_once
            a_container_cannot_be_started_without_a_ready_sandbox
            a_container_that_ends_is_told_of_and_listed
            a_stopped_container_has_ended_and_stopping_again_changes_nothing
            a_sandbox_that_stops_ends_its_containers_and_keeps_them_to_be_seen
            what_was_removed_is_forgotten_and_removing_again_succeeds
            what_does_not_exist_is_not_found_or_already_gone
            an_image_is_present_once_it_was_pulled
            what_a_container_prints_can_be_followed_and_read_again
            a_command_reads_prints_and_ends
            a_command_ends_with_its_container
            a_client_that_is_attached_is_told_of_the_end
            nobody_answers_at_a_port_that_nobody_serves
        }
    };
    (@tests $held:path; $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                $held($crate::testing::$promise);
            }
        )*
    };
}

impl Given {
    async fn sandbox(&self, uid: &str) -> PodSandbox {
        let config = PodSandboxConfig {
            name: uid.to_owned(),
            namespace: "contract".to_owned(),
            uid: uid.to_owned(),
            ..PodSandboxConfig::default()
        };
        self.runtime.start_sandbox(config).await.expect("the runtime must start a sandbox")
    }

    async fn start(&self, sandbox: &PodSandbox, config: &ContainerConfig) -> Container {
        let started = self.runtime.start_container(&sandbox.id, config.clone()).await;
        started.expect("the runtime must start the container")
    }

    async fn stop(&self, container: &Container) -> Container {
        let stopped = self.runtime.stop_container(&container.id, Duration::ZERO).await;
        stopped.expect("the runtime must stop the container")
    }

    async fn pods(&self) -> Vec<PodSandbox> {
        let pods = self.runtime.pods().await.expect("the runtime must list what it has");
        pods.into_iter().map(Arc::unwrap_or_clone).collect()
    }
}

fn exit(container: &Container) -> &Exit {
    match &container.state {
        ContainerState::Exited(exit) => exit,
        other => panic!("the container must have ended: {other:?}"),
    }
}

/// See [`Runtime::start_sandbox`].
pub async fn a_sandbox_that_is_asked_for_twice_is_one(given: Given) {
    let first = given.sandbox("a").await;
    assert!(first.ready && !first.ips.is_empty());
    assert_eq!(given.sandbox("a").await, first);
    assert_eq!(given.pods().await, [first]);
}

/// See [`PodSandbox::ips`].
pub async fn every_sandbox_has_an_address_of_its_own(given: Given) {
    let (one, other) = (given.sandbox("a").await, given.sandbox("b").await);
    assert_ne!(one.ips, other.ips);
    assert_ne!(one.id, other.id);
}

/// See [`Runtime::start_container`].
pub async fn a_container_that_is_asked_for_twice_runs_once(given: Given) {
    let sandbox = given.sandbox("a").await;
    let first = given.start(&sandbox, &given.stays).await;
    assert_eq!(given.start(&sandbox, &given.stays).await, first);
    let ended = given.stop(&first).await;
    assert_eq!(given.start(&sandbox, &given.stays).await, ended, "the same attempt is not run again");
    let next = ContainerConfig { attempt: 1, ..given.stays.clone() };
    let next = given.start(&sandbox, &next).await;
    assert!(matches!(next.state, ContainerState::Running { .. }));
    assert_eq!(given.pods().await[0].containers.len(), 2);
}

/// See [`Runtime::start_container`].
pub async fn a_container_cannot_be_started_without_a_ready_sandbox(given: Given) {
    assert!(given.runtime.start_container("nowhere", given.stays.clone()).await.is_err());
    let sandbox = given.sandbox("a").await;
    given.runtime.stop_sandbox(&sandbox.id).await.expect("the runtime must stop a sandbox");
    assert!(given.runtime.start_container(&sandbox.id, given.stays.clone()).await.is_err());
    assert_eq!(given.pods().await[0].containers, []);
}

/// See [`Runtime::events`] and [`Runtime::pods`].
pub async fn a_container_that_ends_is_told_of_and_listed(given: Given) {
    let mut events = given.runtime.events();
    let sandbox = given.sandbox("a").await;
    given.start(&sandbox, &given.ends).await;
    let told = events.next().await.expect("the stream must not end before the runtime");
    assert_eq!(exit(&told.containers[0]).code, 3);
    assert_eq!(given.pods().await, [Arc::unwrap_or_clone(told)]);
}

/// See [`Runtime::stop_container`].
pub async fn a_stopped_container_has_ended_and_stopping_again_changes_nothing(given: Given) {
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.stays).await;
    let ended = given.stop(&container).await;
    assert!(exit(&ended).finished_at >= exit(&ended).started_at);
    assert_eq!(given.stop(&container).await, ended);
    assert_eq!(given.pods().await[0].containers, [ended]);
}

/// See [`Runtime::stop_sandbox`].
pub async fn a_sandbox_that_stops_ends_its_containers_and_keeps_them_to_be_seen(given: Given) {
    let sandbox = given.sandbox("a").await;
    given.start(&sandbox, &given.stays).await;
    for _ in 0..2 {
        given.runtime.stop_sandbox(&sandbox.id).await.expect("stopping may be repeated");
    }
    let shown = given.pods().await.remove(0);
    assert!(!shown.ready && shown.ips.is_empty());
    exit(&shown.containers[0]);
}

/// See [`Runtime::remove_container`] and [`Runtime::remove_sandbox`].
pub async fn what_was_removed_is_forgotten_and_removing_again_succeeds(given: Given) {
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.stays).await;
    for _ in 0..2 {
        given.runtime.remove_container(&container.id).await.expect("removing may be repeated");
    }
    assert_eq!(given.pods().await[0].containers, []);
    for _ in 0..2 {
        given.runtime.remove_sandbox(&sandbox.id).await.expect("removing may be repeated");
    }
    assert_eq!(given.pods().await, []);
}

/// See [`RuntimeError::NotFound`].
pub async fn what_does_not_exist_is_not_found_or_already_gone(given: Given) {
    let stopped = given.runtime.stop_container("nothing", Duration::ZERO).await;
    assert!(matches!(stopped, Err(RuntimeError::NotFound(_))), "{stopped:?}");
    assert_eq!(given.runtime.remove_container("nothing").await, Ok(()));
    assert_eq!(given.runtime.stop_sandbox("nothing").await, Ok(()));
    assert_eq!(given.runtime.remove_sandbox("nothing").await, Ok(()));
}

/// See [`Runtime::image`] and [`Runtime::pull_image`].
pub async fn an_image_is_present_once_it_was_pulled(given: Given) {
    let pulled = given.runtime.pull_image(&given.stays.image).await.expect("the image must be there to pull");
    assert_eq!(given.runtime.image(&given.stays.image).await, Ok(Some(pulled)));
}

/// See [`Logs::read`](steersman_core::runtime::Logs::read). Nothing to hold where the runtime keeps no logs.
pub async fn what_a_container_prints_can_be_followed_and_read_again(given: Given) {
    let Some(logs) = given.runtime.logs() else { return };
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.ends).await;
    let follow = LogOptions { follow: true, ..LogOptions::default() };
    for (options, expected) in [
        (follow, &["one", "two"][..]),
        (LogOptions::default(), &["one", "two"]),
        (LogOptions { tail_lines: Some(1), ..LogOptions::default() }, &["two"]),
    ] {
        let lines = logs.read(&container.id, &options).await.expect("the log must be there");
        let lines: Vec<Bytes> = lines.map(|line| line.text).collect().await;
        assert_eq!(lines, expected, "{options:?}");
    }
    assert!(logs.read("nothing", &LogOptions::default()).await.is_err());
}

/// See [`Exec::stream`](steersman_core::runtime::Exec::stream). Nothing to hold where the runtime runs no commands.
pub async fn a_command_reads_prints_and_ends(given: Given) {
    let Some(exec) = given.runtime.exec() else { return };
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.stays).await;
    let input = stream::iter([Bytes::from_static(b"in"), Bytes::from_static(b"put")]).boxed();
    let session = exec.stream(&container.id, &given.echo, Stdio::output().with_stdin(input)).await;
    let said: Vec<Said> = session.expect("the command must start").collect().await;
    let (end, output) = said.split_last().expect("a session says how it ended");
    let printed = output.iter().flat_map(|said| match said {
        Said::Output(_, piece) => piece.to_vec(),
        other => panic!("only output comes before the end: {other:?}"),
    });
    assert_eq!((printed.collect::<Vec<u8>>(), end), (b"input".to_vec(), &Said::Exited(4)));
    assert!(exec.stream("nothing", &given.echo, Stdio::output()).await.is_err());
}

/// See [`Exec::stream`](steersman_core::runtime::Exec::stream). Nothing to hold where the runtime runs no commands.
pub async fn a_command_ends_with_its_container(given: Given) {
    let Some(exec) = given.runtime.exec() else { return };
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.stays).await;
    let endless = Stdio::output().with_stdin(stream::pending().boxed());
    let session = exec.stream(&container.id, &given.echo, endless).await.expect("the command must start");
    given.stop(&container).await;
    let said: Vec<Said> = session.collect().await;
    assert!(matches!(said.last(), Some(Said::Exited(1..))), "{said:?}");
}

/// See [`Attach::attach`](steersman_core::runtime::Attach::attach). Nothing to hold where the runtime cannot.
pub async fn a_client_that_is_attached_is_told_of_the_end(given: Given) {
    let Some(attach) = given.runtime.attach() else { return };
    let sandbox = given.sandbox("a").await;
    let container = given.start(&sandbox, &given.stays).await;
    let session = attach.attach(&container.id, Stdio::output()).await.expect("the container runs");
    given.stop(&container).await;
    let said: Vec<Said> = session.collect().await;
    assert!(matches!(said.last(), Some(Said::Exited(_))), "{said:?}");
    assert!(attach.attach("nothing", Stdio::output()).await.is_err());
}

/// See [`Ports::connect`](steersman_core::runtime::Ports::connect). Nothing to hold where the runtime cannot.
pub async fn nobody_answers_at_a_port_that_nobody_serves(given: Given) {
    let Some(ports) = given.runtime.ports() else { return };
    let sandbox = given.sandbox("a").await;
    assert!(ports.connect(&sandbox.id, 1, stream::empty().boxed()).await.is_err());
    assert!(ports.connect("nowhere", 1, stream::empty().boxed()).await.is_err());
}
