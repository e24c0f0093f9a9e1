//! A container as its pod describes it.

use std::ops::Deref;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

/// One of a pod's containers, by its place: init containers first, then the others. It is shared with the pod, not copied.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pod: Arc<Pod>,
    place: usize,
}

impl Spec {
    /// All containers of a pod, in their order.
    pub(crate) fn all(pod: &Arc<Pod>) -> impl Iterator<Item = Spec> {
        let count = pod.spec.as_ref().map_or(0, |spec| inits(spec).len() + spec.containers.len());
        (0..count).map(|place| Spec { pod: pod.clone(), place })
    }

    /// Whether it is an init container.
    pub(crate) fn is_init(&self) -> bool {
        self.pod.spec.as_ref().is_some_and(|spec| self.place < inits(spec).len())
    }

    fn find(&self) -> Option<&Container> {
        let spec = self.pod.spec.as_ref()?;
        let inits = inits(spec);
        inits.get(self.place).or_else(|| spec.containers.get(self.place - inits.len()))
    }
}

impl Deref for Spec {
    type Target = Container;

    fn deref(&self) -> &Container {
        self.find().expect("a version of a pod keeps its containers")
    }
}

fn inits(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_containers_come_first() {
        let container = |name: &str| Container { name: name.to_owned(), ..Container::default() };
        let spec = PodSpec {
            init_containers: Some(vec![container("a")]),
            containers: vec![container("b"), container("c")],
            ..PodSpec::default()
        };
        let pod = Arc::new(Pod { spec: Some(spec), ..Pod::default() });
        let all: Vec<_> = Spec::all(&pod).map(|spec| (spec.name.clone(), spec.is_init())).collect();
        assert_eq!(all, [("a".to_owned(), true), ("b".to_owned(), false), ("c".to_owned(), false)]);
        assert_eq!(Spec::all(&Arc::new(Pod::default())).count(), 0);
    }
}
