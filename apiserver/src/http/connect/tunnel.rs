//! kubectl's tunnel for ports, towards a kubelet that speaks SPDY only: what the WebSocket carries is SPDY already.
//!
//! Upstream's `TunnelingHandler`: <https://kep.k8s.io/4006>.

use steersman_core::Result;

use super::Connect;
use super::far::{Far, Refused};
use super::relay::undialled;
use crate::http::answer::Answer;
use crate::http::upgrade::{Protocol, Upgrade, negotiate, talk};

/// Unwraps what the client sends, and wraps what the kubelet does, once the kubelet has agreed.
pub(super) async fn answer(connect: &Connect<'_>, far: &Far, path: &str) -> Result<Answer> {
    let handshake = negotiate(&connect.parts.headers, Protocol::TUNNELED)?;
    let io = match far.spdy(path, &["portforward.k8s.io"]).await {
        Ok(io) => io,
        Err(Refused::Told(code, text)) => return Ok(Answer::text(code.as_u16(), text)),
        Err(Refused::Unreachable(why)) => return Err(undialled(why)),
    };
    let upgrade =
        Upgrade::new(&connect.core.env, &handshake, |near| talk(Protocol::Ports, io, |far| near.relay(far)));
    Ok(Answer::upgrade(handshake.headers, upgrade))
}
