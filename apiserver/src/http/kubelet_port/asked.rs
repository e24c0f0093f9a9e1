//! What a path of a kubelet's port is about.

/// A path understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    Log(Whom<'a>),
    Exec(Whom<'a>),
    Attach(Whom<'a>),
    Ports(Whom<'a>),
    /// A page of the kubelet's own, or none.
    Page(&'a str),
}

/// A pod, and one of its containers where that is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whom<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) uid: Option<&'a str>,
    pub(super) container: &'a str,
}

impl<'a> Asked<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        let path = path.trim_matches('/');
        let steps: Vec<&str> = path.split('/').collect();
        let whom = |namespace, pod, uid, container| Whom { namespace, pod, uid, container };
        match *steps.as_slice() {
            ["containerLogs", namespace, pod, container] => Asked::Log(whom(namespace, pod, None, container)),
            ["exec", namespace, pod, container] => Asked::Exec(whom(namespace, pod, None, container)),
            ["exec", namespace, pod, uid, container] => {
                Asked::Exec(whom(namespace, pod, Some(uid), container))
            }
            ["attach", namespace, pod, container] => Asked::Attach(whom(namespace, pod, None, container)),
            ["attach", namespace, pod, uid, container] => {
                Asked::Attach(whom(namespace, pod, Some(uid), container))
            }
            ["portForward", namespace, pod] => Asked::Ports(whom(namespace, pod, None, "")),
            ["portForward", namespace, pod, uid] => Asked::Ports(whom(namespace, pod, Some(uid), "")),
            _ => Asked::Page(path),
        }
    }

    /// Which part of a node one must have a right to; upstream's `getNodeRequestSubresource`.
    pub(super) fn subresource(&self) -> &'static str {
        let Asked::Page(path) = self else { return "proxy" };
        match path.split('/').next() {
            Some("stats") => "stats",
            Some("metrics") => "metrics",
            Some("logs") => "log",
            Some("checkpoint") => "checkpoint",
            _ => "proxy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_upstreams_do() {
        let whom = |uid, container| Whom { namespace: "n", pod: "p", uid, container };
        let cases = [
            ("/containerLogs/n/p/c", Asked::Log(whom(None, "c"))),
            ("/exec/n/p/c", Asked::Exec(whom(None, "c"))),
            ("/exec/n/p/u/c", Asked::Exec(whom(Some("u"), "c"))),
            ("/attach/n/p/c", Asked::Attach(whom(None, "c"))),
            ("/attach/n/p/u/c", Asked::Attach(whom(Some("u"), "c"))),
            ("/portForward/n/p", Asked::Ports(whom(None, ""))),
            ("/portForward/n/p/u", Asked::Ports(whom(Some("u"), ""))),
            ("/pods/", Asked::Page("pods")),
            ("/exec/n", Asked::Page("exec/n")),
        ];
        for (path, expected) in cases {
            assert_eq!(Asked::of(path), expected, "{path}");
        }
        assert_eq!(Asked::of("/metrics/cadvisor").subresource(), "metrics");
        assert_eq!(Asked::of("/exec/n/p/c").subresource(), "proxy");
    }
}
