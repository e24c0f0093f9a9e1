//! Who says whose a token is, as the flags of upstream's kube-apiserver say.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use steersman::apiserver::authenticate::TokenWebhook;
use steersman::prelude::*;

use crate::Failure;
use crate::duration;
use crate::fetch::KubeFetch;

#[derive(Args)]
pub(crate) struct Authentication {
    /// A kubeconfig that says where it is asked whose tokens are, and as whom.
    #[arg(long, value_name = "FILE")]
    authentication_token_webhook_config_file: Option<PathBuf>,
    #[arg(long, value_name = "VERSION", default_value = "v1beta1", value_parser = ["v1", "v1beta1"])]
    authentication_token_webhook_version: String,
    /// For how long an answer holds.
    #[arg(long, value_name = "DURATION", default_value = "2m0s", value_parser = duration::parse)]
    authentication_token_webhook_cache_ttl: Duration,
}

impl Authentication {
    /// The cluster with the webhook that is asked about tokens, if there is one.
    pub(crate) async fn put_into(&self, builder: Builder, env: &Env) -> Result<Builder, Failure> {
        let Some(file) = &self.authentication_token_webhook_config_file else { return Ok(builder) };
        let (url, fetch) = KubeFetch::of(file).await?;
        let webhook =
            TokenWebhook::new(env, url, fetch).holding_for(self.authentication_token_webhook_cache_ttl);
        let is_new = self.authentication_token_webhook_version == "v1";
        Ok(builder.authenticator(if is_new { webhook } else { webhook.v1beta1() }))
    }
}
