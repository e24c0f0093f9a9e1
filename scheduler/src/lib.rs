//! kube-scheduler's decisions as a pure library, and the component that drives an API server with them.
#![forbid(unsafe_code)]
