//! Roles and bindings give only what their writer has: upstream's escalation and bind checks.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};
use serde::de::DeserializeOwned;
use steersman_core::error::Reason;
use steersman_core::tree::{Value, from_value};
use steersman_core::versions::optional;
use steersman_core::{Error, Result};

use super::metadata;
use super::request::Request;
use crate::authorize::{MASTERS, ResourceAccess, rbac};
use crate::tree::Read;

/// What owners, the garbage collector and the field managers write.
const BOOKKEEPING: [&str; 4] = ["ownerReferences", "finalizers", "managedFields", "resourceVersion"];

impl Request<'_> {
    /// 403 if a role or binding as it is to be gives more than its writer has, and he is not explicitly allowed to.
    pub(super) async fn check_grants(&self, tree: &Value, old: Option<&Value>) -> Result<()> {
        let resource = self.row.resource();
        if resource.group != rbac::GROUP {
            return Ok(());
        }
        let is_master = self.caller.user.groups.iter().any(|group| group == MASTERS);
        if is_master || old.is_some_and(|old| is_bookkeeping(tree, old)) {
            return Ok(());
        }
        match &*resource.resource {
            "roles" | "clusterroles" => self.check_role(tree, old).await,
            _ => self.check_binding(tree).await,
        }
    }

    async fn check_role(&self, tree: &Value, old: Option<&Value>) -> Result<()> {
        let own = ResourceAccess { version: "*", ..ResourceAccess::of(self.target, None) };
        if self.core.may(&self.caller.user, "escalate", own).await {
            return Ok(());
        }
        self.check_rules(tree, &read::<Vec<PolicyRule>>(tree.at("rules"))?)?;
        let aggregates = |tree: &Value| !tree.at("aggregationRule").is_null();
        let changes_aggregation = aggregates(tree) || old.is_some_and(aggregates);
        if changes_aggregation && self.check_rules(tree, &rbac::everything()).is_err() {
            return Err(self.forbidden(tree, "must have cluster-admin privileges to use the aggregationRule"));
        }
        Ok(())
    }

    async fn check_binding(&self, tree: &Value) -> Result<()> {
        let role: RoleRef = read(tree.at("roleRef"))?;
        let (resource, namespace) = match role.kind.as_str() {
            "ClusterRole" => ("clusterroles", &*self.target.namespace),
            "Role" => ("roles", &*self.target.namespace),
            // The strategy says what is wrong with it.
            _ => return Ok(()),
        };
        let bound = ResourceAccess {
            group: optional::<&String>(&role.api_group).map_or("", String::as_str),
            version: "*",
            resource,
            namespace,
            name: &role.name,
            ..ResourceAccess::default()
        };
        if self.core.may(&self.caller.user, "bind", bound).await {
            return Ok(());
        }
        let index = self.core.authorization.rbac.index();
        match rbac::rules_of_role(&index, &role, namespace) {
            Ok(rules) => self.check_rules(tree, &rules),
            Err(why) => {
                let error = Error::new(Reason::NotFound, why);
                Err(error.about(rbac::GROUP, &role.kind.to_lowercase(), &role.name))
            }
        }
    }

    fn check_rules(&self, tree: &Value, rules: &[PolicyRule]) -> Result<()> {
        let index = self.core.authorization.rbac.index();
        rbac::check_grant(&index, &self.caller.user, &self.target.namespace, rules)
            .map_err(|why| self.forbidden(tree, &why))
    }

    fn forbidden(&self, tree: &Value, why: &str) -> Error {
        Error::forbidden(&self.resource(), metadata::text(tree, "name"), why)
    }
}

/// The typed form of a part of an object that has passed its schema.
fn read<T: DeserializeOwned + Default>(value: &Value) -> Result<T> {
    if value.is_null() {
        return Ok(T::default());
    }
    from_value(value.clone()).map_err(Error::internal)
}

/// Whether an update changes nothing but who owns and collects the object.
fn is_bookkeeping(new: &Value, old: &Value) -> bool {
    let bare = |tree: &Value| {
        let mut tree = tree.clone();
        let fields = metadata::of(&mut tree);
        BOOKKEEPING.iter().for_each(|field| drop(fields.remove(field)));
        tree
    };
    bare(new) == bare(old)
}
