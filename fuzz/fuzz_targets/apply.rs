//! Configurations to apply: applied twice is applied once, and one that is refused changes nothing.
#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use steersman_fuzz::{JSON, in_house, pod};

fuzz_target!(|body: &[u8]| {
    in_house(|house| {
        let pods = "/api/v1/namespaces/default/pods";
        let path = format!("{pods}/p");
        let apply = format!("{path}?fieldManager=m&force=true");
        let send = || house.send(Method::PATCH, &apply, "application/apply-patch+yaml", body);
        house.post(pods, &pod());
        let before = house.get(&path);
        let (status, once) = send();
        if status.is_success() {
            assert_eq!(send().1, once);
            let unlocked = br#"[{"op": "add", "path": "/metadata/finalizers", "value": []}]"#;
            house.send(Method::PATCH, &path, "application/json-patch+json", unlocked);
            house.send(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), JSON, b"");
        } else {
            assert_eq!(house.get(&path), before);
        }
    });
});
