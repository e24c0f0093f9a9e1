//! What is built without sockets cannot connect.

use steersman_core::runtime::Verdict;

use super::{Get, authority};

pub(crate) async fn get(get: &Get) -> Result<u16, Verdict> {
    Err(unable(&get.url()))
}

pub(crate) async fn open(host: &str, port: u16) -> Result<(), Verdict> {
    Err(unable(&authority(host, port)))
}

fn unable(place: &str) -> Verdict {
    Verdict::Unknown(format!(
        "this kubelet is built without sockets (feature tokio): {place} is out of reach"
    ))
}
