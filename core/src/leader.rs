//! Decides which of several equal processes leads, by a Lease that the leader keeps renewing.
//!
//! Upstream's `client-go/tools/leaderelection` over `coordination.k8s.io/v1` Leases: the same fields, times and
//! rules, so that both can take part in one election. Whoever's lease others have seen unchanged for its whole
//! duration has lost it; clocks are never compared, only how long one's own has seen no change.
//! See <https://kubernetes.io/docs/concepts/architecture/leases/>.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use crate::client::{Client, Objects};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::events::{About, EventType, Recorder};

/// The longest random part that is added to the pause between tries to become the leader.
const JITTER: f64 = 1.2;

/// What is elected for, and how patiently.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Election {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who is running for election; must differ from every other candidate's.
    pub identity: String,
    /// How long others wait, after the last renewal that they saw, before they take over.
    pub lease_duration: Duration,
    /// How long the leader tries to renew before it gives up. Must be shorter than `lease_duration`.
    pub renew_deadline: Duration,
    /// How long to wait between two tries. Must be shorter than `renew_deadline` divided by 1.2.
    pub retry_period: Duration,
    /// Whether the leader gives up its lease when its work is over, so that another can take over at once.
    pub release_on_cancel: bool,
    /// Tells of changes of the leader, if given.
    pub recorder: Option<Recorder>,
}

/// How leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Led<T> {
    /// The work was over.
    Done(T),
    /// The lease could not be renewed in time: another may lead now, and the work was dropped.
    Lost,
}

impl Election {
    /// An election for a Lease with upstream's default times: 15 s, 10 s, 2 s; released at the end.
    pub fn new(namespace: &str, name: &str, identity: &str) -> Self {
        Election {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
            release_on_cancel: true,
            recorder: None,
        }
    }

    /// Waits to be elected, then does `work` for as long as it leads. Fails only if the times make no sense.
    ///
    /// Dropping the future stops both work and renewal; the lease then runs out by itself.
    pub async fn lead<F: Future>(
        &self,
        env: &Env,
        client: &Client,
        work: impl FnOnce() -> F,
    ) -> Result<Led<F::Output>> {
        self.check()?;
        let env = env.child(&format!("leader/{}", self.name));
        let mut candidate = Candidate::new(self, env, client);
        candidate.acquire().await;
        candidate.tell("became leader");
        let outcome = match select(pin!(work()), pin!(candidate.renew())).await {
            Either::Left((output, _)) => Led::Done(output),
            Either::Right(((), _)) => Led::Lost,
        };
        if self.release_on_cancel {
            candidate.release().await;
        }
        candidate.tell("stopped leading");
        Ok(outcome)
    }

    fn check(&self) -> Result<()> {
        let wrong = if self.identity.is_empty() {
            "the identity must not be empty"
        } else if self.lease_duration <= self.renew_deadline {
            "leaseDuration must be greater than renewDeadline"
        } else if self.renew_deadline <= self.retry_period.mul_f64(JITTER) {
            "renewDeadline must be greater than retryPeriod*JitterFactor"
        } else if self.lease_duration < Duration::from_secs(1) || self.retry_period.is_zero() {
            "leaseDuration must be at least a second, and retryPeriod greater than zero"
        } else {
            return Ok(());
        };
        Err(Error::bad_request(wrong))
    }
}

struct Candidate<'a> {
    election: &'a Election,
    env: Env,
    leases: Objects<Lease>,
    /// The lease as last seen, and when this process saw it change.
    observed: Option<(Lease, Duration)>,
}

impl<'a> Candidate<'a> {
    fn new(election: &'a Election, env: Env, client: &Client) -> Self {
        let leases = client.namespaced(&election.namespace);
        Candidate { election, env, leases, observed: None }
    }

    async fn acquire(&mut self) {
        while !self.try_once().await {
            let pause = self.env.jitter(self.election.retry_period, JITTER);
            self.env.sleep(pause).await;
        }
    }

    /// Renews until it fails for as long as the deadline allows.
    async fn renew(&mut self) {
        loop {
            self.env.sleep(self.election.retry_period).await;
            let env = self.env.clone();
            let renewed = env.timeout(self.election.renew_deadline, async {
                while !self.try_once().await {
                    self.env.sleep(self.election.retry_period).await;
                }
            });
            if renewed.await.is_err() {
                return;
            }
        }
    }

    /// Takes or renews the lease; whether this process now holds it.
    async fn try_once(&mut self) -> bool {
        match self.take_or_renew().await {
            Ok(held) => held,
            Err(error) => {
                tracing::debug!(lease = self.election.name, %error, "the lease could not be taken");
                false
            }
        }
    }

    async fn take_or_renew(&mut self) -> Result<bool> {
        // Whoever holds a lease that is still good need not read it to renew it.
        if self.is_leader() && self.is_valid() && self.write().await.is_ok() {
            return Ok(true);
        }
        match self.leases.get_opt(&self.election.name).await? {
            None => self.create().await?,
            Some(lease) => {
                self.observe(&lease);
                if self.is_held() && self.is_valid() && !self.is_leader() {
                    return Ok(false);
                }
                self.write().await?;
            }
        }
        Ok(true)
    }

    async fn create(&mut self) -> Result<()> {
        let metadata = ObjectMeta {
            name: Some(self.election.name.clone()),
            namespace: Some(self.election.namespace.clone()),
            ..ObjectMeta::default()
        };
        let created = self.leases.create(&Lease { metadata, spec: Some(self.spec(None)) }).await?;
        self.observe(&created);
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let Some((observed, _)) = &self.observed else {
            return Err(Error::internal("a lease that was never seen cannot be renewed"));
        };
        let mut lease = observed.clone();
        lease.spec = Some(self.spec(observed.spec.as_ref()));
        let written = self.leases.update(&lease).await?;
        self.observe(&written);
        Ok(())
    }

    async fn release(&mut self) {
        let Some((observed, _)) = self.observed.as_ref().filter(|_| self.is_leader()) else { return };
        let mut lease = observed.clone();
        let now = MicroTime(self.env.now());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            ..lease.spec.unwrap_or_default()
        });
        if let Err(error) = self.leases.update(&lease).await {
            tracing::debug!(lease = self.election.name, %error, "the lease could not be released");
        }
    }

    /// The lease as this process wants it, after `old`.
    fn spec(&self, old: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(self.env.now());
        let transitions = old.and_then(|old| old.lease_transitions).unwrap_or_default();
        let stays = self.is_leader();
        LeaseSpec {
            holder_identity: Some(self.election.identity.clone()),
            lease_duration_seconds: i32::try_from(self.election.lease_duration.as_secs()).ok(),
            acquire_time: old
                .and_then(|old| old.acquire_time.clone())
                .filter(|_| stays)
                .or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if stays || old.is_none() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..old.cloned().unwrap_or_default()
        }
    }

    fn observe(&mut self, lease: &Lease) {
        let changed = self.observed.as_ref().is_none_or(|(observed, _)| observed.spec != lease.spec);
        let since = match &self.observed {
            Some((_, since)) if !changed => *since,
            _ => self.env.elapsed(),
        };
        self.observed = Some((lease.clone(), since));
    }

    fn holder(&self) -> Option<&str> {
        let (lease, _) = self.observed.as_ref()?;
        lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    fn is_held(&self) -> bool {
        self.holder().is_some()
    }

    fn is_leader(&self) -> bool {
        self.holder() == Some(&self.election.identity)
    }

    /// Whether the lease was seen to change less than its own duration ago.
    fn is_valid(&self) -> bool {
        self.observed.as_ref().is_some_and(|(lease, since)| {
            let seconds =
                lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
            let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
            since.saturating_add(duration) > self.env.elapsed()
        })
    }

    fn tell(&self, what: &str) {
        if let (Some(recorder), Some((lease, _))) = (&self.election.recorder, &self.observed) {
            let message = format!("{} {what}", self.election.identity);
            recorder.event(About::of_typed(lease), EventType::Normal, "LeaderElection", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::env::Task;
    use crate::error::Reason;
    use crate::testing::{Lab, MemoryApi};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    struct Story {
        lab: Lab,
        api: MemoryApi,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl Story {
        fn new() -> Self {
            Story { lab: Lab::new(), api: MemoryApi::default(), log: Arc::default() }
        }

        fn candidate(&self, name: &'static str, work: Duration) -> Task<()> {
            let (env, client, log) = (self.lab.env().child(name), self.api.client(), self.log.clone());
            let election = Election::new("kube-system", "boss", name);
            env.clone().spawn(name, async move {
                let note = |what: &str| log.lock().unwrap().push(format!("{name} {what}"));
                let led = election.lead(&env, &client, async || {
                    note("leads");
                    env.sleep(work).await;
                });
                note(match led.await.unwrap() {
                    Led::Done(()) => "is done",
                    Led::Lost => "has lost",
                });
            })
        }

        fn run(&self, duration: Duration) {
            self.lab.run(self.lab.env().sleep(duration));
        }

        fn log(&self) -> Vec<String> {
            std::mem::take(&mut self.log.lock().unwrap())
        }

        fn lease(&self) -> LeaseSpec {
            let leases = self.api.client().namespaced::<Lease>("kube-system");
            let lease = self.lab.run(leases.get("boss")).unwrap();
            lease.spec.clone().unwrap()
        }
    }

    #[test]
    fn one_candidate_leads_and_hands_over_when_it_is_done() {
        let story = Story::new();
        let _first = story.candidate("a", seconds(60));
        story.run(seconds(1));
        let _second = story.candidate("b", seconds(600));
        story.run(seconds(50));
        assert_eq!(story.log(), ["a leads"]);
        assert_eq!(story.lease().lease_transitions, Some(0));
        story.run(seconds(20));
        assert_eq!(story.log(), ["a is done", "b leads"]);
        let lease = story.lease();
        assert_eq!((lease.holder_identity.as_deref(), lease.lease_transitions), (Some("b"), Some(1)));
        assert_eq!(lease.lease_duration_seconds, Some(15));
    }

    #[test]
    fn a_leader_that_died_is_replaced_after_its_lease_and_not_before() {
        let story = Story::new();
        let first = story.candidate("a", seconds(600));
        let _second = story.candidate("b", seconds(600));
        story.run(seconds(30));
        drop(first);
        story.run(seconds(12));
        assert_eq!(story.log(), ["a leads"]);
        story.run(seconds(10));
        assert_eq!(story.log(), ["b leads"]);
    }

    #[test]
    fn a_leader_that_cannot_renew_stops() {
        let story = Story::new();
        let _first = story.candidate("a", seconds(600));
        story.run(seconds(1));
        for _ in 0..20 {
            story.api.fail("update", Error::new(Reason::ServiceUnavailable, "not now"));
        }
        story.run(seconds(9));
        assert_eq!(story.log(), ["a leads"]);
        story.run(seconds(4));
        assert_eq!(story.log(), ["a has lost"]);
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        let story = Story::new();
        let mut election = Election::new("kube-system", "boss", "a");
        election.renew_deadline = seconds(15);
        let error =
            story.lab.run(election.lead(&story.lab.env(), &story.api.client(), async || ())).unwrap_err();
        assert_eq!(error.message(), "leaseDuration must be greater than renewDeadline");
    }
}
