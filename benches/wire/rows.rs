//! The rows of the table: what is measured, in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::client::{Arriving, Ask, Client, PROTOBUF};
use crate::clock::Took;
use crate::requests::{self, LISTED, MAPS, PODS};
use crate::server::Server;
use crate::table::{Table, Wanted};
use crate::{Load, Outcome, up};

/// How many requests are in flight, over how many connections.
const IN_FLIGHT: usize = 16;
const CONNECTIONS: usize = 2;

/// How many watch, over how many connections, and how long their events may take.
const WATCHERS: usize = 100;
const WATCHING: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// Every figure is the best of this many.
const ROUNDS: usize = 5;

/// Measures the rows that were chosen, and prints them.
pub(crate) async fn run(load: &Load) -> Outcome {
    let mut rows = Rows { load, table: Table::default() };
    if load.against.is_none() {
        rows.start().await?;
        rows.memory().await?;
    }
    for server in Server::all(load)? {
        rows.of(&server).await?;
    }
    rows.table.print();
    Ok(())
}

struct Rows<'a> {
    load: &'a Load,
    table: Table,
}

impl Rows<'_> {
    fn is_chosen(&self, name: &str) -> bool {
        self.load.rows.is_empty() || self.load.rows.iter().any(|part| name.contains(part))
    }

    /// That many, or few if all is only tried.
    fn count(&self, count: usize) -> usize {
        if self.load.smoke { count.div_ceil(100) } else { count }
    }

    fn rounds(&self) -> usize {
        if self.load.smoke { 1 } else { ROUNDS }
    }

    async fn start(&mut self) -> Outcome {
        let name = "start to first create, TLS";
        if self.is_chosen(name) {
            let (took, spent) = up::start_to_first_create(self.load, 2 * self.rounds()).await?;
            let note = format!("on CPUs {:.1} ms", spent.as_secs_f64() * 1e3);
            let wanted = Wanted { target: 50.0, upstream: 1500.0 };
            self.table.millis(name.to_owned(), took, Some(wanted), note);
        }
        Ok(())
    }

    async fn memory(&mut self) -> Outcome {
        let name = "idle resident memory of steersman up";
        if self.is_chosen(name) {
            let (all, anonymous) = up::idle_megabytes(self.load).await?;
            let wanted = Wanted { target: 20.0, upstream: 310.0 };
            let note = format!("of which {anonymous:.1} MB are not pages of the executable");
            self.table.megabytes(name.to_owned(), all, Some(wanted), note);
        }
        Ok(())
    }

    async fn of(&mut self, server: &Server) -> Outcome {
        let clients = server.connect(CONNECTIONS).await?;
        for name in ["load-maps", "load-pods", "load-listed"] {
            requests::namespace(&clients[0], name).await?;
        }
        self.creates(server, &clients).await?;
        self.gets(server, &clients).await?;
        self.lists(server, &clients).await?;
        self.fan_out(server, &clients).await
    }

    async fn creates(&mut self, server: &Server, clients: &[Client]) -> Outcome {
        let wanted = Wanted { target: 23_000.0, upstream: 2_300.0 };
        let make = |round, number| requests::map(MAPS, &format!("map-{round}-{number}"));
        self.rate(server, clients, "ConfigMap creates", 20_000, Some(wanted), make).await?;
        let wanted = Wanted { target: 14_500.0, upstream: 1_450.0 };
        let make = |round, number| requests::pod(PODS, &format!("pod-{round}-{number}"));
        self.rate(server, clients, "Pod creates", 2_000, Some(wanted), make).await
    }

    async fn gets(&mut self, server: &Server, clients: &[Client]) -> Outcome {
        clients[0].ask(requests::map(MAPS, "one")).await?;
        let wanted = Wanted { target: 40_000.0, upstream: 4_000.0 };
        let make = |_, _| Ask::get(format!("{MAPS}/one"));
        self.rate(server, clients, "gets", 40_000, Some(wanted), make).await?;
        let name = "gets of a service account";
        if self.is_chosen(&named(name, server)) {
            let token = requests::account_token(&clients[0]).await?;
            let accounts: Outcome<Vec<Client>> =
                clients.iter().map(|client| client.with_token(&token)).collect();
            self.rate(server, &accounts?, name, 40_000, None, make).await?;
        }
        Ok(())
    }

    /// Requests, 16 in flight. What is made for a request comes from its round and its number.
    async fn rate(
        &mut self,
        server: &Server,
        clients: &[Client],
        name: &str,
        count: usize,
        wanted: Option<Wanted>,
        make: impl Fn(usize, usize) -> Ask + Copy + Send + 'static,
    ) -> Outcome {
        let name = named(name, server);
        if !self.is_chosen(&name) {
            return Ok(());
        }
        let (count, mut best) = (self.count(count), None);
        for round in 0..self.rounds() {
            let start = server.start_clock();
            in_flight(clients, count, move |number| make(round, number)).await?;
            best = better(best, server.took(&start));
        }
        if let Some(took) = best {
            self.table.rate(name, count, took, wanted);
        }
        Ok(())
    }

    async fn lists(&mut self, server: &Server, clients: &[Client]) -> Outcome {
        let all = [
            ("list of 10,000 pods, JSON", None, Wanted { target: 40.0, upstream: 210.0 }),
            ("list of 10,000 pods, protobuf", Some(PROTOBUF), Wanted { target: 21.0, upstream: 107.0 }),
        ];
        if !all.iter().any(|(name, ..)| self.is_chosen(&named(name, server))) {
            return Ok(());
        }
        let count = self.count(10_000);
        in_flight(clients, count, |number| requests::pod(LISTED, &format!("pod-{number}"))).await?;
        for (name, accept, wanted) in all {
            let name = named(name, server);
            if self.is_chosen(&name) {
                let mut list = Ask::get(LISTED);
                list.accept = accept.unwrap_or(list.accept);
                self.list(server, &clients[0], name, list, wanted).await?;
            }
        }
        Ok(())
    }

    async fn list(
        &mut self,
        server: &Server,
        client: &Client,
        name: String,
        list: Ask,
        wanted: Wanted,
    ) -> Outcome {
        let (mut best, mut bytes, mut first) = (None, 0, None);
        for _ in 0..4 * self.rounds() {
            let start = server.start_clock();
            bytes = client.ask(list.clone()).await?;
            let took = server.took(&start);
            first = first.or(Some(took.clock));
            best = better(best, took);
        }
        if let Some(took) = best {
            let millis = |time: Duration| time.as_secs_f64() * 1e3;
            let note = format!(
                "{:.1} MB; server {:.1} ms, client {:.1} ms on CPUs; the first took {:.1} ms",
                bytes as f64 / 1e6,
                took.server.map_or(f64::NAN, millis),
                millis(took.client),
                first.map_or(f64::NAN, millis),
            );
            self.table.millis(name, took.clock, Some(wanted), note);
        }
        Ok(())
    }

    async fn fan_out(&mut self, server: &Server, clients: &[Client]) -> Outcome {
        let name = named("watch events, 100 watchers x 1,000", server);
        if !self.is_chosen(&name) {
            return Ok(());
        }
        let (events, mut best) = (self.count(1_000), None);
        for round in 0..self.rounds() {
            let namespace = format!("load-watched-{round}");
            requests::namespace(&clients[0], &namespace).await?;
            best = better(best, told(server, clients, &namespace, events).await?);
        }
        if let Some(took) = best {
            let wanted = Wanted { target: 430_000.0, upstream: 43_000.0 };
            self.table.rate(name, WATCHERS * events, took, Some(wanted));
        }
        Ok(())
    }
}

fn named(name: &str, server: &Server) -> String {
    if server.is_encrypted() { format!("{name}, TLS") } else { name.to_owned() }
}

/// The better of two, part by part: what disturbed one of them need not have disturbed the other.
fn better(best: Option<Took>, took: Took) -> Option<Took> {
    let Some(best) = best else { return Some(took) };
    let is_less = took.alone() < best.alone();
    let clock = took.clock.min(best.clock);
    Some(if is_less { Took { clock, ..took } } else { Took { clock, ..best } })
}

/// Sends `count` requests, so many at a time.
async fn in_flight(
    clients: &[Client],
    count: usize,
    make: impl Fn(usize) -> Ask + Clone + Send + 'static,
) -> Outcome {
    let next = Arc::new(AtomicUsize::new(0));
    let start = |one: usize| {
        let (client, next, make) = (clients[one % clients.len()].clone(), next.clone(), make.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                client.ask(make(number)).await?;
            }
        })
    };
    let tasks: Vec<_> = (0..IN_FLIGHT).map(start).collect();
    for task in tasks {
        let outcome: Outcome = task.await?;
        outcome?;
    }
    Ok(())
}

/// What it takes until every watcher of a namespace has seen every object that is made in it; the writes included.
async fn told(server: &Server, clients: &[Client], namespace: &str, events: usize) -> Outcome<Took> {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    let watching = server.connect(WATCHING).await?;
    let mut tasks = Vec::new();
    for number in 0..WATCHERS {
        let watch = watching[number % watching.len()].open(Ask::get(format!("{path}?watch=1"))).await?;
        tasks.push(tokio::spawn(lines(watch, events)));
    }
    let start = server.start_clock();
    in_flight(clients, events, move |number| requests::map(&path, &format!("map-{number}"))).await?;
    for task in tasks {
        tokio::time::timeout(PATIENCE, task).await???;
    }
    Ok(server.took(&start))
}

/// Reads events, a line each, until there were enough.
async fn lines(mut body: Arriving, enough: usize) -> Outcome {
    let mut seen = 0;
    while seen < enough {
        let piece = body.piece().await?.ok_or("a watch ended too soon")?;
        seen += piece.iter().filter(|byte| **byte == b'\n').count();
    }
    Ok(())
}
