//! Carries out probes and life-cycle hooks: by the runtime, by a command, or by a connection to the pod.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, LifecycleHandler, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use steersman_core::runtime::{ProbeKind, Verdict};
use steersman_core::{Env, Runtime};

use super::worker::Worker;
use crate::connect::{self, Get};
use crate::pod::{Hook, Spec};

/// What it takes to probe a container.
pub(super) struct Probing {
    env: Env,
    runtime: Arc<dyn Runtime>,
    spec: Spec,
    id: String,
    pod_ip: Option<IpAddr>,
}

/// How much of a command's output goes into an event, in bytes; upstream's `maxRespBodyLength`.
const OUTPUT: usize = 10 * 1024;

impl Probing {
    pub(super) fn new(
        env: &Env,
        runtime: Arc<dyn Runtime>,
        worker: &Worker,
        container: usize,
        id: String,
    ) -> Option<Self> {
        let (spec, pod_ip) = (worker.machine.spec_of(container)?.clone(), worker.machine.pod_ips().first());
        Some(Probing { env: env.clone(), runtime, spec, id, pod_ip: pod_ip.copied() })
    }

    /// What a probe of the container finds, within the probe's time limit.
    pub(super) async fn probe(self, kind: ProbeKind) -> Verdict {
        let probe = match kind {
            ProbeKind::Startup => &self.spec.startup_probe,
            ProbeKind::Liveness => &self.spec.liveness_probe,
            ProbeKind::Readiness => &self.spec.readiness_probe,
        };
        let Some(probe) = probe else { return Verdict::Unknown("there is no such probe".to_owned()) };
        let seconds = u64::try_from(probe.timeout_seconds.unwrap_or(1)).unwrap_or(1).max(1);
        let found = self.env.timeout(Duration::from_secs(seconds), self.find(kind, probe)).await;
        found.unwrap_or_else(|_| Verdict::Failure(self.timed_out(probe, seconds)))
    }

    async fn find(&self, kind: ProbeKind, probe: &Probe) -> Verdict {
        if let Some(prober) = self.runtime.prober() {
            return prober.probe(&self.id, kind, probe).await;
        }
        if let Some(exec) = &probe.exec {
            return self.exec(exec).await;
        }
        if let Some(get) = &probe.http_get {
            return self.http(get).await;
        }
        if let Some(tcp) = &probe.tcp_socket {
            return self.tcp(tcp.host.as_deref(), &tcp.port).await;
        }
        Verdict::Unknown("probes of this type (gRPC) are not supported by this kubelet".to_owned())
    }

    /// Runs a hook; the sentence says why it failed.
    pub(super) async fn hook(self, hook: Hook, limit: Duration) -> Result<(), String> {
        let lifecycle = self.spec.lifecycle.as_ref();
        let handler = match hook {
            Hook::PostStart => lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref()),
            Hook::PreStop => lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()),
        };
        let Some(handler) = handler else { return Ok(()) };
        match self.env.timeout(limit, self.handle(handler)).await {
            Ok(Verdict::Success) => Ok(()),
            Ok(Verdict::Failure(why) | Verdict::Unknown(why)) => Err(why),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }

    async fn handle(&self, handler: &LifecycleHandler) -> Verdict {
        if let Some(sleep) = &handler.sleep {
            self.env.sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))).await;
            return Verdict::Success;
        }
        match (&handler.exec, &handler.http_get, self.runtime.prober()) {
            (Some(exec), _, _) => self.exec(exec).await,
            // Nothing listens in a runtime that answers probes itself.
            (None, Some(_), Some(_)) => Verdict::Success,
            (None, Some(get), None) => self.http(get).await,
            (None, None, _) => Verdict::Unknown("hooks of this type are not supported".to_owned()),
        }
    }

    async fn exec(&self, action: &ExecAction) -> Verdict {
        let Some(exec) = self.runtime.exec() else {
            return Verdict::Unknown("the runtime cannot run commands in containers".to_owned());
        };
        match exec.run(&self.id, action.command.as_deref().unwrap_or_default()).await {
            Ok(done) if done.code == 0 => Verdict::Success,
            Ok(done) => {
                let output = &done.output[..done.output.len().min(OUTPUT)];
                Verdict::Failure(String::from_utf8_lossy(output).into_owned())
            }
            Err(error) => Verdict::Unknown(error.to_string()),
        }
    }

    async fn http(&self, action: &HTTPGetAction) -> Verdict {
        if action.scheme.as_deref() == Some("HTTPS") {
            return Verdict::Unknown("probes over HTTPS are not supported by this kubelet".to_owned());
        }
        let (host, port) = match self.place(action.host.as_deref(), &action.port) {
            Ok(place) => place,
            Err(why) => return Verdict::Unknown(why),
        };
        let headers = action.http_headers.iter().flatten();
        let get = Get {
            path: action.path.clone().unwrap_or_else(|| "/".to_owned()),
            headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
            host,
            port,
        };
        match connect::get(&get).await {
            Ok(200..=399) => Verdict::Success,
            Ok(code) => Verdict::Failure(format!("HTTP probe failed with statuscode: {code}")),
            Err(verdict) => verdict,
        }
    }

    async fn tcp(&self, host: Option<&str>, port: &IntOrString) -> Verdict {
        match self.place(host, port) {
            Ok((host, port)) => connect::open(&host, port).await.err().unwrap_or(Verdict::Success),
            Err(why) => Verdict::Unknown(why),
        }
    }

    /// Where to connect to: the pod, unless the probe names a host.
    fn place(&self, host: Option<&str>, port: &IntOrString) -> Result<(String, u16), String> {
        let host = match host.filter(|host| !host.is_empty()) {
            Some(host) => host.to_owned(),
            None => self.pod_ip.ok_or("the pod has no address")?.to_string(),
        };
        let number = match port {
            IntOrString::Int(number) => Some(*number),
            IntOrString::String(name) => self.named_port(name).or_else(|| name.parse().ok()),
        };
        let number = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
        number.map(|number| (host, number)).ok_or_else(|| format!("invalid port number: {port:?}"))
    }

    fn named_port(&self, name: &str) -> Option<i32> {
        let mut ports = self.spec.ports.iter().flatten();
        ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port)
    }

    fn timed_out(&self, probe: &Probe, seconds: u64) -> String {
        match (&probe.exec, &probe.http_get) {
            (Some(exec), _) => {
                let command = exec.command.as_deref().unwrap_or_default().join(" ");
                format!("command timed out: {command:?} timed out after {seconds}s")
            }
            (None, Some(_)) => {
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned()
            }
            (None, None) => "i/o timeout".to_owned(),
        }
    }
}
