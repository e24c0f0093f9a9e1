//! Lets pods stay for five minutes on a node that is not ready or not reachable, unless they say otherwise.

use std::sync::LazyLock;

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::tree::{Value, json};

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields};

const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// For how long a pod stays.
const SECONDS: i64 = 300;

/// What is added for each of the taints: all pods share it.
static TOLERATIONS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    TAINTS.map(
        |key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}),
    )
});

pub(super) struct DefaultTolerationSeconds;

#[async_trait]
impl Admission for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is(Operation::Create, "", "pods") || write.is(Operation::Update, "", "pods")
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        tolerate(write.object);
        Ok(())
    }
}

fn tolerate(pod: &mut Value) {
    let tolerations = pod.at("spec").items("tolerations");
    let is_missing = |taint: &str| !tolerations.iter().any(|one| covers(one, taint));
    let missing: Vec<Value> = TAINTS
        .iter()
        .zip(&*TOLERATIONS)
        .filter(|(taint, _)| is_missing(taint))
        .map(|(_, one)| one.clone())
        .collect();
    if !missing.is_empty() {
        fields(pod).object("spec").list("tolerations").extend(missing);
    }
}

fn covers(toleration: &Value, taint: &str) -> bool {
    let (key, effect) = (toleration.text("key"), toleration.text("effect"));
    (key.is_empty() || key == taint) && (effect.is_empty() || effect == "NoExecute")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_pod_does_not_say_is_added() {
        let keys = |tolerations: Value| {
            let mut pod = json!({"spec": {"tolerations": tolerations}});
            tolerate(&mut pod);
            pod.at("spec")
                .items("tolerations")
                .iter()
                .map(|one| one.text("key").to_owned())
                .collect::<Vec<_>>()
        };
        let [not_ready, unreachable] = TAINTS;
        assert_eq!(keys(json!([])), TAINTS);
        assert_eq!(keys(json!([{"key": unreachable, "operator": "Exists"}])), [unreachable, not_ready]);
        assert_eq!(keys(json!([{"operator": "Exists"}])), [""]);
        assert_eq!(
            keys(json!([{"key": not_ready, "operator": "Exists", "effect": "NoSchedule"}])),
            [not_ready, not_ready, unreachable]
        );
    }
}
