//! Writes the file by which clients find the server and prove who they are.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Authority, Certified};

/// A kubeconfig for whoever owns `client`, to a server at `address` whose certificate `authority` has signed.
pub fn kubeconfig(address: SocketAddr, authority: &Authority, client: &Certified) -> String {
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: steersman
  cluster:
    server: https://{address}
    certificate-authority-data: {authority}
users:
- name: admin
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: steersman
  context:
    cluster: steersman
    user: admin
current-context: steersman
",
        authority = encode(authority.certificate_pem()),
        certificate = encode(&client.certificate_pem),
        key = encode(&client.key_pem),
    )
}
