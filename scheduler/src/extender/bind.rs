//! Has an extender bind a pod.

use steersman_core::Env;

use super::{Extender, Extenders, NAME, within};
use crate::pod::PodInfo;
use crate::verdict::{Refusal, Rejection};

/// `None` if no extender binds the pod, and plugins are to.
pub(crate) async fn bind(
    env: &Env,
    extenders: &Extenders,
    pod: &PodInfo,
    node: &str,
) -> Option<Result<(), Refusal>> {
    for extender in extenders.iter().filter(|extender| extender.part().binds && extender.is_interested(pod)) {
        match within(env, &**extender, extender.bind(pod, node)).await {
            Ok(()) => return Some(Ok(())),
            Err(why) if extender.is_ignorable() => passed_over(&**extender, &why),
            Err(why) => return Some(Err(Refusal { plugin: NAME, rejection: Rejection::error(why) })),
        }
    }
    None
}

/// Notes that an extender was passed over.
pub(super) fn passed_over(extender: &dyn Extender, why: &str) {
    tracing::info!(extender = extender.name(), why, "an extender was passed over");
}
