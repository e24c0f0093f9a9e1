//! Writes the file by which clients find the server and prove who they are.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Authority, Certified};

/// How whoever owns a kubeconfig proves who they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Access {
    /// With a certificate that the server trusts.
    Certificate(Certified),
    /// With a bearer token that the server knows.
    Token(String),
}

/// A kubeconfig by which one gets, with `access`, to a server at `address` whose certificate `authority` has signed.
pub fn kubeconfig(address: SocketAddr, authority: &Authority, access: &Access) -> String {
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    let user = match access {
        Access::Certificate(own) => format!(
            "client-certificate-data: {}\n    client-key-data: {}",
            encode(&own.certificate_pem),
            encode(&own.key_pem)
        ),
        Access::Token(token) => format!("token: {token}"),
    };
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: steersman
  cluster:
    server: https://{address}
    certificate-authority-data: {authority}
users:
- name: kubernetes-admin
  user:
    {user}
contexts:
- name: steersman
  context:
    cluster: steersman
    user: kubernetes-admin
current-context: steersman
",
        authority = encode(authority.certificate_pem()),
    )
}
