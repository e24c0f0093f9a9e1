//! How many there are to be, and what that is measured by.

use steersman_core::tree::Value;

use super::Subject;
use crate::table::words::{NONE, UNSET, count, shown};
use crate::tree::Read;

pub(super) fn scale(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), count(one.spec().at("replicas")), count(one.status().at("replicas")), one.age()]
}

pub(super) fn autoscaler(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let target = spec.at("scaleTargetRef");
    vec![
        one.name(),
        format!("{}/{}", target.text("kind"), target.text("name")).into(),
        metrics(spec.items("metrics"), status.items("currentMetrics")).into(),
        shown(spec.at("minReplicas")).unwrap_or_else(|| UNSET.to_owned()).into(),
        count(spec.at("maxReplicas")),
        count(status.at("currentReplicas")),
        one.age(),
    ]
}

pub(super) fn pod_group(one: &Subject<'_>) -> Vec<Value> {
    let (spec, conditions) = (one.spec(), one.status().items("conditions"));
    let condition = |kind: &str| conditions.iter().rfind(|condition| condition.text("type") == kind);
    let status = match (condition("DisruptionTarget"), condition("PodGroupScheduled")) {
        (Some(disrupted), _) => disrupted.text("reason"),
        (None, Some(scheduled)) if scheduled.text("status") == "True" => "Scheduled",
        (None, Some(_)) => "Unschedulable",
        (None, None) => "Pending",
    };
    let workload = match spec.at("podGroupTemplateRef") {
        Value::Null => NONE,
        reference => reference.at("workload").text("workloadName"),
    };
    let policy = if spec.at("schedulingPolicy").has("gang") { "Gang" } else { "Basic" };
    vec![one.name(), policy.into(), workload.into(), status.into(), one.age()]
}

/// The first two metrics, each with what it is and what it should be.
fn metrics(wanted: &[Value], found: &[Value]) -> String {
    const SHOWN: usize = 2;
    if wanted.is_empty() {
        return NONE.to_owned();
    }
    let texts = wanted.iter().enumerate().map(|(index, wanted)| metric(wanted, found.get(index)));
    let texts: Vec<String> = texts.take(SHOWN).collect();
    match wanted.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} + {more} more...", texts.join(", ")),
        _ => texts.join(", "),
    }
}

fn metric(wanted: &Value, found: Option<&Value>) -> String {
    let field = match wanted.text("type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let (metric, target) = (wanted.at(field), wanted.at(field).at("target"));
    let found = found.map(|found| found.at(field)).filter(|found| !found.is_null());
    let current = |name: &str| found.and_then(|found| shown(found.at("current").at(name)));
    let unknown = |text: Option<String>| text.unwrap_or_else(|| "<unknown>".to_owned());
    // Of a status that says something else the pointer is shown.
    let quantity = |name: &str| unknown(current(name).or_else(|| found.map(|_| "<nil>".to_owned())));
    let wish = |name: &str| shown(target.at(name)).unwrap_or_else(|| "<nil>".to_owned());
    match (field, target.has("averageValue")) {
        ("pods", _) => format!("{}/{}", quantity("averageValue"), wish("averageValue")),
        ("external" | "object", true) => {
            format!("{}/{} (avg)", unknown(current("averageValue")), wish("averageValue"))
        }
        ("external" | "object", false) => format!("{}/{}", quantity("value"), wish("value")),
        (_, true) => {
            format!("{}: {}/{}", metric.text("name"), quantity("averageValue"), wish("averageValue"))
        }
        (_, false) => {
            let percent = |number: Option<String>| number.map(|number| format!("{number}%"));
            let target =
                percent(shown(target.at("averageUtilization"))).unwrap_or_else(|| "<auto>".to_owned());
            format!("{}: {}/{target}", metric.text("name"), unknown(percent(current("averageUtilization"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn metrics_stand_with_what_they_should_be() {
        let cpu =
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}});
        let now =
            json!({"resource": {"name": "cpu", "current": {"averageUtilization": 40, "averageValue": "1"}}});
        let pods = json!({"type": "Pods", "pods": {"target": {"averageValue": "10"}}});
        assert_eq!(metrics(std::slice::from_ref(&cpu), &[]), "cpu: <unknown>/80%");
        assert_eq!(
            metrics(&[cpu, pods.clone(), pods.clone()], &[now]),
            "cpu: 40%/80%, <unknown>/10 + 1 more..."
        );
        assert_eq!(metrics(&[], &[]), "<none>");
    }
}
