//! Configurations to apply: applied twice is applied once, and one that is refused changes nothing.

use http::Method;

use crate::house::{PODS, in_house, pod};

/// Applies `body`, forced, to a pod.
pub fn apply(body: &[u8]) {
    in_house(|house| {
        let path = format!("{PODS}/p");
        let apply = format!("{path}?fieldManager=m&force=true");
        let send = || house.send(Method::PATCH, &apply, "application/apply-patch+yaml", body);
        house.post(PODS, &pod());
        let before = house.get(&path);
        let (status, once) = send();
        if status.is_success() {
            assert_eq!(send().1, once);
            house.remove_pod(&path);
        } else {
            assert_eq!(house.get(&path), before);
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const CONFIGURATIONS: &[&str] = &[
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"2"},"finalizers":["example.com/g"]}}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"j",
            "env":[{"name":"E","value":"2"},{"name":"F"}],"ports":[{"containerPort":80,"protocol":"TCP"}]}]}}"#,
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {b: '3'}\nspec:\n  tolerations:\n  \
         - {key: k, operator: Exists}\n  - key: l\n    effect: NoSchedule\n  activeDeadlineSeconds: 9\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: &a\n    x: y\n  annotations: *a\n",
    ];

    #[test]
    fn a_configuration_applied_twice_is_applied_once() {
        hold(CONFIGURATIONS, super::apply);
    }
}
