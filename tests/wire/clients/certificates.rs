//! Client certificates over TLS: the handshake lets every certificate in, and what it proves is told by the answer.

use http::Request;
use jiff::SignedDuration;
use steersman::apiserver::authenticate::ClientCertificates;
use steersman::apiserver::listener::Authority;

use super::Served;
use super::who::{self, Shown};

const REFUSED: &str = "401 Unauthorized";

#[test]
fn a_certificate_proves_who_one_is_if_one_who_is_trusted_vouches_for_it_now_and_for_clients() {
    let now = who::now();
    let ours = Authority::new("clients", now).unwrap();
    let years_ago = now - SignedDuration::from_hours(3 * 365 * 24);
    let (old, theirs) = (Authority::new("old", years_ago).unwrap(), Authority::new("clients", now).unwrap());
    let trusted = format!("{}{}", ours.certificate_pem(), old.certificate_pem());
    let served = Served::with(|_, builder| {
        builder.authenticator(ClientCertificates::from_pem(trusted.as_bytes()).unwrap())
    });
    let cases = [
        (ours.client("ann", "dev"), "ann: dev, system:authenticated"),
        (ours.client("bob", ""), "bob: system:authenticated"),
        // Expired, of somebody else who says they have the same name, meant for servers, and of nobody.
        (old.client("ann", "dev"), REFUSED),
        (theirs.client("ann", "dev"), REFUSED),
        (ours.serving(&["ann"], &[]), REFUSED),
        (ours.client("", "dev"), REFUSED),
    ];
    served.runtime.block_on(async {
        for (number, (own, expected)) in cases.into_iter().enumerate() {
            let client = who::client(&served, Shown::Certificate(&own.unwrap())).await;
            assert_eq!(who::told(&client).await, expected, "case {number}");
        }
        assert_eq!(who::told(&who::client(&served, Shown::Nothing).await).await, REFUSED);
        let admin = who::told(&super::kube_rs::client(&served).await).await;
        assert_eq!(admin, "kubernetes-admin: system:masters, system:authenticated");
    });
}

#[test]
fn who_shows_nothing_may_do_what_rbac_lets_everybody_do() {
    let served = Served::with(|_, builder| builder.rbac());
    served.runtime.block_on(async {
        let client = who::client(&served, Shown::Nothing).await;
        for path in ["/healthz", "/version"] {
            client.request_text(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
        }
        let refused = client.request_text(Request::get("/api/v1/nodes").body(Vec::new()).unwrap()).await;
        let why = "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\" in API group \"\" at \
                   the cluster scope";
        assert!(refused.unwrap_err().to_string().contains(why));
    });
}
