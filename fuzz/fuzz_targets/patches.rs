//! JSON patches, merge patches and strategic merge patches: a patch that is refused changes nothing.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use steersman_fuzz::{JSON, in_house, pod};

const FORMS: [&str; 3] = ["json-patch", "merge-patch", "strategic-merge-patch"];

fuzz_target!(|input: (u8, &[u8])| {
    let (form, body) = input;
    let form = format!("application/{}+json", FORMS[usize::from(form) % FORMS.len()]);
    in_house(|house| {
        let pods = "/api/v1/namespaces/default/pods";
        let path = format!("{pods}/p");
        house.post(pods, &pod());
        let before = house.get(&path);
        let (status, _) = house.send(Method::PATCH, &path, &form, body);
        if status.is_success() {
            let unlocked = br#"[{"op": "add", "path": "/metadata/finalizers", "value": []}]"#;
            house.send(Method::PATCH, &path, "application/json-patch+json", unlocked);
            house.send(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), JSON, b"");
        } else {
            assert_eq!(house.get(&path), before);
        }
    });
});
