//! Converts autoscalers between `autoscaling/v2`, in which they are stored, and `autoscaling/v1`.
//!
//! Version 1 knows one metric, the utilization of the CPU. What else there is travels in annotations, written as Go
//! writes its structs, so that nothing is lost on the way there and back.

use steersman_core::tree::{List, Map, Text, Value, json};

use crate::tree::{Fill, Read, fields, is_zero};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const TOLERANCES: [&str; 2] = [
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];

const TARGET: &str = "targetCPUUtilizationPercentage";
const CURRENT: &str = "currentCPUUtilizationPercentage";

/// What a metric says: what is wanted, or what is measured.
#[derive(Clone, Copy)]
enum Side {
    Target,
    Current,
}

/// When a field of version 1 is written although it is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Omitted,
    Written,
    WrittenIfCurrent,
}

/// A field of a version 1 metric, and where version 2 has it. `~` stands for `target` or `current`.
type Field = (&'static str, &'static [&'static str], Zero);

const NAME: &[&str] = &["metric", "name"];
const SELECTOR: &[&str] = &["metric", "selector"];
const VALUE: &[&str] = &["~", "value"];
const AVERAGE: &[&str] = &["~", "averageValue"];
const UTILIZATION: &[&str] = &["~", "averageUtilization"];

/// The sources of metrics.
const SOURCES: &[(&str, &[Field])] = &[
    (
        "object",
        &[
            ("target", &["describedObject"], Zero::Omitted),
            ("metricName", NAME, Zero::Omitted),
            ("~Value", VALUE, Zero::Written),
            ("selector", SELECTOR, Zero::Omitted),
            ("averageValue", AVERAGE, Zero::Omitted),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", NAME, Zero::Omitted),
            ("~AverageValue", AVERAGE, Zero::Written),
            ("selector", SELECTOR, Zero::Omitted),
        ],
    ),
    (
        "resource",
        &[
            ("name", &["name"], Zero::Omitted),
            ("~AverageUtilization", UTILIZATION, Zero::Omitted),
            ("~AverageValue", AVERAGE, Zero::WrittenIfCurrent),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", &["name"], Zero::Omitted),
            ("~AverageUtilization", UTILIZATION, Zero::Omitted),
            ("~AverageValue", AVERAGE, Zero::WrittenIfCurrent),
            ("container", &["container"], Zero::Omitted),
        ],
    ),
    (
        "external",
        &[
            ("metricName", NAME, Zero::Omitted),
            ("metricSelector", SELECTOR, Zero::Omitted),
            ("~Value", VALUE, Zero::WrittenIfCurrent),
            ("~AverageValue", AVERAGE, Zero::Omitted),
        ],
    ),
];

/// The order in which Go writes the fields of what goes into annotations.
const ORDER: &[&str] = &[
    "type",
    "status",
    "lastTransitionTime",
    "reason",
    "message",
    "kind",
    "name",
    "apiVersion",
    "target",
    "metricName",
    "metricSelector",
    "targetAverageUtilization",
    "currentAverageUtilization",
    "targetValue",
    "currentValue",
    "targetAverageValue",
    "currentAverageValue",
    "selector",
    "averageValue",
    "container",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "ScaleUp",
    "ScaleDown",
    "StabilizationWindowSeconds",
    "SelectPolicy",
    "Policies",
    "Type",
    "Value",
    "PeriodSeconds",
    "Tolerance",
];

/// The stored form of an autoscaler of version 1.
pub(crate) fn from_v1(mut tree: Value) -> Value {
    let annotations = tree.at("metadata").at("annotations").clone();
    let carried = |name: &str| serde_json::from_str::<Value>(annotations.text(name)).ok();
    let autoscaler = fields(&mut tree);
    autoscaler.put("apiVersion", "autoscaling/v2");
    let spec = autoscaler.object("spec");
    let mut metrics =
        carried(METRICS).map(|metrics| to_v2_metrics(&metrics, Side::Target)).unwrap_or_default();
    metrics.extend(spec.remove(TARGET).map(|percent| {
        json!({"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}
        }})
    }));
    if !metrics.is_empty() {
        spec.put("metrics", metrics);
    }
    let behavior = carried(BEHAVIOR).filter(Value::is_object).map(|behavior| rename(behavior, lower_case));
    if let Some(behavior) = behavior.filter(|behavior| !is_zero(behavior)) {
        spec.put("behavior", behavior);
    }
    status_from_v1(autoscaler.object("status"), carried(CURRENT_METRICS).as_ref(), carried(CONDITIONS));
    drop_carriers(autoscaler.object("metadata"));
    tree
}

fn status_from_v1(status: &mut Map, metrics: Option<&Value>, conditions: Option<Value>) {
    let percent = status.remove(CURRENT);
    let cpu = percent.map(|percent| {
        json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}})
    });
    let metrics = metrics.map(|metrics| to_v2_metrics(metrics, Side::Current)).filter(|all| !all.is_empty());
    let metrics = metrics.or_else(|| cpu.map(|cpu| vec![cpu]));
    status.put("currentMetrics", metrics.map_or(Value::Null, Value::from));
    if let Some(conditions) = conditions.filter(Value::is_array) {
        status.put("conditions", conditions);
    }
    if status.get("currentReplicas") == Some(&json!(0)) {
        status.remove("currentReplicas");
    }
}

/// The version 1 form of a stored autoscaler.
pub(crate) fn to_v1(mut tree: Value) -> Value {
    let autoscaler = fields(&mut tree);
    autoscaler.put("apiVersion", "autoscaling/v1");
    drop_carriers(autoscaler.object("metadata"));
    let spec = autoscaler.object("spec");
    let (cpu, others): (Vec<Value>, Vec<Value>) = array(spec.remove("metrics"))
        .into_iter()
        .partition(|metric| cpu_percent(metric, Side::Target).is_some());
    if let Some(percent) = cpu.last().and_then(|metric| cpu_percent(metric, Side::Target)) {
        spec.put(TARGET, percent.clone());
    }
    let behavior = spec.remove("behavior").map(|behavior| with_nulls(rename(behavior, upper_case)));
    let status = autoscaler.object("status");
    let current = array(status.remove("currentMetrics"));
    let conditions = array(status.remove("conditions"));
    if let Some(percent) = current.iter().rev().find_map(|metric| cpu_percent(metric, Side::Current)) {
        status.put(CURRENT, percent.clone());
    }
    status.fill("currentReplicas", 0);
    status.fill("desiredReplicas", 0);
    let carried = [
        (METRICS, to_v1_metrics(&others, Side::Target)),
        (CURRENT_METRICS, to_v1_metrics(&current, Side::Current)),
        (CONDITIONS, conditions),
    ];
    for (name, values) in carried.into_iter().filter(|(_, values)| !values.is_empty()) {
        carry(autoscaler, name, &values.into());
    }
    behavior.into_iter().for_each(|behavior| carry(autoscaler, BEHAVIOR, &behavior));
    tree
}

fn carry(autoscaler: &mut Map, name: &str, value: &Value) {
    autoscaler.object("metadata").object("annotations").put(name, go_text(value));
}

/// Takes away the annotations that carry, which no autoscaler of version 2 has.
pub(crate) fn drop_carriers(metadata: &mut Map) {
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    let carriers = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR].into_iter().chain(TOLERANCES);
    carriers.for_each(|name| drop(annotations.remove(name)));
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

fn array(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.into_vec(),
        _ => Vec::new(),
    }
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Side::Target => "target",
            Side::Current => "current",
        }
    }

    fn field(self, name: &str) -> String {
        name.replace('~', self.word())
    }

    fn writes(self, zero: Zero) -> bool {
        matches!((zero, self), (Zero::Written, _) | (Zero::WrittenIfCurrent, Side::Current))
    }
}

/// What a metric says of the utilization of the CPU, if it does.
fn cpu_percent(metric: &Value, side: Side) -> Option<&Value> {
    let source = metric.at("resource");
    let is_cpu = metric.text("type") == "Resource" && source.text("name") == "cpu";
    Some(source.at(side.word()).at("averageUtilization")).filter(|percent| is_cpu && !percent.is_null())
}

fn to_v1_metrics(metrics: &[Value], side: Side) -> Vec<Value> {
    metrics.iter().map(|metric| convert(metric, side, to_v1_source)).collect()
}

fn to_v2_metrics(metrics: &Value, side: Side) -> Vec<Value> {
    let metrics = metrics.as_array().map(List::as_slice).unwrap_or_default();
    metrics.iter().map(|metric| convert(metric, side, to_v2_source)).collect()
}

/// Converts a metric: its type, and every source that it has.
fn convert(metric: &Value, side: Side, source: fn(&Value, &[Field], Side) -> Value) -> Value {
    let mut converted = Map::new();
    converted.put("type", metric.text("type"));
    for (name, rows) in SOURCES {
        if let Some(old) = metric.get(name).filter(|old| old.is_object()) {
            converted.put(name, source(old, rows, side));
        }
    }
    Value::Object(converted)
}

fn to_v1_source(source: &Value, rows: &[Field], side: Side) -> Value {
    let mut converted = Map::new();
    for (name, path, zero) in rows {
        let found = path.iter().fold(source, |at, part| at.at(&side.field(part)));
        match found {
            Value::Null if side.writes(*zero) => converted.put(&side.field(name), "0"),
            Value::Null => {}
            found => converted.put(&side.field(name), found.clone()),
        }
    }
    Value::Object(converted)
}

fn to_v2_source(source: &Value, rows: &[Field], side: Side) -> Value {
    let mut converted = Value::Object(Map::new());
    let mut kind = "";
    for (name, path, zero) in rows {
        let Some(found) = source.get(side.field(name)) else { continue };
        if side.writes(*zero) && found == "0" && source.get("averageValue").is_some() {
            continue;
        }
        let (last, folders) = path.split_last().expect("every path has a part");
        let place = folders.iter().fold(fields(&mut converted), |at, part| at.object(&side.field(part)));
        place.put(last, found.clone());
        kind = match *path {
            UTILIZATION => "Utilization",
            AVERAGE => "AverageValue",
            VALUE => "Value",
            _ => kind,
        };
    }
    if matches!(side, Side::Target) && !kind.is_empty() {
        fields(&mut converted).object("target").put("type", kind);
    }
    converted
}

/// The same with other names of fields, all the way down.
fn rename(value: Value, name: fn(&str) -> String) -> Value {
    match value {
        Value::Object(all) => {
            let renamed = all.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(renamed.map(|(key, value)| (name(&key), rename(value, name))).collect())
        }
        Value::Array(all) => all.into_iter().map(|item| rename(item, name)).collect(),
        other => other,
    }
}

/// The pointers of Go's structs that nothing stands behind.
fn with_nulls(mut behavior: Value) -> Value {
    let rules = ["StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance"];
    let directions = fields(&mut behavior);
    for direction in ["ScaleUp", "ScaleDown"] {
        let given = directions.entry(direction).or_insert(Value::Null);
        for rule in rules.iter().filter(|rule| given.is_object() && !given.has(rule)).collect::<Vec<_>>() {
            fields(given).put(rule, Value::Null);
        }
    }
    behavior
}

fn upper_case(name: &str) -> String {
    with_first(name, char::to_ascii_uppercase)
}

fn lower_case(name: &str) -> String {
    with_first(name, char::to_ascii_lowercase)
}

fn with_first(name: &str, change: fn(&char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| change(&first)).into_iter().chain(letters).collect()
}

/// JSON with fields in the order of Go's structs; maps of the user's are ordered by key.
fn go_text(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(",")),
        Value::Object(all) => {
            let mut rows: Vec<_> = all.iter().collect();
            rows.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
            let text = |(name, value): &(&Text, &Value)| match name.as_str() {
                "matchLabels" => format!("\"matchLabels\":{value}"),
                name => format!("\"{name}\":{}", go_text(value)),
            };
            format!("{{{}}}", rows.iter().map(text).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(metrics: Value) -> Value {
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"},
            "spec": {"maxReplicas": 3, "metrics": metrics},
            "status": {"desiredReplicas": 0, "currentMetrics": null},
        })
    }

    #[test]
    fn the_utilization_of_the_cpu_is_a_field_of_version_1() {
        let metric = json!({"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}
        }});
        let v2 = stored(json!([metric]));
        let v1 = to_v1(v2.clone());
        assert_eq!(v1["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}));
        assert_eq!(v1["status"], json!({"desiredReplicas": 0, "currentReplicas": 0}));
        assert_eq!(from_v1(v1), v2);
    }

    #[test]
    fn other_metrics_travel_in_an_annotation_as_go_writes_them() {
        let v2 = stored(json!([
            {"type": "Resource", "resource": {
                "name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}
            }},
            {"type": "Pods", "pods": {
                "metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1500m"}
            }},
            {"type": "External", "external": {
                "metric": {"name": "q", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "Value", "value": "10"}
            }},
            {"type": "Object", "object": {
                "describedObject": {"kind": "Service", "name": "s", "apiVersion": "v1"},
                "target": {"type": "Value", "value": "1k"}, "metric": {"name": "o"}
            }},
            {"type": "ContainerResource", "containerResource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}, "container": "c"
            }},
        ]));
        let v1 = to_v1(v2.clone());
        assert_eq!(
            v1["metadata"]["annotations"][METRICS],
            "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageValue\":\"1Gi\"}},\
             {\"type\":\"Pods\",\"pods\":{\"metricName\":\"m\",\"targetAverageValue\":\"1500m\"}},\
             {\"type\":\"External\",\"external\":{\"metricName\":\"q\",\
             \"metricSelector\":{\"matchLabels\":{\"a\":\"b\"}},\"targetValue\":\"10\"}},\
             {\"type\":\"Object\",\"object\":{\"target\":{\"kind\":\"Service\",\"name\":\"s\",\
             \"apiVersion\":\"v1\"},\"metricName\":\"o\",\"targetValue\":\"1k\"}},\
             {\"type\":\"ContainerResource\",\"containerResource\":{\"name\":\"cpu\",\
             \"targetAverageUtilization\":50,\"container\":\"c\"}}]"
        );
        assert_eq!(from_v1(v1), v2);
    }

    #[test]
    fn behavior_travels_under_the_names_of_gos_fields() {
        let mut v2 = stored(json!([]));
        v2["spec"] = json!({"maxReplicas": 3, "behavior": {"scaleDown": {
            "selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]
        }}});
        let v1 = to_v1(v2.clone());
        assert_eq!(
            v1["metadata"]["annotations"][BEHAVIOR],
            "{\"ScaleUp\":null,\"ScaleDown\":{\"StabilizationWindowSeconds\":null,\"SelectPolicy\":\"Max\",\
             \"Policies\":[{\"Type\":\"Pods\",\"Value\":1,\"PeriodSeconds\":30}],\"Tolerance\":null}}"
        );
        assert_eq!(from_v1(v1), v2);
    }

    #[test]
    fn a_behavior_that_says_nothing_is_none() {
        for text in ["{}", "{\"ScaleUp\":null,\"ScaleDown\":null}", "[]", "{"] {
            let v1 = json!({"metadata": {"annotations": {BEHAVIOR: text}}, "spec": {}});
            assert!(!from_v1(v1)["spec"].has("behavior"), "{text}");
        }
    }

    #[test]
    fn what_was_measured_survives_the_way_there_and_back() {
        let mut v2 = stored(json!([]));
        v2["spec"] = json!({"maxReplicas": 3});
        v2["status"] = json!({
            "currentReplicas": 2, "desiredReplicas": 3,
            "currentMetrics": [{"type": "Resource", "resource": {
                "name": "cpu", "current": {"averageUtilization": 70, "averageValue": "70m"}
            }}],
            "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": null}],
        });
        let v1 = to_v1(v2.clone());
        assert_eq!(v1["status"]["currentCPUUtilizationPercentage"], 70);
        assert_eq!(
            v1["metadata"]["annotations"][CONDITIONS],
            "[{\"type\":\"AbleToScale\",\"status\":\"True\",\"lastTransitionTime\":null}]"
        );
        assert_eq!(from_v1(v1), v2);
    }
}
