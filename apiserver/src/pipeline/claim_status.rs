//! Asks whether who writes the status of a resource claim may change this part of it: the scheduler allocates and
//! reserves, drivers tell of their devices (KEP-4817).

use std::collections::BTreeSet;

use steersman_core::Error;
use steersman_core::field::{self, ErrorList, Path};
use steersman_core::tree::Value;

use super::request::Request;
use crate::authorize::{Access, Asked, Decision, ResourceAccess, refusal};
use crate::tree::Read;
use crate::user::{self, User};

/// What a token that is bound to a pod says of the pod's node.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// What tells the devices of a claim apart.
const KEY: [&str; 4] = ["driver", "pool", "device", "shareID"];

impl Request<'_> {
    /// What the writer of a status changes without the right to it.
    pub(super) async fn find_forbidden_status(&self, claim: &Value, old: &Value) -> ErrorList {
        let resource = self.row.resource();
        if (&*resource.group, &*resource.resource) != ("resource.k8s.io", "resourceclaims") {
            return ErrorList::new();
        }
        let (mut errors, at, now, was) =
            (ErrorList::new(), Path::new("status"), claim.at("status"), old.at("status"));
        if ["allocation", "reservedFor"].iter().any(|field| now.at(field) != was.at(field))
            && let Err(why) = self.ask(self.verb, "binding", "", "").await
        {
            let what = "changing status.allocation or status.reservedFor";
            errors.push(forbidden(&at.child("allocation"), what, "binding", self.verb, &why));
        }
        if !now.has("allocation") {
            return errors;
        }
        let verbs = driver_verbs(&self.caller.user, self.verb, now.at("allocation"));
        for driver in changed_drivers(now, was) {
            if let Err(why) = self.ask_for_driver(&verbs, driver).await {
                let verbs = format!("[{}]", verbs.join(" "));
                errors.push(forbidden(
                    &at.child("devices"),
                    "changing status.devices",
                    "driver",
                    &verbs,
                    &why,
                ));
            }
        }
        errors
    }

    /// Any of the verbs will do; else it is told why the first one does not.
    async fn ask_for_driver(&self, verbs: &[String], driver: &str) -> Result<(), Error> {
        let mut first = Ok(());
        for verb in verbs {
            match self.ask(verb, "driver", &self.target.namespace, driver).await {
                Ok(()) => return Ok(()),
                refused => first = first.and(refused),
            }
        }
        first
    }

    async fn ask(&self, verb: &str, subresource: &str, namespace: &str, name: &str) -> Result<(), Error> {
        let own = ResourceAccess::of(self.target, None);
        let asked = Asked::Resource(ResourceAccess { subresource, namespace, name, ..own });
        let (user, cluster) = (&self.caller.user, self.core);
        match self.core.decide(user, verb, asked).await {
            Decision::Allow { .. } => Ok(()),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => {
                Err(refusal(&Access { user, verb, asked, cluster }, &reason))
            }
        }
    }
}

fn forbidden(at: &Path<'_>, what: &str, part: &str, verb: &str, why: &Error) -> field::Error {
    let message = why.message();
    let why =
        format!("{what} requires resource=\"resourceclaims/{part}\", verb=\"{verb}\" permission: {message}");
    field::Error::forbidden(at, why)
}

/// The drivers of devices that are new in a status, gone from it, or told of otherwise, in order.
fn changed_drivers<'a>(now: &'a Value, was: &'a Value) -> BTreeSet<&'a str> {
    let same = |one: &Value, other: &Value| KEY.iter().all(|field| one.at(field) == other.at(field));
    let (now, was) = (now.items("devices"), was.items("devices"));
    let told = now.iter().filter(|one| was.iter().rfind(|before| same(before, one)) != Some(one));
    let gone = was.iter().filter(|before| !now.iter().any(|one| same(one, before)));
    told.chain(gone).map(|device| device.text("driver")).collect()
}

/// The verbs of which one allows to tell of a driver's devices: a service account on the claim's node has one more.
fn driver_verbs(user: &User, verb: &str, allocation: &Value) -> Vec<String> {
    let nodes = user.extra.get(NODE_NAME).map_or(&[][..], Vec::as_slice);
    let is_there = user::as_service_account(&user.name).is_some()
        && matches!((nodes, node_of(allocation)), ([own], Some(node)) if own == node);
    let prefixes: &[&str] =
        if is_there { &["associated-node:", "arbitrary-node:"] } else { &["arbitrary-node:"] };
    prefixes.iter().map(|prefix| format!("{prefix}{verb}")).collect()
}

/// The only node where what is allocated is.
fn node_of(allocation: &Value) -> Option<&str> {
    let [term] = allocation.at("nodeSelector").items("nodeSelectorTerms") else { return None };
    let [field] = term.items("matchFields") else { return None };
    let is_name = field.text("key") == "metadata.name" && field.text("operator") == "In";
    let [node] = field.items("values") else { return None };
    node.as_str().filter(|_| is_name && term.items("matchExpressions").is_empty())
}

#[cfg(test)]
mod tests {
    use steersman_core::tree::json;

    use super::*;

    #[test]
    fn a_driver_is_asked_for_where_its_devices_change() {
        let device =
            |driver: &str, data: i64| json!({"driver": driver, "pool": "p", "device": "d", "data": data});
        let status = |devices: &[&Value]| json!({"devices": devices});
        let (a, b, c) = (&device("a", 1), &device("b", 1), &device("b", 2));
        let cases = [
            (status(&[]), status(&[]), ""),
            (status(&[a]), status(&[a]), ""),
            (status(&[a, b]), status(&[b]), "a"),
            (status(&[b]), status(&[b, a]), "a"),
            (status(&[c]), status(&[b, a]), "a b"),
        ];
        for (now, was, wanted) in cases {
            assert_eq!(Vec::from_iter(changed_drivers(&now, &was)).join(" "), wanted, "{now} {was}");
        }
    }

    #[test]
    fn who_is_where_the_claim_is_has_a_verb_of_its_own() {
        let on = |fields: Value| json!({"nodeSelector": {"nodeSelectorTerms": [{"matchFields": fields}]}});
        let field = |values: Value| json!([{"key": "metadata.name", "operator": "In", "values": values}]);
        let mut user = User::named("system:serviceaccount:n:a");
        user.extra.insert(NODE_NAME.to_owned(), vec!["node-1".to_owned()]);
        let verbs = |user: &User, allocation: &Value| driver_verbs(user, "update", allocation).join(" ");
        let both = "associated-node:update arbitrary-node:update";
        assert_eq!(verbs(&user, &on(field(json!(["node-1"])))), both);
        for other in [on(field(json!(["node-2"]))), on(field(json!(["node-1", "node-2"]))), json!({})] {
            assert_eq!(verbs(&user, &other), "arbitrary-node:update");
        }
        user.name = "alice".to_owned();
        assert_eq!(verbs(&user, &on(field(json!(["node-1"])))), "arbitrary-node:update");
    }
}
