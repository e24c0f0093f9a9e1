//! The Kubernetes controllers as pure functions, and the runner that drives them.
#![forbid(unsafe_code)]
