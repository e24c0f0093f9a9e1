//! JSON patches, merge patches and strategic merge patches: a patch that is refused changes nothing.

use http::Method;

use crate::house::{PODS, in_house, pod};

const FORMS: [&str; 3] = ["json-patch", "merge-patch", "strategic-merge-patch"];

/// Patches a pod with `body`; `form` chooses what kind of patch it is.
pub fn patches(form: u8, body: &[u8]) {
    let form = format!("application/{}+json", FORMS[usize::from(form) % FORMS.len()]);
    in_house(|house| {
        let path = format!("{PODS}/p");
        house.post(PODS, &pod());
        let before = house.get(&path);
        let (status, _) = house.send(Method::PATCH, &path, &form, body);
        if status.is_success() {
            house.remove_pod(&path);
        } else {
            assert_eq!(house.get(&path), before);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::patches;
    use crate::mutated::hold;

    const JSON_PATCHES: &[&str] = &[
        r#"[{"op":"test","path":"/metadata/labels/a","value":"1"},{"op":"replace","path":"/metadata/labels/a","value":"2"}]"#,
        r#"[{"op":"add","path":"/metadata/annotations/c~1d~0","value":"1"},{"op":"remove","path":"/metadata/finalizers/0"}]"#,
        r#"[{"op":"copy","from":"/metadata/labels","path":"/metadata/annotations"},
            {"op":"move","from":"/spec/tolerations/0","path":"/spec/tolerations/-"},
            {"op":"add","path":"/spec/containers/0/image","value":"j"}]"#,
    ];

    const MERGE_PATCHES: &[&str] = &[
        r#"{"metadata":{"labels":{"a":null,"c":"3"},"finalizers":[]},"spec":{"activeDeadlineSeconds":9}}"#,
        r#"{"spec":{"containers":[{"name":"c","image":"j"}],"tolerations":null}}"#,
    ];

    const STRATEGIC_PATCHES: &[&str] = &[
        r#"{"spec":{"containers":[{"name":"c","image":"j","env":[{"name":"E","$patch":"delete"}],"ports":null}]}}"#,
        r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/f"],
            "$setElementOrder/finalizers":["example.com/g"],"finalizers":["example.com/g"]},
            "spec":{"$setElementOrder/containers":[{"name":"c"}],"tolerations":[{"$patch":"replace"},{"key":"l"}]}}"#,
        r#"{"metadata":{"$retainKeys":["labels"],"labels":{"$patch":"replace","z":"1"}}}"#,
    ];

    #[test]
    fn a_json_patch_that_is_refused_changes_nothing() {
        hold(JSON_PATCHES, |body| patches(0, body));
    }

    #[test]
    fn a_merge_patch_that_is_refused_changes_nothing() {
        hold(MERGE_PATCHES, |body| patches(1, body));
    }

    #[test]
    fn a_strategic_merge_patch_that_is_refused_changes_nothing() {
        hold(STRATEGIC_PATCHES, |body| patches(2, body));
    }
}
