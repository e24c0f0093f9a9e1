//! The userspace network against real sockets on loopback.

use std::time::Duration;

use steersman_core::network::{Action, Backend, Frontend, ServicePortName};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;

/// A server that answers every line with its name, for as long as it is held.
struct Server {
    backend: Backend,
    _task: Task<()>,
}

impl Server {
    async fn start(env: &Env, name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = env.clone();
        let task = env.spawn("server", async move {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.push(tasks.spawn("answer", answer(stream, name)));
            }
        });
        Server { backend: Backend { address: address.ip(), port: address.port(), local: true }, _task: task }
    }
}

async fn answer(stream: TcpStream, name: &'static str) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
        stream.write_all(format!("{name}\n").as_bytes()).await.unwrap();
    }
    // Only once the client has said that it has nothing more to say.
    stream.write_all(b"bye\n").await.unwrap();
}

/// A backend that refuses: an address that nobody listens at.
async fn refusing() -> Backend {
    let socket = free_socket("127.0.0.1").await;
    Backend { address: socket.ip(), port: socket.port(), local: true }
}

async fn free_socket(address: &str) -> SocketAddr {
    TcpListener::bind((address, 0)).await.unwrap().local_addr().unwrap()
}

fn rule(socket: SocketAddr, backends: &[&Backend]) -> Rule {
    let action = match backends {
        [] => Action::Reject,
        some => Action::Forward(some.iter().map(|backend| (*backend).clone()).collect()),
    };
    Rule {
        frontend: Frontend {
            address: Address::Cluster(socket.ip()),
            port: socket.port(),
            protocol: Protocol::Tcp,
        },
        service: ServicePortName { namespace: "d".into(), name: "web".into(), port: String::new() },
        from_node: action.clone(),
        from_elsewhere: action,
        affinity: None,
        sources: None,
    }
}

async fn apply(network: &Userspace, rules: Vec<Rule>) {
    network.apply(&RuleTable { rules }).await.unwrap();
}

async fn ask(stream: &mut TcpStream) -> io::Result<String> {
    stream.write_all(b"who\n").await?;
    let mut answer = vec![0; 2];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap().trim().to_owned())
}

async fn ask_once(socket: SocketAddr) -> io::Result<String> {
    ask(&mut TcpStream::connect(socket).await?).await
}

#[tokio::test]
async fn connections_go_to_each_backend_in_turn() {
    let env = Env::tokio();
    let (a, b) = (Server::start(&env, "a").await, Server::start(&env, "b").await);
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.1").await);
    apply(&network, vec![rule(socket, &[&a.backend, &b.backend])]).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(ask_once(socket).await.unwrap());
    }
    answers.sort();
    assert_eq!(answers, ["a", "a", "b", "b"]);
}

#[tokio::test]
async fn each_side_may_end_its_half_of_a_connection() {
    let env = Env::tokio();
    let server = Server::start(&env, "a").await;
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.2").await);
    apply(&network, vec![rule(socket, &[&server.backend])]).await;
    let mut client = TcpStream::connect(socket).await.unwrap();
    client.write_all(b"who\nwho\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "a\na\nbye\n");
}

#[tokio::test]
async fn a_backend_that_refuses_is_passed_over() {
    let env = Env::tokio();
    let (server, gone) = (Server::start(&env, "a").await, [refusing().await, refusing().await]);
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.3").await);
    apply(&network, vec![rule(socket, &[&gone[0], &gone[1], &server.backend])]).await;
    for _ in 0..6 {
        assert_eq!(ask_once(socket).await.unwrap(), "a");
    }
    apply(&network, vec![rule(socket, &[&gone[0], &gone[1]])]).await;
    assert_eq!(ask_once(socket).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn no_request_fails_while_backends_are_swapped() {
    let env = Env::tokio();
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.4").await);
    let mut servers = vec![Server::start(&env, "a").await];
    apply(&network, vec![rule(socket, &[&servers[0].backend])]).await;
    let clients: Vec<Task<usize>> = (0..8).map(|_| env.spawn("client", requests(socket, 100))).collect();
    for name in ["b", "c"].into_iter().cycle().take(100) {
        // As in a rollout: both serve, then the old one is taken out; it still finishes what it was given.
        let (old, new) = (servers.last().unwrap(), Server::start(&env, name).await);
        apply(&network, vec![rule(socket, &[&old.backend, &new.backend])]).await;
        ask_once(socket).await.unwrap();
        apply(&network, vec![rule(socket, &[&new.backend])]).await;
        assert_eq!(ask_once(socket).await.unwrap(), name);
        servers.push(new);
    }
    for client in clients {
        assert_eq!(client.await, Ok(100));
    }
}

/// How many of `count` requests, each on a connection of its own, were answered.
async fn requests(socket: SocketAddr, count: usize) -> usize {
    let mut answered = 0;
    for _ in 0..count {
        answered += usize::from(ask_once(socket).await.is_ok());
    }
    answered
}

#[tokio::test]
async fn a_removed_service_keeps_its_connections_and_takes_no_new_ones() {
    let env = Env::tokio();
    let (a, b) = (Server::start(&env, "a").await, Server::start(&env, "b").await);
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.5").await);
    apply(&network, vec![rule(socket, &[&a.backend])]).await;
    let mut client = TcpStream::connect(socket).await.unwrap();
    assert_eq!(ask(&mut client).await.unwrap(), "a");
    apply(&network, vec![]).await;
    assert_eq!(ask_once(socket).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(ask(&mut client).await.unwrap(), "a");
    apply(&network, vec![rule(socket, &[&b.backend])]).await;
    assert_eq!(ask_once(socket).await.unwrap(), "b");
    assert_eq!(ask(&mut client).await.unwrap(), "a");
}

#[tokio::test]
async fn affinity_sends_a_client_to_one_backend_as_long_as_it_is_there() {
    let env = Env::tokio();
    let (a, b) = (Server::start(&env, "a").await, Server::start(&env, "b").await);
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.6").await);
    let sticky =
        |backends: &[&Backend]| Rule { affinity: Some(Duration::from_secs(60)), ..rule(socket, backends) };
    apply(&network, vec![sticky(&[&a.backend, &b.backend])]).await;
    let first = ask_once(socket).await.unwrap();
    for _ in 0..4 {
        assert_eq!(ask_once(socket).await.unwrap(), first);
    }
    let (other, name) = if first == "a" { (&b, "b") } else { (&a, "a") };
    apply(&network, vec![sticky(&[&other.backend])]).await;
    assert_eq!(ask_once(socket).await.unwrap(), name);
}

#[tokio::test]
async fn what_cannot_be_served_is_said_and_the_rest_is_served() {
    let env = Env::tokio();
    let server = Server::start(&env, "a").await;
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.7").await);
    let good = rule(socket, &[&server.backend]);
    let mut udp = good.clone();
    udp.frontend.protocol = Protocol::Udp;
    let mut six = good.clone();
    six.frontend.address = Address::Node(IpFamily::V6);
    let taken = TcpListener::bind("127.81.0.8:0").await.unwrap();
    let foreign = rule(taken.local_addr().unwrap(), &[&server.backend]);
    let outcome = network.apply(&RuleTable { rules: vec![udp, six, foreign, good] }).await;
    let Err(NetworkError::Incomplete(refusals)) = outcome else { panic!("everything was served") };
    let retryable: Vec<bool> = refusals.iter().map(|refusal| refusal.retryable).collect();
    assert_eq!(retryable, [false, false, true]);
    assert!(refusals[0].why.contains("TCP only"), "{}", refusals[0]);
    assert_eq!(ask_once(socket).await.unwrap(), "a");
}

#[tokio::test]
async fn node_ports_are_served_at_the_nodes_addresses() {
    let env = Env::tokio();
    let server = Server::start(&env, "a").await;
    let address = IpAddr::from([127, 81, 0, 9]);
    let network = Userspace::new(&env).node_addresses([address]);
    let socket = free_socket("127.81.0.9").await;
    let mut rule = rule(socket, &[&server.backend]);
    rule.frontend.address = Address::Node(IpFamily::V4);
    apply(&network, vec![rule]).await;
    assert_eq!(ask_once(socket).await.unwrap(), "a");
}

#[tokio::test]
async fn dropping_the_network_ends_everything() {
    let env = Env::tokio();
    let server = Server::start(&env, "a").await;
    let (network, socket) = (Userspace::new(&env), free_socket("127.81.0.10").await);
    apply(&network, vec![rule(socket, &[&server.backend])]).await;
    let mut client = TcpStream::connect(socket).await.unwrap();
    ask(&mut client).await.unwrap();
    drop(network);
    let mut rest = Vec::new();
    // Whether it ends or breaks is the kernel's choice; that it does not stay open is ours.
    let _ = client.read_to_end(&mut rest).await;
    assert_eq!(ask_once(socket).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}
