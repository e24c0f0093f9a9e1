//! Chooses the run of a container whose log is meant, or says why there is none, as upstream's kubelet does.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};

/// The runtime's name for the run; an error is what the client reads.
pub(super) fn of_log<'p>(pod: &'p Pod, container: &str, previous: bool) -> Result<&'p str, String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let about = format!("container {container:?} in pod {name:?}");
    let status = pod.status.as_ref().and_then(|status| find(status, container));
    let status = status.ok_or_else(|| format!("{about} is not available"))?;
    let last = status.last_state.as_ref().and_then(terminated);
    if previous {
        return last.ok_or_else(|| format!("previous terminated {about} not found"));
    }
    let state = status.state.as_ref();
    if state.is_some_and(|state| state.running.is_some()) {
        return Ok(status.container_id.as_deref().map(bare).unwrap_or_default());
    }
    let has_ended = |state: &ContainerState| state.terminated.is_some();
    if state.is_some_and(has_ended) || status.last_state.as_ref().is_some_and(has_ended) {
        let ended = state.and_then(terminated).or(last);
        return ended.ok_or_else(|| format!("{about} is terminated"));
    }
    Err(match state.and_then(|state| state.waiting.as_ref()) {
        Some(waiting) => {
            let why = match waiting.reason.as_deref().unwrap_or_default() {
                "ErrImagePull" => "image can't be pulled",
                "ImagePullBackOff" => "trying and failing to pull image",
                reason => reason,
            };
            format!("{about} is waiting to start: {why}")
        }
        None => format!("{about} is waiting to start - no logs yet"),
    })
}

fn find<'s>(status: &'s PodStatus, container: &str) -> Option<&'s ContainerStatus> {
    let all =
        [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
    all.into_iter().flatten().flatten().find(|status| status.name == container)
}

/// The run that ended in this state, if it is known.
fn terminated(state: &ContainerState) -> Option<&str> {
    let id = state.terminated.as_ref()?.container_id.as_deref()?;
    (!id.is_empty()).then(|| bare(id))
}

/// A container's name without that of the runtime.
fn bare(id: &str) -> &str {
    id.split_once("://").map_or(id, |(_, id)| id)
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, json};

    use super::*;

    fn chosen(status: &Value, previous: bool) -> String {
        let mut status = status.clone();
        status["name"] = "c".into();
        let fields = ["image", "imageID"].map(|name| (name.to_owned(), Value::from("")));
        status.as_object_mut().unwrap().extend(fields);
        status["ready"] = false.into();
        status["restartCount"] = 0.into();
        let pod = json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}});
        let pod: Pod = steersman_core::tree::from_value(pod).unwrap();
        of_log(&pod, "c", previous).map_or_else(|why| why, str::to_owned)
    }

    #[test]
    fn the_run_is_chosen_by_the_state() {
        let ended = |id: &str| json!({"terminated": {"exitCode": 1, "containerID": id}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let running =
            json!({"state": {"running": {}}, "containerID": "fake://2", "lastState": ended("fake://1")});
        let about = "container \"c\" in pod \"p\"";
        let cases = [
            (running.clone(), false, "2".to_owned()),
            (running, true, "1".to_owned()),
            (json!({"state": ended("fake://3")}), false, "3".to_owned()),
            (json!({"state": ended("fake://3")}), true, format!("previous terminated {about} not found")),
            (json!({"state": ended("")}), false, format!("{about} is terminated")),
            (
                json!({"state": waiting("CrashLoopBackOff"), "lastState": ended("x://4")}),
                false,
                "4".to_owned(),
            ),
            (
                json!({"state": waiting("ContainerCreating")}),
                false,
                format!("{about} is waiting to start: ContainerCreating"),
            ),
            (
                json!({"state": waiting("ErrImagePull")}),
                false,
                format!("{about} is waiting to start: image can't be pulled"),
            ),
            (json!({}), false, format!("{about} is waiting to start - no logs yet")),
        ];
        for (status, previous, expected) in cases {
            assert_eq!(chosen(&status, previous), expected, "{status} {previous}");
        }
        let pod = Pod::default();
        assert_eq!(of_log(&pod, "c", false).unwrap_err(), "container \"c\" in pod \"\" is not available");
    }
}
