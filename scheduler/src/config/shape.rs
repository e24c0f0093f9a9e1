//! Knows the fields of a configuration file, to tell of those that do not exist.

use steersman_core::tree::Value;

/// What may be in a place of the file.
enum Shape {
    /// Anything; its reader knows.
    Any,
    /// An object with these fields.
    Fields(&'static [(&'static str, Shape)]),
    /// A list of these.
    List(&'static Shape),
}

use Shape::{Any, Fields, List};

const PLUGIN: Shape = Fields(&[("name", Any), ("weight", Any)]);
const SET: Shape = Fields(&[("enabled", List(&PLUGIN)), ("disabled", List(&PLUGIN))]);

const PLUGINS: Shape = Fields(&[
    ("preEnqueue", SET),
    ("queueSort", SET),
    ("preFilter", SET),
    ("filter", SET),
    ("postFilter", SET),
    ("preScore", SET),
    ("score", SET),
    ("reserve", SET),
    ("permit", SET),
    ("preBind", SET),
    ("bind", SET),
    ("postBind", SET),
    ("placementGenerate", SET),
    ("placementScore", SET),
    ("multiPoint", SET),
]);

const PROFILE: Shape = Fields(&[
    ("schedulerName", Any),
    ("percentageOfNodesToScore", Any),
    ("plugins", PLUGINS),
    ("pluginConfig", List(&Fields(&[("name", Any), ("args", Any)]))),
]);

const EXTENDER: Shape = Fields(&[
    ("urlPrefix", Any),
    ("filterVerb", Any),
    ("preemptVerb", Any),
    ("prioritizeVerb", Any),
    ("weight", Any),
    ("bindVerb", Any),
    ("enableHTTPS", Any),
    ("tlsConfig", Any),
    ("httpTimeout", Any),
    ("nodeCacheCapable", Any),
    ("managedResources", List(&Fields(&[("name", Any), ("ignoredByScheduler", Any)]))),
    ("ignorable", Any),
]);

const LEADER_ELECTION: Shape = Fields(&[
    ("leaderElect", Any),
    ("leaseDuration", Any),
    ("renewDeadline", Any),
    ("retryPeriod", Any),
    ("resourceLock", Any),
    ("resourceName", Any),
    ("resourceNamespace", Any),
]);

const CLIENT: Shape = Fields(&[
    ("kubeconfig", Any),
    ("acceptContentTypes", Any),
    ("contentType", Any),
    ("qps", Any),
    ("burst", Any),
]);

const FILE: Shape = Fields(&[
    ("apiVersion", Any),
    ("kind", Any),
    ("parallelism", Any),
    ("leaderElection", LEADER_ELECTION),
    ("clientConnection", CLIENT),
    ("healthzBindAddress", Any),
    ("metricsBindAddress", Any),
    ("enableProfiling", Any),
    ("enableContentionProfiling", Any),
    ("percentageOfNodesToScore", Any),
    ("podInitialBackoffSeconds", Any),
    ("podMaxBackoffSeconds", Any),
    ("profiles", List(&PROFILE)),
    ("extenders", List(&EXTENDER)),
    ("delayCacheUntilActive", Any),
]);

/// The paths of the fields that do not exist.
pub(super) fn unknown_fields(file: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(file, &FILE, "", &mut unknown);
    unknown
}

fn walk(value: &Value, shape: &Shape, path: &str, unknown: &mut Vec<String>) {
    match (value, shape) {
        (Value::Object(object), Fields(fields)) => {
            for (name, value) in object {
                let place = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                match fields.iter().find(|(field, _)| field == name) {
                    Some((_, shape)) => walk(value, shape, &place, unknown),
                    None => unknown.push(place),
                }
            }
        }
        (Value::Array(list), List(shape)) => {
            for (at, value) in list.iter().enumerate() {
                walk(value, shape, &format!("{path}[{at}]"), unknown);
            }
        }
        // A value of another type is told when it is read.
        _ => {}
    }
}
