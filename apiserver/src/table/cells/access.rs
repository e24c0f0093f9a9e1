//! Who may do what, and who is asked about it.

use steersman_core::tree::Value;

use super::Subject;
use crate::table::age;
use crate::table::words::{NONE, UNSET, count, or, size};
use crate::tree::Read;

pub(super) fn role_binding(one: &Subject<'_>) -> Vec<Value> {
    let role = one.object.at("roleRef");
    let subjects =
        |kind: &'static str| one.object.items("subjects").iter().filter(move |one| one.text("kind") == kind);
    let names =
        |kind: &'static str| subjects(kind).map(|one| one.text("name")).collect::<Vec<_>>().join(", ");
    let accounts =
        subjects("ServiceAccount").map(|one| format!("{}/{}", one.text("namespace"), one.text("name")));
    vec![
        one.name(),
        format!("{}/{}", role.text("kind"), role.text("name")).into(),
        one.age(),
        names("User").into(),
        names("Group").into(),
        accounts.collect::<Vec<_>>().join(", ").into(),
    ]
}

pub(super) fn webhooks(one: &Subject<'_>) -> Vec<Value> {
    vec![one.name(), size(one.object.at("webhooks")).into(), one.age()]
}

pub(super) fn validating_policy(one: &Subject<'_>) -> Vec<Value> {
    policy(one, "validations")
}

pub(super) fn mutating_policy(one: &Subject<'_>) -> Vec<Value> {
    policy(one, "mutations")
}

fn policy(one: &Subject<'_>, rules: &str) -> Vec<Value> {
    let kind = match one.spec().at("paramKind") {
        Value::Null => UNSET.to_owned(),
        kind => format!("{}/{}", kind.text("apiVersion"), kind.text("kind")),
    };
    vec![one.name(), size(one.spec().at(rules)).into(), kind.into(), one.age()]
}

pub(super) fn policy_binding(one: &Subject<'_>) -> Vec<Value> {
    let parameter = one.spec().at("paramRef");
    let name = parameter.text("name");
    let shown = match parameter.at("selector") {
        // Whether the parameter has a namespace cannot be told from here.
        _ if !name.is_empty() => format!("{}/{name}", or(parameter.text("namespace"), "*")),
        Value::Null => UNSET.to_owned(),
        selector => go_selector(selector),
    };
    vec![one.name(), one.spec().text("policyName").into(), shown.into(), one.age()]
}

/// A selector as Go prints its struct, which is how upstream shows it here.
fn go_selector(selector: &Value) -> String {
    let labels = selector.entries("matchLabels");
    let labels: String =
        labels.map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default())).collect();
    let expression = |one: &Value| {
        let values: Vec<&str> = one.texts("values").collect();
        format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
            one.text("key"),
            one.text("operator"),
            values.join(" ")
        )
    };
    let expressions: String = selector.items("matchExpressions").iter().map(expression).collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:\
         []LabelSelectorRequirement{{{expressions}}},}}"
    )
}

pub(super) fn certificate_signing_request(one: &Subject<'_>) -> Vec<Value> {
    let (spec, status) = (one.spec(), one.status());
    let has = |kind: &str| status.items("conditions").iter().any(|condition| condition.text("type") == kind);
    let mut condition = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        condition.push_str(",Failed");
    }
    if !status.text("certificate").is_empty() {
        condition.push_str(",Issued");
    }
    vec![
        one.name(),
        one.age(),
        or(spec.text("signerName"), NONE).into(),
        spec.text("username").into(),
        spec.int("expirationSeconds").map_or_else(|| NONE.to_owned(), age::seconds).into(),
        condition.into(),
    ]
}

pub(super) fn flow_schema(one: &Subject<'_>) -> Vec<Value> {
    let spec = one.spec();
    let method = spec.at("distinguisherMethod");
    let conditions = one.status().items("conditions").iter();
    let dangling =
        conditions.filter(|condition| condition.text("type") == "Dangling").map(|one| one.text("status"));
    vec![
        one.name(),
        spec.at("priorityLevelConfiguration").text("name").into(),
        count(spec.at("matchingPrecedence")),
        if method.is_null() { NONE } else { method.text("type") }.into(),
        one.age(),
        dangling.take(1).last().unwrap_or("?").into(),
    ]
}

pub(super) fn priority_level(one: &Subject<'_>) -> Vec<Value> {
    let limited = one.spec().at("limited");
    let queuing = limited.at("limitResponse").at("queuing");
    let number = |of: &Value, field: &str| if of.is_null() { NONE.into() } else { of.at(field).clone() };
    vec![
        one.name(),
        one.spec().text("type").into(),
        number(limited, "nominalConcurrencyShares"),
        number(queuing, "queues"),
        number(queuing, "handSize"),
        number(queuing, "queueLengthLimit"),
        one.age(),
    ]
}
