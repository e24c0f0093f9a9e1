//! Whom a container runs as, and which of its wishes come to nothing where a runtime keeps nothing apart.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, SecurityContext};

/// Where the credentials of the pod's service account are mounted.
pub(crate) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A user and a group, where somebody has named them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) user: Option<i64>,
    pub(crate) group: Option<i64>,
}

/// Whom a container runs as; fails where it must not be root and would be, in upstream's words. `image_user` is whom
/// its image runs as.
pub(crate) fn run_as(pod: &Pod, container: &Container, image_user: Option<u32>) -> Result<RunAs, String> {
    let wishes = effective(pod.spec.as_ref(), container);
    let complaint = match (wishes.run_as_non_root, wishes.run_as_user, image_user) {
        (Some(true), Some(0), _) => "container's runAsUser breaks non-root policy",
        (Some(true), None, Some(0)) => "container has runAsNonRoot and image will run as root",
        _ => return Ok(RunAs { user: wishes.run_as_user, group: wishes.run_as_group }),
    };
    let metadata = &pod.metadata;
    let [name, namespace, uid] =
        [&metadata.name, &metadata.namespace, &metadata.uid].map(|text| text.as_deref().unwrap_or_default());
    Err(format!("{complaint} (pod: \"{name}_{namespace}({uid})\", container: {})", container.name))
}

/// What a container asks for that only a runtime which isolates can grant, as manifests name it. Requests are the
/// scheduler's affair, and volumes are refused where they cannot be shown.
pub(crate) fn unenforced(pod: &Pod, container: &Container) -> Vec<&'static str> {
    let spec = pod.spec.as_ref();
    let (wishes, pods) = (effective(spec, container), spec.and_then(|spec| spec.security_context.as_ref()));
    let resources = [container.resources.as_ref(), spec.and_then(|spec| spec.resources.as_ref())];
    let has_limits = |place: usize| {
        resources[place].is_some_and(|part| part.limits.as_ref().is_some_and(|limits| !limits.is_empty()))
    };
    let is_confined = |kind: Option<&String>| kind.is_some_and(|kind| kind != "Unconfined");
    let mut mounts = container.volume_mounts.iter().flatten();
    let all = [
        (has_limits(0), "resources.limits"),
        (has_limits(1), "spec.resources.limits"),
        (wishes.privileged == Some(true), "securityContext.privileged"),
        (wishes.capabilities.is_some(), "securityContext.capabilities"),
        (wishes.read_only_root_filesystem == Some(true), "securityContext.readOnlyRootFilesystem"),
        (wishes.allow_privilege_escalation == Some(false), "securityContext.allowPrivilegeEscalation"),
        (
            is_confined(wishes.seccomp_profile.as_ref().map(|one| &one.type_)),
            "securityContext.seccompProfile",
        ),
        (
            is_confined(wishes.app_armor_profile.as_ref().map(|one| &one.type_)),
            "securityContext.appArmorProfile",
        ),
        (wishes.se_linux_options.is_some(), "securityContext.seLinuxOptions"),
        (pods.is_some_and(|pods| pods.supplemental_groups.is_some()), "securityContext.supplementalGroups"),
        (pods.is_some_and(|pods| pods.sysctls.is_some()), "securityContext.sysctls"),
        (mounts.any(|mount| mount.mount_path.starts_with(SERVICE_ACCOUNT)), "the service account's token"),
    ];
    all.into_iter().filter_map(|(is_asked, name)| is_asked.then_some(name)).collect()
}

/// The container's own wishes before its pod's; upstream's `DetermineEffectiveSecurityContext`.
fn effective(pod: Option<&PodSpec>, container: &Container) -> SecurityContext {
    let own = container.security_context.clone().unwrap_or_default();
    let Some(pods) = pod.and_then(|pod| pod.security_context.clone()) else { return own };
    SecurityContext {
        run_as_user: own.run_as_user.or(pods.run_as_user),
        run_as_group: own.run_as_group.or(pods.run_as_group),
        run_as_non_root: own.run_as_non_root.or(pods.run_as_non_root),
        se_linux_options: own.se_linux_options.or(pods.se_linux_options),
        seccomp_profile: own.seccomp_profile.or(pods.seccomp_profile),
        app_armor_profile: own.app_armor_profile.or(pods.app_armor_profile),
        ..own
    }
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::{Value, from_value, json};

    use super::*;

    fn pod(pods: &Value, own: &Value) -> Pod {
        from_value(json!({
            "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
            "spec": {"securityContext": pods, "containers": [{"name": "c", "securityContext": own}]}
        }))
        .unwrap()
    }

    fn container(pod: &Pod) -> &Container {
        &pod.spec.as_ref().unwrap().containers[0]
    }

    #[test]
    fn a_container_says_whom_it_runs_as_before_its_pod_does() {
        let pod = pod(&json!({"runAsUser": 7, "runAsGroup": 8}), &json!({"runAsUser": 9}));
        let both = RunAs { user: Some(9), group: Some(8) };
        assert_eq!(run_as(&pod, container(&pod), Some(0)), Ok(both));
    }

    #[test]
    fn who_must_not_be_root_is_not_started_as_root() {
        let must_not = json!({"runAsNonRoot": true});
        let check = |pods: &Value, own: &Value, image| {
            let pod = pod(pods, own);
            run_as(&pod, container(&pod), image).map(drop)
        };
        assert_eq!(
            check(&must_not, &json!({}), Some(0)).unwrap_err(),
            "container has runAsNonRoot and image will run as root (pod: \"p_ns(u)\", container: c)"
        );
        assert_eq!(
            check(&must_not, &json!({"runAsUser": 0}), None).unwrap_err(),
            "container's runAsUser breaks non-root policy (pod: \"p_ns(u)\", container: c)"
        );
        assert_eq!(check(&must_not, &json!({}), Some(1000)), Ok(()));
        assert_eq!(check(&must_not, &json!({}), None), Ok(()));
        assert_eq!(check(&must_not, &json!({"runAsUser": 5}), Some(0)), Ok(()));
        assert_eq!(check(&must_not, &json!({"runAsNonRoot": false}), Some(0)), Ok(()));
    }

    #[test]
    fn wishes_that_need_isolation_are_named() {
        let named = |pods: Value, own: Value| {
            let pod = pod(&pods, &own);
            unenforced(&pod, container(&pod))
        };
        assert_eq!(named(json!({"runAsUser": 1}), json!({})), Vec::<&str>::new());
        assert_eq!(named(json!({"seccompProfile": {"type": "Unconfined"}}), json!({})), Vec::<&str>::new());
        assert_eq!(
            named(json!({"seccompProfile": {"type": "RuntimeDefault"}}), json!({"privileged": true})),
            ["securityContext.privileged", "securityContext.seccompProfile"]
        );
        let limited: Pod = from_value(json!({"spec": {"containers": [{
            "name": "c", "resources": {"limits": {"cpu": "1"}},
            "volumeMounts": [{"name": "t", "mountPath": SERVICE_ACCOUNT}]
        }]}}))
        .unwrap();
        let named = unenforced(&limited, container(&limited));
        assert_eq!(named, ["resources.limits", "the service account's token"]);
    }
}
