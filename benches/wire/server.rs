//! The server under load: a process of ours, or somebody else's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::client::{Access, Client, Endpoint};
use crate::clock::{Start, Took};
use crate::serve::{self, Manner};
use crate::{Load, Outcome};

/// A server, whose process ends with this if it is ours.
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    processes: Vec<u32>,
    _own: Option<Program>,
}

impl Server {
    /// The servers to drive: somebody else's, or ours without TLS and with.
    pub(crate) fn all(load: &Load) -> Outcome<Vec<Self>> {
        match &load.against {
            Some(url) => {
                let access = Access::Token(load.token.clone().unwrap_or_default());
                let endpoint = Endpoint::new(url, access)?;
                Ok(vec![Server { endpoint, processes: load.pid.clone(), _own: None }])
            }
            None => Ok(vec![Self::start(Manner::Plain)?, Self::start(Manner::Tls)?]),
        }
    }

    fn start(manner: Manner) -> Outcome<Self> {
        let (name, scheme) = match manner {
            Manner::Plain => ("plain", "http"),
            Manner::Tls => ("tls", "https"),
        };
        let mut command = Command::new(std::env::current_exe()?);
        let (program, address) = Program::start(command.args(["--serve", name]), End::WithItsInput)?;
        let access = Access::Token(serve::TOKEN.to_owned());
        let endpoint = Endpoint::new(&format!("{scheme}://{address}"), access)?;
        Ok(Server { endpoint, processes: vec![program.id()], _own: Some(program) })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.endpoint.scheme == "https"
    }

    pub(crate) async fn connect(&self, count: usize) -> Outcome<Vec<Client>> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(Client::connect(&self.endpoint).await?);
        }
        Ok(clients)
    }

    pub(crate) fn start_clock(&self) -> Start {
        Start::now(&self.processes)
    }

    pub(crate) fn took(&self, start: &Start) -> Took {
        start.took(&self.processes)
    }
}

/// A program that runs. Dropping it ends it.
pub(crate) struct Program {
    child: Child,
    end: End,
}

/// How a program ends.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// By itself, when nobody can write to it any more.
    WithItsInput,
    /// When it is killed.
    Killed,
}

impl Program {
    /// Starts it, and waits for the first line that it prints.
    pub(crate) fn start(command: &mut Command, end: End) -> Outcome<(Self, String)> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("a program without an output")?;
        let program = Program { child, end };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            Err("it ended before it was ready".into())
        } else {
            Ok((program, line.trim_end().to_owned()))
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended already.
        if self.end == End::Killed {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
