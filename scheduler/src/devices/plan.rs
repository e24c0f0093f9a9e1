//! What a claim asks for, with its classes found and its expressions compiled.

use std::sync::Arc;

use k8s_openapi::api::resource::v1::{
    CapacityRequirements, DeviceClass, DeviceRequest, DeviceSelector as ApiSelector, DeviceSubRequest,
    DeviceTaint, DeviceToleration, ExactDeviceRequest, ResourceClaim,
};

use super::spec;
use super::constraint::Constraint;
use super::selectors::{Compiler, Selector};
use crate::snapshot::Snapshot;

/// A claim that is to be allocated.
pub(crate) struct ClaimPlan {
    pub(crate) claim: Arc<ResourceClaim>,
    pub(super) requests: Vec<Vec<Alternative>>,
    pub(super) constraints: Vec<Constraint>,
    /// What is wrong with it that is told where devices are looked for.
    pub(super) fault: Option<String>,
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
    /// How much it asks for of each device.
    pub(super) capacity: Option<CapacityRequirements>,
    /// What is wrong with it that is told where devices are looked for.
    pub(super) fault: Option<String>,
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
        let devices = spec::of_claim(claim);
        let mut plan =
            ClaimPlan { claim: claim.clone(), requests: Vec::new(), constraints: Vec::new(), fault: None };
        for request in devices.and_then(|devices| devices.requests.as_ref()).into_iter().flatten() {
            let ways = alternatives(request);
            let ways = ways.into_iter().map(|(name, exact)| alternative(&plan, name, exact, snapshot, compiler));
            let ways = ways.collect::<Result<Vec<_>, NoPlan>>()?;
            if ways.is_empty() {
                let why = format!("request {}: unknown request type", request.name);
                return Err(NoPlan::NotNow(format!("resource claim {}, {why}", plan.name())));
            }
            plan.requests.push(ways);
        }
        let constraints = devices.and_then(|devices| devices.constraints.as_ref());
        for (at, constraint) in constraints.into_iter().flatten().enumerate() {
            match Constraint::of(constraint) {
                Some(constraint) => plan.constraints.push(constraint),
                None => {
                    let why = "empty constraint (unsupported constraint type?)";
                    let fault = format!("claim {}, constraint #{at}: {why}", plan.name());
                    plan.fault.get_or_insert(fault);
                }
            }
        }
        Ok(plan)
    }

    /// `namespace/name`.
    pub(crate) fn name(&self) -> String {
        key(&self.claim)
    }
}

impl Alternative {
    pub(super) fn class_name(&self) -> &str {
        self.class.metadata.name.as_deref().unwrap_or_default()
    }

    /// The name without that of the request that it is an alternative of.
    pub(super) fn own_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

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
        && match toleration.operator.as_deref() {
            Some("Exists") => true,
            None | Some("" | "Equal") => value(),
            Some(_) => false,
        }
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
    let alternative = |one: &DeviceSubRequest| {
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
    request.first_available.iter().flatten().map(alternative).collect()
}

fn alternative(
    plan: &ClaimPlan,
    name: String,
    exact: ExactDeviceRequest,
    snapshot: &Snapshot,
    compiler: &Compiler,
) -> Result<Alternative, NoPlan> {
    let class = exact.device_class_name.as_str();
    if class.is_empty() {
        return Err(NoPlan::Broken(format!("request {name}: unsupported request type")));
    }
    let missing = || NoPlan::NotNow(format!("request {name}: device class {class} does not exist"));
    let class = snapshot.related().get::<DeviceClass>("", class).ok_or_else(missing)?;
    let of_class = format!("class {}", exact.device_class_name);
    let own = spec::of_class(&class).and_then(|spec| spec.selectors.as_ref()).into_iter().flatten().enumerate();
    let own = own.filter_map(|(at, one)| selector(&of_class, at, one, compiler));
    let of_claim = format!("claim {}", plan.name());
    let asked = exact.selectors.iter().flatten().enumerate();
    let asked = asked.filter_map(|(at, one)| selector(&of_claim, at, one, compiler));
    let mut way = Alternative {
        selectors: own.chain(asked).collect(),
        class: class.clone(),
        count: Some(usize::try_from(exact.count.unwrap_or(1)).unwrap_or_default()),
        is_admin: exact.admin_access == Some(true),
        tolerations: exact.tolerations.clone().unwrap_or_default(),
        capacity: exact.capacity.clone(),
        fault: None,
        name,
    };
    let place = format!("claim {}, request {}", plan.name(), way.own_name());
    let empty = exact.selectors.iter().flatten().position(|selector| selector.cel.is_none());
    if let Some(at) = empty {
        way.fault = Some(format!("{place}, selector #{at}: CEL expression empty (unsupported selector type?)"));
    }
    match exact.allocation_mode.as_deref().unwrap_or("ExactCount") {
        "All" => way.count = None,
        "ExactCount" => {}
        other => {
            way.fault.get_or_insert(format!("{place}: unsupported count mode {other}"));
        }
    }
    Ok(way)
}

/// A selector of a kind that is not known selects nothing here: where a claim has one, that is told.
fn selector(place: &str, at: usize, selector: &ApiSelector, compiler: &Compiler) -> Option<Selector> {
    let compiled = compiler.compile(&selector.cel.as_ref()?.expression);
    Some(Selector { place: format!("{place}: selector #{at}"), compiled })
}
