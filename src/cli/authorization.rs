//! Who decides what users may do, as the flags of upstream's kube-apiserver say.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use steersman::apiserver::authorize::AccessWebhook;
use steersman::prelude::*;

use crate::Failure;
use crate::duration;
use crate::fetch::KubeFetch;

/// The modes that there are. RBAC and the node authoriser come together.
const MODES: &[&str] = &["AlwaysAllow", "Node", "RBAC", "Webhook"];

#[derive(Args)]
pub(crate) struct Authorization {
    #[arg(long, value_delimiter = ',', default_value = "AlwaysAllow")]
    authorization_mode: Vec<String>,
    /// A kubeconfig that says where the mode Webhook asks, and as whom.
    #[arg(long, value_name = "FILE")]
    authorization_webhook_config_file: Option<PathBuf>,
    #[arg(long, value_name = "VERSION", default_value = "v1beta1", value_parser = ["v1", "v1beta1"])]
    authorization_webhook_version: String,
    /// For how long what it allows stays so.
    #[arg(long, value_name = "DURATION", default_value = "5m0s", value_parser = duration::parse)]
    authorization_webhook_cache_authorized_ttl: Duration,
    /// For how long what it does not allow stays so.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    authorization_webhook_cache_unauthorized_ttl: Duration,
}

impl Authorization {
    /// The cluster with those who decide, in the order of the modes.
    pub(crate) async fn put_into(&self, mut builder: Builder, env: &Env) -> Result<Builder, Failure> {
        let modes = &self.authorization_mode;
        if let Some(other) = modes.iter().find(|mode| !MODES.contains(&mode.as_str())) {
            return Err(format!("--authorization-mode: {other} is not supported").into());
        }
        let is_there = |mode: &str| modes.iter().any(|there| there == mode);
        if self.authorization_webhook_config_file.is_some() && !is_there("Webhook") {
            return Err("cannot specify --authorization-webhook-config-file without mode Webhook".into());
        }
        if is_there("AlwaysAllow") {
            // Whoever is always allowed is never asked; upstream then lets nobody in unknown.
            return Ok(builder.without_anonymous());
        }
        let mut has_roles = false;
        for mode in modes {
            builder = match mode.as_str() {
                "Webhook" => builder.authorizer(self.webhook(env).await?),
                _ if !std::mem::replace(&mut has_roles, true) => builder.rbac(),
                _ => builder,
            };
        }
        Ok(builder)
    }

    async fn webhook(&self, env: &Env) -> Result<AccessWebhook, Failure> {
        let file = self.authorization_webhook_config_file.as_deref();
        let file = file.ok_or("authorization-mode Webhook's authorization config file not passed")?;
        let (url, fetch) = KubeFetch::of(file).await?;
        let webhook = AccessWebhook::new(env, url, fetch).holding_for(
            self.authorization_webhook_cache_authorized_ttl,
            self.authorization_webhook_cache_unauthorized_ttl,
        );
        Ok(if self.authorization_webhook_version == "v1" { webhook } else { webhook.v1beta1() })
    }
}
