//! A request's way through the house, one stage a file.
//!
//! (authorise, at the door) → decode → patch onto the current object → schema → mutating admission → strategy → metadata → validating
//! admission → encode → commit → answer.

mod admit;
mod amend;
mod authorize;
mod body;
mod claim_status;
mod cluster;
mod commit;
mod connect;
mod continue_token;
mod convert;
mod create;
mod definitions;
mod delete;
mod delete_collection;
mod edit;
mod escalation;
mod finalizers;
mod get;
mod grace;
mod list;
mod metadata;
mod owner;
mod patch;
mod post;
mod reader;
mod recent;
mod request;
mod review;
mod scale;
mod status;
mod update;
mod versions;
mod watch;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use steersman_core::resource::GroupResource;
use steersman_core::store::Revision;
use steersman_core::tree::Value;
use steersman_core::{Env, Kubelets, Object, Store};

use crate::admission::Chain;
use crate::authenticate::{Authentication, ServiceAccounts};
use crate::authorize::Authorization;
use crate::crd::Converter;
#[cfg(feature = "tls")]
use crate::fetch::ClientTls;
use crate::fetch::Hooks;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::review::Review;
use crate::subresource::Subresource;
use crate::tables::Tables;
use crate::user::User;
use crate::watch_cache::WatchCache;

pub(crate) use body::{Body, Change};
pub(crate) use definitions::resource_of;
pub(crate) use patch::patch_fault;
pub(crate) use recent::Recent;
pub(crate) use versions::Reading;

/// Everything that requests share.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
    /// When the server was started.
    pub(crate) started: Timestamp,
    pub(crate) cache: Arc<WatchCache>,
    /// What was written last.
    pub(crate) recent: Recent,
    pub(crate) registry: Registry,
    pub(crate) tables: Tables,
    pub(crate) chain: Chain,
    /// Whether a user's own plugins are in the chain, who may look at all that an object has.
    pub(crate) has_own_plugins: bool,
    pub(crate) authentication: Authentication,
    pub(crate) accounts: Option<ServiceAccounts>,
    pub(crate) authorization: Authorization,
    pub(crate) subresources: Vec<Box<dyn Subresource>>,
    pub(crate) reviews: Vec<Box<dyn Review>>,
    /// The resources of Rust types, which have no definition in the store.
    pub(crate) typed: Vec<GroupResource>,
    /// How kubelets are reached, if they are.
    pub(crate) kubelets: Option<Arc<dyn Kubelets>>,
    /// Who this server is to kubelets that it reaches at their own ports, if it does.
    #[cfg(feature = "tls")]
    pub(crate) kubelet_client: Option<ClientTls>,
    /// What requests were counted.
    pub(crate) metrics: Metrics,
    /// Where clients of the cluster find the service `kubernetes`.
    pub(crate) service_address: IpAddr,
    /// Set once the server is about to stop.
    pub(crate) draining: AtomicBool,
    /// Who calls webhooks.
    pub(crate) hooks: Hooks,
    /// Who converts the objects of definitions whose conversion strategy is `Webhook`.
    pub(crate) converters: BTreeMap<GroupResource, Arc<dyn Converter>>,
    /// What the definitions said that are served now.
    pub(crate) compiled: Mutex<BTreeMap<GroupResource, Value>>,
    /// The revision as of which the definitions of custom resources are in effect; held while they are put so.
    pub(crate) syncing: futures::lock::Mutex<Revision>,
}

impl Core {
    /// Whether the server is about to stop: it still answers, and is no longer ready.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Who makes a request, and with which program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) user_agent: String,
    /// Where warnings go; nobody listens where there is none.
    pub(crate) warnings: Option<Warnings>,
}

/// What a client is warned of in the answer to its request, whether that succeeds or fails. Cloning shares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn extend(&self, warnings: Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
    }

    /// Puts some before those that were given so far.
    pub(crate) fn put_first(&self, mut warnings: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.append(&mut known);
        *known = warnings;
    }

    /// All that were given so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer to a write.
pub(crate) struct Written {
    /// The object as it is now, in the version that was asked for.
    pub(crate) object: Object,
    /// Whether it did not exist before.
    pub(crate) created: bool,
}
