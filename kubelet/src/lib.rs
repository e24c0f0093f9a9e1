//! A pod's life on a node over a Runtime: the node agent, the pod machine, the runtimes.
#![forbid(unsafe_code)]

pub mod pod;
