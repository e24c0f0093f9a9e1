//! Acting as somebody else: who is wanted, and whether that is allowed; upstream's constrained impersonation (KEP-5284).
//!
//! Several ways are tried in order: as the node one runs on, as any node, as a service account, as a user, and the
//! older way, whose verb is just `impersonate`. Each of the newer ones also asks whether *this* request may be made so.

use http::HeaderMap;
use steersman_core::field::quote;
use steersman_core::{Error, Result};

use super::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED};
use crate::authorize::{Access, Asked, Authorization, Decision, MASTERS, ResourceAccess, refusal};
use crate::user::{self, User};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// What a token that is bound to a pod says of the pod's node.
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

const AUTHENTICATION: &str = "authentication.k8s.io";

/// From so many groups or extras on, it is asked first whether all are allowed.
const MANY: usize = 4;

/// Whom the headers ask for, as they say it; 400 if they ask for more than a user and for no user.
pub(crate) fn wanted(headers: &HeaderMap) -> Result<Option<User>> {
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(None);
    }
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let groups = headers.get_all(GROUP).iter().filter_map(|value| value.to_str().ok());
    let mut wanted = User {
        name: text(USER),
        uid: text(UID),
        groups: groups.map(str::to_owned).collect(),
        ..User::default()
    };
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA), value.to_str()) {
            let key = crate::http::unescape(key);
            wanted.extra.entry(key).or_default().push(value.to_owned());
        }
    }
    match (wanted.name.is_empty(), wanted == User::default()) {
        (false, _) => Ok(Some(wanted)),
        (true, true) => Ok(None),
        (true, false) => {
            Err(Error::bad_request(format!("requested {} without impersonating a user name", in_go(&wanted))))
        }
    }
}

/// The user as Go prints it with `%#v`.
fn in_go(user: &User) -> String {
    let list = |list: &[String]| {
        let all: Vec<String> = list.iter().map(|one| quote(one)).collect();
        if all.is_empty() { "(nil)".to_owned() } else { format!("{{{}}}", all.join(", ")) }
    };
    let extra: Vec<String> =
        user.extra.iter().map(|(key, all)| format!("{}:[]string{}", quote(key), list(all))).collect();
    let extra = if extra.is_empty() { "(nil)".to_owned() } else { format!("{{{}}}", extra.join(", ")) };
    format!(
        "&user.DefaultInfo{{Name:{}, UID:{}, Groups:[]string{}, Extra:map[string][]string{extra}}}",
        quote(&user.name),
        quote(&user.uid),
        list(&user.groups)
    )
}

/// The user that the one of `access` acts as when he makes that very request; 403 if he may not.
pub(crate) async fn allowed(rights: &Authorization, access: &Access<'_>, wanted: User) -> Result<User> {
    let mut first = None;
    for mode in
        [Some("associated-node"), Some("arbitrary-node"), Some("serviceaccount"), Some("user-info"), None]
    {
        if mode.is_some_and(|mode| !applies(mode, access.user, &wanted)) {
            continue;
        }
        match (Attempt { rights, access, mode }).of(&wanted).await {
            Ok(user) => return Ok(user),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("all impersonation modes failed")))
}

/// Whether a way is meant for such a user.
fn applies(mode: &str, requestor: &User, wanted: &User) -> bool {
    let is_bare = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
    let (node, account) = (user::as_node(&wanted.name), user::as_service_account(&wanted.name));
    match mode {
        "associated-node" => {
            let own =
                requestor.extra.get(NODE_NAME).filter(|values| values.len() == 1).map(|values| &*values[0]);
            is_bare && node.is_some() && own == node && user::as_service_account(&requestor.name).is_some()
        }
        "arbitrary-node" => is_bare && node.is_some(),
        "serviceaccount" => is_bare && account.is_some(),
        _ => node.is_none() && account.is_none(),
    }
}

/// One way to become somebody; no mode is the older way.
struct Attempt<'a> {
    rights: &'a Authorization,
    access: &'a Access<'a>,
    mode: Option<&'static str>,
}

impl Attempt<'_> {
    async fn of(&self, wanted: &User) -> Result<User> {
        if let Some(mode) = self.mode {
            let verb = format!("impersonate-on:{mode}:{}", self.access.verb);
            self.ask(&verb, self.access.asked).await?;
        }
        let mut actual = wanted.clone();
        self.check_name(wanted, &mut actual).await?;
        if !wanted.uid.is_empty() {
            self.check(self.on("uids", AUTHENTICATION, &wanted.uid)).await?;
        }
        self.check_groups(&wanted.groups).await?;
        self.check_extra(wanted).await?;
        let added = match actual.name == ANONYMOUS {
            true => Some(UNAUTHENTICATED),
            false => (!actual.groups.iter().any(|group| group == UNAUTHENTICATED)).then_some(AUTHENTICATED),
        };
        if let Some(added) = added.filter(|added| !actual.groups.iter().any(|group| group == added)) {
            actual.groups.push(added.to_owned());
        }
        Ok(actual)
    }

    async fn check_name(&self, wanted: &User, actual: &mut User) -> Result<()> {
        let mut on = self.on("users", self.group(), &wanted.name);
        if let (Some(mode), Some(node)) = (self.mode, user::as_node(&wanted.name)) {
            (on.resource, on.name) = ("nodes", if mode == "associated-node" { "*" } else { node });
            actual.groups = vec!["system:nodes".to_owned()];
        }
        if let Some((namespace, name)) = user::as_service_account(&wanted.name) {
            (on.resource, on.namespace, on.name) = ("serviceaccounts", namespace, name);
            if wanted.groups.is_empty() {
                actual.groups = user::service_account_groups(namespace);
            }
        }
        self.check(on).await
    }

    async fn check_groups(&self, groups: &[String]) -> Result<()> {
        let on = |name| self.on("groups", self.group(), name);
        if self.mode.is_some() {
            if groups.iter().any(String::is_empty) {
                return Err(self.refuse(on(""), "impersonating the empty string group is not allowed"));
            }
            if groups.iter().any(|group| group == MASTERS) {
                return Err(self.refuse(on(MASTERS), "impersonating the system:masters group is not allowed"));
            }
            if groups.len() >= MANY && self.check(on("*")).await.is_ok() {
                return Ok(());
            }
        }
        for group in groups {
            self.check(on(group)).await?;
        }
        Ok(())
    }

    async fn check_extra(&self, wanted: &User) -> Result<()> {
        let on =
            |key, value| ResourceAccess { subresource: key, ..self.on("userextras", AUTHENTICATION, value) };
        let values: usize = wanted.extra.values().map(Vec::len).sum();
        if self.mode.is_some() {
            for (key, values) in &wanted.extra {
                check_extra_key(key, values).map_err(|why| self.refuse(on("", ""), &why))?;
            }
            if values >= MANY && self.check(on("*", "*")).await.is_ok() {
                return Ok(());
            }
        }
        for (key, values) in &wanted.extra {
            for value in values {
                self.check(on(key, value)).await?;
            }
        }
        Ok(())
    }

    /// The newer ways have users and groups in the group of reviews, the older one in the core group.
    fn group(&self) -> &'static str {
        if self.mode.is_some() { AUTHENTICATION } else { "" }
    }

    fn on<'n>(&self, resource: &'n str, group: &'n str, name: &'n str) -> ResourceAccess<'n> {
        ResourceAccess { group, version: "v1", resource, name, ..ResourceAccess::default() }
    }

    fn verb(&self) -> String {
        self.mode.map_or("impersonate".to_owned(), |mode| format!("impersonate:{mode}"))
    }

    async fn check(&self, on: ResourceAccess<'_>) -> Result<()> {
        self.ask(&self.verb(), Asked::Resource(on)).await
    }

    async fn ask(&self, verb: &str, asked: Asked<'_>) -> Result<()> {
        let access = Access { user: self.access.user, verb, asked, cluster: self.access.cluster };
        match self.rights.decide(&access).await {
            Decision::Allow { .. } => Ok(()),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(refusal(&access, &reason)),
        }
    }

    fn refuse(&self, on: ResourceAccess<'_>, why: &str) -> Error {
        let (verb, asked) = (self.verb(), Asked::Resource(on));
        refusal(&Access { user: self.access.user, verb: &verb, asked, cluster: self.access.cluster }, why)
    }
}

fn check_extra_key(key: &str, values: &[String]) -> Result<(), String> {
    if key.is_empty() {
        return Err("impersonating the empty string key in extra is not allowed".to_owned());
    }
    if key.to_lowercase() != key {
        return Err(format!("impersonating a non-lowercase key in extra is not allowed: {}", quote(key)));
    }
    if values.iter().any(String::is_empty) {
        return Err("impersonating the empty string value in extra is not allowed".to_owned());
    }
    Ok(())
}
