//! What a claim asks for, with its classes found and its expressions compiled.

use std::sync::Arc;

use k8s_openapi::api::resource::v1::{
    DeviceClass, DeviceRequest, DeviceSelector as ApiSelector, DeviceTaint, DeviceToleration,
    ExactDeviceRequest, ResourceClaim,
};

use super::constraint::Constraint;
use super::selectors::{Compiler, Selector};
use crate::snapshot::Snapshot;

/// A claim gets at most so many devices; upstream's limit.
const MOST_DEVICES: i64 = 32;

/// A claim that is to be allocated.
pub(crate) struct ClaimPlan {
    pub(crate) claim: Arc<ResourceClaim>,
    pub(super) requests: Vec<Vec<Alternative>>,
    pub(super) constraints: Vec<Constraint>,
}

/// One way to satisfy a request.
pub(super) struct Alternative {
    /// `request`, or `request/alternative`.
    pub(super) name: String,
    pub(super) class: Arc<DeviceClass>,
    pub(super) selectors: Vec<Selector>,
    /// How many devices; `None` is all that match.
    pub(super) count: Option<usize>,
    /// Whether devices are looked at rather than taken.
    pub(super) is_admin: bool,
    pub(super) tolerations: Vec<DeviceToleration>,
}

/// Why a claim cannot be planned.
pub(crate) enum NoPlan {
    /// Something is missing that may come.
    NotNow(String),
    /// The claim or its class is broken.
    Broken(String),
}

impl ClaimPlan {
    pub(crate) fn of(
        claim: &Arc<ResourceClaim>,
        snapshot: &Snapshot,
        compiler: &Compiler,
    ) -> Result<Self, NoPlan> {
        let devices = claim.spec.devices.as_ref();
        let mut plan = ClaimPlan { claim: claim.clone(), requests: Vec::new(), constraints: Vec::new() };
        for request in devices.and_then(|devices| devices.requests.as_ref()).into_iter().flatten() {
            let ways = alternatives(request);
            let ways = ways.into_iter().map(|(name, exact)| alternative(&plan, name, &exact, snapshot, compiler));
            let ways = ways.collect::<Result<Vec<_>, NoPlan>>()?;
            plan.requests.push(ways);
        }
        for constraint in devices.and_then(|devices| devices.constraints.as_ref()).into_iter().flatten() {
            let unknown = || NoPlan::Broken(format!("claim {}: unsupported constraint type", plan.name()));
            plan.constraints.push(Constraint::of(constraint).ok_or_else(unknown)?);
        }
        plan.check_count()?;
        Ok(plan)
    }

    /// `namespace/name`.
    pub(crate) fn name(&self) -> String {
        key(&self.claim)
    }

    fn check_count(&self) -> Result<(), NoPlan> {
        let most = |ways: &Vec<Alternative>| ways.iter().filter_map(|way| way.count).max().unwrap_or(1);
        let wanted = self.requests.iter().map(most).sum::<usize>();
        if i64::try_from(wanted).is_ok_and(|wanted| wanted <= MOST_DEVICES) {
            return Ok(());
        }
        Err(NoPlan::Broken(format!(
            "claim {}: number of devices {wanted} exceeds the claim limit of {MOST_DEVICES}",
            self.name()
        )))
    }
}

impl Alternative {
    /// Whether the request puts up with what a device is tainted with.
    pub(super) fn tolerates(&self, taints: &[DeviceTaint]) -> bool {
        let keeps_off = |taint: &&DeviceTaint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
        taints.iter().filter(keeps_off).all(|taint| self.tolerations.iter().any(|one| tolerates(one, taint)))
    }
}

fn tolerates(toleration: &DeviceToleration, taint: &DeviceTaint) -> bool {
    let same = |mine: &Option<String>, theirs: &str| mine.as_deref().is_none_or(|mine| mine.is_empty() || mine == theirs);
    let value = || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    same(&toleration.effect, &taint.effect)
        && same(&toleration.key, &taint.key)
        && (toleration.operator.as_deref() == Some("Exists") || value())
}

/// `namespace/name` of a claim.
pub(crate) fn key(claim: &ResourceClaim) -> String {
    let (namespace, name) = (claim.metadata.namespace.as_deref(), claim.metadata.name.as_deref());
    format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default())
}

/// The ways to satisfy a request, the first being the best.
fn alternatives(request: &DeviceRequest) -> Vec<(String, ExactDeviceRequest)> {
    if let Some(exact) = &request.exactly {
        return vec![(request.name.clone(), exact.clone())];
    }
    let alternative = |one: &k8s_openapi::api::resource::v1::DeviceSubRequest| {
        let exact = ExactDeviceRequest {
            allocation_mode: one.allocation_mode.clone(),
            capacity: one.capacity.clone(),
            count: one.count,
            device_class_name: one.device_class_name.clone(),
            selectors: one.selectors.clone(),
            tolerations: one.tolerations.clone(),
            ..ExactDeviceRequest::default()
        };
        (format!("{}/{}", request.name, one.name), exact)
    };
    let listed: Vec<_> = request.first_available.iter().flatten().map(alternative).collect();
    if listed.is_empty() { vec![(request.name.clone(), ExactDeviceRequest::default())] } else { listed }
}

fn alternative(
    plan: &ClaimPlan,
    name: String,
    exact: &ExactDeviceRequest,
    snapshot: &Snapshot,
    compiler: &Compiler,
) -> Result<Alternative, NoPlan> {
    let class = exact.device_class_name.as_str();
    if class.is_empty() {
        return Err(NoPlan::Broken(format!("request {name}: unsupported request type")));
    }
    if exact.capacity.is_some() {
        let why = "requests for a share of a device are not supported by this scheduler";
        return Err(NoPlan::Broken(format!("claim {}, request {name}: {why}", plan.name())));
    }
    let missing = || NoPlan::NotNow(format!("request {name}: device class {class} does not exist"));
    let class = snapshot.related().get::<DeviceClass>("", class).ok_or_else(missing)?;
    let count = match exact.allocation_mode.as_deref().unwrap_or("ExactCount") {
        "All" => None,
        "ExactCount" => Some(usize::try_from(exact.count.unwrap_or(1)).unwrap_or_default()),
        other => {
            let why = format!("unsupported count mode {other}");
            return Err(NoPlan::Broken(format!("claim {}, request {name}: {why}", plan.name())));
        }
    };
    let of_class = format!("class {}", class.metadata.name.as_deref().unwrap_or_default());
    let of_claim = format!("claim {}", plan.name());
    let own = class.spec.selectors.iter().flatten().enumerate().map(|(at, one)| (&of_class, at, one));
    let asked = exact.selectors.iter().flatten().enumerate().map(|(at, one)| (&of_claim, at, one));
    let selectors = own.chain(asked).map(|(place, at, one)| selector(place, at, one, compiler));
    Ok(Alternative {
        selectors: selectors.collect::<Result<_, _>>()?,
        class: class.clone(),
        count,
        is_admin: exact.admin_access == Some(true),
        tolerations: exact.tolerations.clone().unwrap_or_default(),
        name,
    })
}

fn selector(place: &str, at: usize, selector: &ApiSelector, compiler: &Compiler) -> Result<Selector, NoPlan> {
    let place = format!("{place}: selector #{at}");
    let Some(cel) = &selector.cel else {
        let why = "CEL expression empty (unsupported selector type?)";
        return Err(NoPlan::Broken(format!("{place}: {why}")));
    };
    let broken = |why| NoPlan::Broken(format!("{place}: CEL compile error: {why}"));
    let compiled = compiler.compile(&cel.expression).map_err(broken)?;
    Ok(Selector { place, compiled })
}
