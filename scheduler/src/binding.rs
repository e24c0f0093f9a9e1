//! Carries out what was decided about a pod: binds it, or tells why it has no node.
//!
//! Nothing here touches the state of the scheduler: what came of it is returned as an [`Outcome`], so that it may run
//! beside the next decisions.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use steersman_core::Env;

use crate::config::duration;
use crate::engine::{Failure, Outcome, Permitting, Placement, Step};
use crate::extender::{self, Extenders};
use crate::plugin::{Binding, Plugin, PreBind};
use crate::pod::PodInfo;
use crate::points::Point;
use crate::profile::Profile;
use crate::profiles::Profiles;
use crate::report::Teller;
use crate::verdict::{Refusal, Rejection, Verdict};
use crate::waiting::Called;

/// Who binds pods, and tells.
pub(crate) struct Binder {
    pub(crate) teller: Teller,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) extenders: Extenders,
}

impl Binder {
    /// Carries a step out.
    pub(crate) async fn carry_out(&self, step: Step) -> Outcome {
        match step {
            Step::Bind(placement) => self.bind(placement).await,
            Step::Tell(failure) => self.tell(failure).await,
            Step::TellLeaving(pod) => {
                self.teller.leaving(&pod);
                Outcome::Told
            }
            Step::TellGroup(outcome) => {
                self.teller.group(&outcome).await;
                Outcome::Told
            }
            // That is answered where it is asked.
            Step::Consult(..) | Step::ConsultGroup(..) => Outcome::Told,
        }
    }

    /// Waits for permission, and binds.
    async fn bind(&self, mut placement: Placement) -> Outcome {
        let Teller { env, client, recorder, .. } = &self.teller;
        let pod = placement.queued.pod().clone();
        if placement.is_announced {
            self.teller.announce(&pod, &placement.node).await;
        }
        let outcome = match permitted(env, &mut placement).await {
            Ok(()) => {
                let binding = Binding { env, client, recorder, pod: &pod, node: &placement.node };
                self.write(&binding, &pod, &placement.before).await
            }
            Err(refusal) => Err(("Permit", refusal)),
        };
        match outcome {
            Ok(()) => {
                self.teller.bound(&pod, &placement.node);
                Outcome::Bound(placement)
            }
            Err((point, refusal)) => Outcome::Refused(placement, point, refusal),
        }
    }

    /// Tells why a pod has no node, and makes room for it if that was decided.
    async fn tell(&self, mut failure: Failure) -> Outcome {
        self.teller.failure(&failure).await;
        match failure.back.take() {
            Some((queued, plugins)) => Outcome::RoomMade(queued, plugins),
            None => Outcome::Told,
        }
    }

    /// Runs the plugins that write; where one of them fails, those that came before binding take back what they wrote.
    async fn write(
        &self,
        binding: &Binding<'_>,
        pod: &Arc<PodInfo>,
        before: &[&'static str],
    ) -> Result<(), (&'static str, Refusal)> {
        let Some(profile) = self.profiles.of(pod) else { return Ok(()) };
        let called = (!before.is_empty()).then(|| self.teller.waiting.begin(pod.key()));
        let written = self.try_write(profile, binding, pod, before, called).await;
        self.teller.waiting.end(pod.key());
        if written.is_err() {
            let mut before: Vec<&dyn PreBind> =
                profile.at(Point::PreBind).filter_map(Plugin::pre_bind).collect();
            before.reverse();
            for plugin in before {
                plugin.undo(binding).await;
            }
        }
        written
    }

    /// The first that binds, an extender or a plugin, is the only one.
    async fn try_write(
        &self,
        profile: &Profile,
        binding: &Binding<'_>,
        pod: &Arc<PodInfo>,
        before: &[&'static str],
        mut called: Option<Called>,
    ) -> Result<(), (&'static str, Refusal)> {
        for plugin in profile.at(Point::PreBind).filter(|plugin| before.contains(&plugin.name())) {
            if let Some(before) = plugin.pre_bind() {
                let refuse = |rejection| ("PreBind", Refusal { plugin: plugin.name(), rejection });
                unless_called(called.as_mut(), before.pre_bind(binding)).await.map_err(refuse)?;
            }
        }
        if called.is_some() && !self.teller.waiting.end(pod.key()) {
            let rejection = Rejection::error("preempted by DefaultPreemption");
            return Err(("PreBind", Refusal { plugin: "", rejection }));
        }
        let Binding { env, client, node, .. } = *binding;
        if let Some(bound) = extender::bind(env, &self.extenders, pod, node).await {
            return bound.map_err(|refusal| ("Bind", refusal));
        }
        for plugin in profile.at(Point::Bind) {
            if let Some(binder) = plugin.bind().filter(|binder| binder.binds(pod)) {
                let refuse = |rejection| ("Bind", Refusal { plugin: plugin.name(), rejection });
                return binder.bind(client, pod, node).await.map_err(refuse);
            }
        }
        let rejection = Rejection::error("no plugin of the profile binds the pod");
        Err(("Bind", Refusal { plugin: "", rejection }))
    }
}

/// What a plugin says, unless the pod is called off before.
async fn unless_called(called: Option<&mut Called>, verdict: impl Future<Output = Verdict>) -> Verdict {
    let Some(called) = called else { return verdict.await };
    match select(pin!(verdict), called).await {
        Either::Left((verdict, _)) => verdict,
        Either::Right(_) => Err(Rejection::error("context canceled")),
    }
}

async fn permitted(env: &Env, placement: &mut Placement) -> Result<(), Refusal> {
    let Some(permission) = placement.permission.take() else { return Ok(()) };
    let Permitting { plugin, limit, answer } = permission;
    let refuse = |reason: String| Err(Refusal { plugin, rejection: Rejection::unschedulable(reason) });
    match env.timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => refuse("the pod is gone".to_owned()),
        Err(_) => {
            let limit = duration::show(limit);
            refuse(format!("rejected due to timeout after waiting {limit} at plugin {plugin}"))
        }
    }
}
