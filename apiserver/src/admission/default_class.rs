//! Gives claims and ingresses that name no class the one that is marked as the default; the youngest of several.

use async_trait::async_trait;
use steersman_core::Result;
use steersman_core::resource::GroupResource;
use steersman_core::tree::Value;

use super::{Admission, Attributes, Operation, Part};
use crate::tree::{Fill, Read, fields};

/// A kind whose objects have a class.
pub(super) struct DefaultClass {
    name: &'static str,
    /// The objects: their group and resource, the field of the spec, and the older annotation that names a class too.
    objects: (&'static str, &'static str),
    field: &'static str,
    older: &'static str,
    /// The classes, and the annotations that mark a default.
    classes: (&'static str, &'static str),
    marks: &'static [&'static str],
}

/// Claims of volumes.
pub(super) const STORAGE: DefaultClass = DefaultClass {
    name: "DefaultStorageClass",
    objects: ("", "persistentvolumeclaims"),
    field: "storageClassName",
    older: "volume.beta.kubernetes.io/storage-class",
    classes: ("storage.k8s.io", "storageclasses"),
    marks: &[
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ],
};

/// Ingresses.
pub(super) const INGRESS: DefaultClass = DefaultClass {
    name: "DefaultIngressClass",
    objects: ("networking.k8s.io", "ingresses"),
    field: "ingressClassName",
    older: "kubernetes.io/ingress.class",
    classes: ("networking.k8s.io", "ingressclasses"),
    marks: &["ingressclass.kubernetes.io/is-default-class"],
};

#[async_trait]
impl Admission for DefaultClass {
    fn name(&self) -> &'static str {
        self.name
    }

    fn part(&self) -> Part {
        Part::Admits
    }

    fn handles(&self, write: &Attributes<'_>) -> bool {
        write.is_about(self.objects.0, self.objects.1)
    }

    async fn admit(&self, write: &mut Attributes<'_>) -> Result<()> {
        let (group, resource) = self.objects;
        if !write.is(Operation::Create, group, resource) || self.is_given(write.object) {
            return Ok(());
        }
        if let Some(class) = self.default(write)? {
            fields(write.object).object("spec").put(self.field, class);
        }
        Ok(())
    }
}

impl DefaultClass {
    fn is_given(&self, object: &Value) -> bool {
        object.at("spec").has(self.field) || object.at("metadata").at("annotations").has(self.older)
    }

    fn default(&self, write: &Attributes<'_>) -> Result<Option<String>> {
        let (group, resource) = self.classes;
        let mut youngest: Option<(String, String)> = None;
        for class in write.cluster.list(&GroupResource::new(group, resource), "") {
            let tree = class.to_value()?;
            let annotations = tree.at("metadata").at("annotations");
            let created = tree.at("metadata").text("creationTimestamp");
            let is_default = self.marks.iter().any(|mark| annotations.text(mark) == "true");
            // They come ordered by name: of those made at the same time the first is taken.
            if is_default && youngest.as_ref().is_none_or(|(time, _)| created > time.as_str()) {
                youngest = Some((created.to_owned(), class.name().to_owned()));
            }
        }
        Ok(youngest.map(|(_, name)| name))
    }
}
