//! The API server: assembled by a builder, started once, spoken to through clients.

mod api_services;
mod boot;
mod builder;
mod conditions;
mod in_process;

use std::fmt;
use std::sync::Arc;

use steersman_core::env::Task;
use steersman_core::{Api, Client};

use crate::pipeline::{Caller, Core};
use crate::user::User;

pub use builder::Builder;
use in_process::InProcess;

/// A running API server. Dropping it stops it; its clients then see what was last known, and can write nothing.
pub struct Server {
    core: Arc<Core>,
    _tasks: [Task<()>; 3],
}

impl Server {
    /// A server yet to be assembled, over a store that its owner runs ([`Store::run`](steersman_core::Store::run)).
    pub fn builder(store: Arc<dyn steersman_core::Store>) -> Builder {
        Builder::new(store)
    }

    /// A client in this process that acts as `user`; `user_agent` names the program, as in the HTTP header.
    pub fn client_as(&self, user: User, user_agent: &str) -> Client {
        Client::new(self.api_as(user, user_agent))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The untyped face of [`Server::client_as`].
    pub fn api_as(&self, user: User, user_agent: &str) -> Arc<dyn Api> {
        let caller = Caller { user, user_agent: user_agent.to_owned(), warnings: None };
        Arc::new(InProcess::new(self.core.clone(), caller))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
