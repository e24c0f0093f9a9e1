//! Holds namespaces to their quotas, and counts in each quota's status what is used.
//!
//! Only what the status says is enforced: nothing is before somebody has counted what is there already.
//!
//! <https://kubernetes.io/docs/concepts/policy/resource-quotas/>

mod meter;
mod pods;
mod scope;

use async_trait::async_trait;
use steersman_core::api::Target;
use steersman_core::resource::{GroupResource, GroupVersionResource};
use steersman_core::tree::Value;
use steersman_core::{Object, Quantity, Result};

use super::{Admission, Attributes, Operation, Part};
use crate::amounts::{self, Amounts};
use crate::tree::{Fill, Read, fields};
use meter::Meter;

pub(super) struct ResourceQuota;

#[async_trait]
impl Admission for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    fn part(&self) -> Part {
        Part::Validates
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        !write.namespace.is_empty() && write.cluster.has_any(&kind_of_quotas())
    }

    async fn validate(&self, write: &Attributes<'_>) -> Result<()> {
        let (quotas, Some(meter)) = (quotas(write), Meter::of(write)) else { return Ok(()) };
        let demand = Demand::of(meter, write);
        let mut concerned = Vec::new();
        for quota in &quotas {
            let tree = quota.to_value()?;
            if demand.concerns(&tree)? {
                concerned.push((quota.name(), tree));
            }
        }
        // All of them must let it through before any is charged.
        for (_, quota) in &concerned {
            demand.used(quota)?;
        }
        if write.dry_run {
            return Ok(());
        }
        for (name, _) in &concerned {
            demand.charge(name).await?;
        }
        Ok(())
    }
}

/// A write, as quotas see it.
struct Demand<'a> {
    write: &'a Attributes<'a>,
    meter: Meter,
    /// What the object uses.
    new: Amounts,
    /// What it did use before.
    old: Amounts,
}

impl<'a> Demand<'a> {
    fn of(meter: Meter, write: &'a Attributes<'a>) -> Self {
        let new = meter.usage(write.object);
        let old = write.old.filter(|_| write.operation == Operation::Update);
        let old = old.map(|old| meter.usage(old)).unwrap_or_default();
        Demand { write, meter, new, old }
    }

    /// Whether a quota counts the object; 403 if it cannot be counted.
    fn concerns(&self, quota: &Value) -> Result<bool> {
        if !self.is_counted(quota, self.write.object) {
            return Ok(false);
        }
        let (name, status) = (quota.at("metadata").text("name"), quota.at("status"));
        let limited: Vec<&str> = self.limited(quota).collect();
        if let Some(missing) = self.meter.missing(&limited, self.write.object) {
            return Err(self.write.forbidden(format!("failed quota: {name}: must specify {missing}")));
        }
        if limited.iter().any(|name| !status.at("used").has(name)) {
            let resources = limited.join(",");
            return Err(self
                .write
                .forbidden(format!("status unknown for quota: {name}, resources: {resources}")));
        }
        Ok(true)
    }

    fn is_counted(&self, quota: &Value, object: &Value) -> bool {
        self.limited(quota).next().is_some() && scope::admits(quota.at("spec"), &self.meter, object)
    }

    /// The resources that the quota limits and that objects of this kind use.
    fn limited<'q>(&'q self, quota: &'q Value) -> impl Iterator<Item = &'q str> {
        let hard = quota.at("status").entries("hard").map(|(name, _)| name);
        hard.filter(|name| self.meter.counts(name))
    }

    /// What the write adds to what a quota counts.
    fn added(&self, quota: &Value) -> Amounts {
        let counted_before = self.write.old.is_some_and(|old| self.is_counted(quota, old));
        let mut added = self.new.clone();
        if counted_before {
            for (name, amount) in &mut added {
                if let Some(before) = self.old.get(name) {
                    *amount -= before;
                }
            }
        }
        added.retain(|_, amount| !amount.is_zero() && !amount.is_negative());
        added
    }

    /// What a quota will have used, if that changes; 403 if it is more than there is.
    fn used(&self, quota: &Value) -> Result<Option<Amounts>> {
        let status = quota.at("status");
        let (hard, mut used) = (amounts::read(status.at("hard")), amounts::read(status.at("used")));
        let mut added = self.added(quota);
        added.retain(|name, _| hard.contains_key(name));
        if added.is_empty() {
            return Ok(None);
        }
        let before = used.clone();
        amounts::add(&mut used, &added);
        let is_beyond = |name: &String| used.get(name) > hard.get(name);
        let beyond: Vec<&String> = added.keys().filter(|name| is_beyond(name)).collect();
        if beyond.is_empty() || self.write.subresource == "status" {
            return Ok(Some(used));
        }
        let show = |amounts: &Amounts| show(beyond.iter().filter_map(|name| amounts.get_key_value(*name)));
        Err(self.write.forbidden(format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            quota.at("metadata").text("name"),
            show(&added),
            show(&before),
            show(&hard)
        )))
    }

    async fn charge(&self, name: &str) -> Result<()> {
        let quotas = GroupVersionResource::new("", "v1", "resourcequotas");
        let quota = Target::all(quotas).in_namespace(self.write.namespace).named(name);
        let charge = |quota: &mut Value| {
            if let Some(used) = self.used(quota)? {
                let used = used.iter().map(|(name, amount)| (name.clone(), amount.to_string()));
                fields(quota).object("status").put("used", Value::Object(used.collect()));
            }
            Ok(())
        };
        match self.write.cluster.update_status(&quota, &charge).await {
            // A quota that is gone limits nothing.
            Err(error) if error.is_not_found() => Ok(()),
            outcome => outcome,
        }
    }
}

fn show<'a>(amounts: impl Iterator<Item = (&'a String, &'a Quantity)>) -> String {
    amounts.map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(",")
}

fn kind_of_quotas() -> GroupResource {
    GroupResource::new("", "resourcequotas")
}

/// The quotas of the namespace that is written to.
fn quotas(write: &Attributes<'_>) -> Vec<Object> {
    write.cluster.list(&kind_of_quotas(), write.namespace)
}
