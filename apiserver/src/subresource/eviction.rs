//! `pods/eviction`: deletes a pod if its disruption budget allows it.

use async_trait::async_trait;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use steersman_core::api::Target;
use steersman_core::error::Reason;
use steersman_core::field::{self, Path};
use steersman_core::resource::{GroupResource, GroupVersionKind, GroupVersionResource};
use steersman_core::selector::LabelSelector;
use steersman_core::tree::{Value, from_value, json};
use steersman_core::{Error, Object, Result};

use super::{Call, Subresource, budget};
use crate::conditions;
use crate::fault;
use crate::moment::seconds;
use crate::tree::{Fill, Read, fields};

pub(super) struct Eviction;

/// Whether a pod may be evicted.
enum Verdict {
    /// It may.
    Allowed,
    /// It may if it is still as it was when that was decided.
    AllowedAsSeen,
}

#[async_trait]
impl Subresource for Eviction {
    fn resource(&self) -> (&'static str, &'static str) {
        ("", "pods")
    }

    fn name(&self) -> &'static str {
        "eviction"
    }

    async fn create(&self, call: &dyn Call, body: Value) -> Result<Option<Value>> {
        let target = super::parent(call);
        if body.at("metadata").text("name") != target.name {
            return Err(Error::bad_request("name in URL does not match name in Eviction object"));
        }
        check_options(body.at("deleteOptions"), &target.name)?;
        let mut options = options(call, &body)?;
        let pod = call.get(&target).await?;
        let tree = pod.to_value()?;
        let verdict = if needs_no_budget(&tree) {
            at_once(&tree)
        } else {
            ask_budget(call, &pod, &tree, &options).await?
        };
        let asked_version =
            options.preconditions.as_ref().is_some_and(|asked| asked.resource_version.is_some());
        if let (Verdict::AllowedAsSeen, false) = (verdict, asked_version) {
            let preconditions = options.preconditions.get_or_insert_default();
            preconditions.resource_version = Some(pod.resource_version().to_owned());
        }
        evict(call, &target, options).await?;
        Ok(None)
    }
}

/// An eviction reads what it deletes, whatever else a delete may do.
fn check_options(options: &Value, name: &str) -> Result<()> {
    const UNREAD: &str = "ignoreStoreReadErrorWithClusterBreakingPotential";
    if options.at(UNREAD) != true {
        return Ok(());
    }
    let (kind, at) = (GroupVersionKind::new("policy", "v1", "Eviction"), Path::new("deleteOptions"));
    let why = "can not be set for pod eviction, try after removing the option";
    Err(Error::invalid(&kind, name, &[field::Error::invalid(&at.child(UNREAD), true, why)]))
}

fn options(call: &dyn Call, body: &Value) -> Result<DeleteOptions> {
    let options = from_value(body.at("deleteOptions").clone());
    let mut options: Option<DeleteOptions> = options.map_err(|why| Error::bad_request(why.to_string()))?;
    let options = options.get_or_insert_default();
    if call.options().dry_run {
        let own = options.dry_run.get_or_insert_default();
        if own.is_empty() {
            own.push("All".to_owned());
        } else if own.as_slice() != ["All"] {
            let own = own.join(" ");
            return Err(fault::bare(format!(
                "Non-matching dry-run options in request and content: [All] and [{own}]"
            )));
        }
    }
    Ok(options.clone())
}

/// A pod that does not run, or is going anyway, is no disruption.
fn needs_no_budget(pod: &Value) -> bool {
    matches!(pod.at("status").text("phase"), "Failed" | "Pending" | "Succeeded")
        || pod.at("metadata").has("deletionTimestamp")
}

/// A pending pod may have started meanwhile; one that has ended, or is being deleted, does not come back.
fn at_once(pod: &Value) -> Verdict {
    let going = pod.at("metadata").has("deletionTimestamp");
    if !going && pod.at("status").text("phase") == "Pending" {
        Verdict::AllowedAsSeen
    } else {
        Verdict::Allowed
    }
}

async fn ask_budget(call: &dyn Call, pod: &Object, tree: &Value, options: &DeleteOptions) -> Result<Verdict> {
    let budgets = budgets_of(call, pod)?;
    let budget = match budgets.as_slice() {
        [] => return Ok(Verdict::Allowed),
        [budget] => budget,
        _ => {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Error::new(Reason::Unknown, why));
        }
    };
    if !is_ready(tree) && budget::spares_unhealthy(&budget.to_value()?) {
        return Ok(Verdict::AllowedAsSeen);
    }
    let resource = GroupVersionResource::of::<PodDisruptionBudget>();
    let target = Target::all(resource).in_namespace(pod.namespace()).named(budget.name());
    let now = seconds(call.context().now);
    if is_dry_run(options) {
        budget::spend(&mut budget.to_value()?, pod.name(), &now)?;
    } else {
        call.update_status(&target, &|budget| budget::spend(budget, pod.name(), &now)).await?;
    }
    Ok(Verdict::Allowed)
}

/// The budgets that select the pod. A malformed selector selects nothing.
fn budgets_of(call: &dyn Call, pod: &Object) -> Result<Vec<Object>> {
    let all = call.cluster().list(&GroupResource::new("policy", "poddisruptionbudgets"), pod.namespace());
    let mut matching = Vec::new();
    for budget in all {
        let decoded = budget.decode::<PodDisruptionBudget>()?;
        let selector = decoded.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let selector = LabelSelector::from_object(selector);
        if selector.is_ok_and(|selector| selector.matches(&pod.metadata().labels)) {
            matching.push(budget);
        }
    }
    Ok(matching)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.at("status").items("conditions");
    conditions.iter().any(|one| one.text("type") == "Ready" && one.text("status") == "True")
}

/// Marks the pod and deletes it.
async fn evict(call: &dyn Call, pod: &Target, mut options: DeleteOptions) -> Result<()> {
    let now = seconds(call.context().now);
    let wanted = options.preconditions.clone().unwrap_or_default();
    if !is_dry_run(&options) {
        let marked = call.update(pod, &|object| mark(object, &wanted, &now)).await?;
        if let Some(version) =
            options.preconditions.as_mut().and_then(|asked| asked.resource_version.as_mut())
        {
            marked.resource_version().clone_into(version);
        }
    }
    call.delete(pod, &options).await.map(|_| ())
}

/// The request's own options say so, or those of the delete in its body.
fn is_dry_run(options: &DeleteOptions) -> bool {
    options.dry_run.as_ref().is_some_and(|stages| !stages.is_empty())
}

/// Says on the pod why it is deleted, if it is still the version that is to be deleted.
fn mark(object: &mut Value, wanted: &Preconditions, now: &str) -> Result<()> {
    let metadata = object.at("metadata");
    for (what, wanted, field, since) in [
        ("UID", &wanted.uid, "uid", "been deleted and then recreated"),
        ("ResourceVersion", &wanted.resource_version, "resourceVersion", "been modified"),
    ] {
        let found = metadata.text(field);
        if let Some(wanted) = wanted.as_deref().filter(|wanted| !wanted.is_empty() && *wanted != found) {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The object \
                 might have {since}"
            );
            return Err(Error::conflict(&GroupResource::new("", "Pod"), metadata.text("name"), why));
        }
    }
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    });
    conditions::set(fields(object).object("status"), condition, now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_running_pod_needs_a_budget() {
        for (phase, needs) in [("Pending", false), ("Running", true), ("Succeeded", false), ("Failed", false)]
        {
            assert_eq!(!needs_no_budget(&json!({"status": {"phase": phase}})), needs, "{phase}");
        }
        let going = json!({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
        assert!(needs_no_budget(&going));
    }

    #[test]
    fn what_cannot_be_read_is_not_evicted() {
        assert!(check_options(&json!({"gracePeriodSeconds": 1}), "x").is_ok());
        let option = json!({"ignoreStoreReadErrorWithClusterBreakingPotential": true});
        let why = "Eviction.policy \"x\" is invalid: deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential: \
                   Invalid value: true: can not be set for pod eviction, try after removing the option";
        assert_eq!(check_options(&option, "x").unwrap_err().message(), why);
    }

    #[test]
    fn an_evicted_pod_says_why() {
        let mut pod = json!({"metadata": {"uid": "u"}, "status": {"conditions": [{"type": "Ready"}]}});
        mark(&mut pod, &Preconditions::default(), "2020-01-01T00:00:00Z").unwrap();
        assert_eq!(pod["status"]["conditions"][1]["reason"], "EvictionByEvictionAPI");
    }
}
