//! A fake runtime keeps the promises of the trait, in virtual time.

use bytes::Bytes;
use futures::StreamExt;
use steersman_core::runtime::{ContainerState, LogOptions};
use steersman_core::testing::Lab;

use super::*;
use crate::testing::Given;

fn sandbox() -> PodSandboxConfig {
    PodSandboxConfig {
        name: "p".to_owned(),
        namespace: "ns".to_owned(),
        uid: "u".to_owned(),
        ..PodSandboxConfig::default()
    }
}

fn container(attempt: u32) -> ContainerConfig {
    ContainerConfig { name: "c".to_owned(), attempt, image: "i".to_owned(), ..ContainerConfig::default() }
}

fn code(container: &Container) -> i32 {
    match &container.state {
        ContainerState::Exited(exit) => exit.code,
        other => panic!("{other:?}"),
    }
}

fn held(promise: impl AsyncFnOnce(Given)) {
    let lab = Lab::new();
    let script = |text: &str| Script::parse(text, 0).unwrap();
    let (stays, ends) = (Script::default(), script("run=5s,exit=3,print=one,print=two"));
    let fake = Fake::new(&lab.env())
        .pulling("i", Pull::Takes(Duration::from_secs(1)))
        .answering(|_| Answer::to_input(|input| Answer::text(input).and_code(4)))
        .scripted(move |_, config| if config.name == "ends" { ends.clone() } else { stays.clone() });
    let ends = ContainerConfig { name: "ends".to_owned(), ..container(0) };
    lab.run(promise(Given { runtime: Arc::new(fake), stays: container(0), ends, echo: Vec::new() }));
}

crate::runtime_contract!(held);

#[test]
fn a_container_ends_by_itself_and_the_stream_tells() {
    let lab = Lab::new();
    let fake = Fake::new(&lab.env()).scripted(|_, config| Script {
        run: Some(Duration::from_secs(5)),
        exit_code: 3,
        ..Script::of(&sandbox(), config)
    });
    let mut events = fake.events();
    lab.run(async {
        let within = fake.start_sandbox(sandbox()).await.unwrap();
        fake.start_container(&within.id, container(0)).await.unwrap();
        let told = events.next().await.unwrap();
        assert_eq!(code(&told.containers[0]), 3);
        assert_eq!(lab.env().elapsed(), Duration::from_secs(5));
        assert_eq!(fake.pods().await.unwrap(), [told]);
    });
}

#[test]
fn a_container_that_does_not_listen_is_killed_when_its_grace_is_over() {
    let lab = Lab::new();
    let fake =
        Fake::new(&lab.env()).scripted(|_, _| Script { stop: Duration::from_secs(60), ..Script::default() });
    lab.run(async {
        let within = fake.start_sandbox(sandbox()).await.unwrap();
        let one = fake.start_container(&within.id, container(0)).await.unwrap();
        let ended = fake.stop_container(&one.id, Duration::from_secs(10)).await.unwrap();
        assert_eq!((code(&ended), lab.env().elapsed()), (137, Duration::from_secs(10)));
    });
}

#[test]
fn images_take_their_time_or_fail() {
    let lab = Lab::new();
    let fake = Fake::new(&lab.env())
        .pulling("slow", Pull::Takes(Duration::from_secs(3)))
        .pulling("bad", Pull::Fails("no such image".to_owned()));
    lab.run(async {
        assert!(fake.image("other").await.unwrap().is_some());
        assert!(fake.image("slow").await.unwrap().is_none());
        fake.pull_image("slow").await.unwrap();
        assert_eq!(lab.env().elapsed(), Duration::from_secs(3));
        assert!(fake.image("slow").await.unwrap().is_some());
        assert_eq!(fake.pull_image("bad").await, Err(RuntimeError::ImagePull("no such image".to_owned())));
    });
}

#[test]
fn losing_power_forgets_everything_but_images() {
    let lab = Lab::new();
    let fake = Fake::new(&lab.env());
    lab.run(async {
        fake.start_sandbox(sandbox()).await.unwrap();
        fake.lose_power();
        assert_eq!(fake.pods().await.unwrap(), []);
    });
}

#[test]
fn a_follower_gets_lines_when_the_script_prints_them() {
    let lab = Lab::new();
    let second = Duration::from_secs(1);
    let fake = Fake::new(&lab.env()).scripted(move |_, _| Script {
        run: Some(10 * second),
        prints: vec![Printed::line("up"), Printed::line("late").after(3 * second)],
        ..Script::default()
    });
    lab.run(async {
        let within = fake.start_sandbox(sandbox()).await.unwrap();
        let started = lab.env().now();
        let one = fake.start_container(&within.id, container(0)).await.unwrap();
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let lines = Logs::read(&fake, &one.id, &options).await.unwrap();
        let lines: Vec<_> =
            lines.map(|line| (line.text, line.at.duration_since(started).as_secs())).collect().await;
        assert_eq!(lines, [(Bytes::from("up"), 0), (Bytes::from("late"), 3)]);
        assert_eq!(lab.env().elapsed(), 10 * second);
    });
}
