//! The Kubernetes API server as a library: schemas, registry, request pipeline, watch cache, patches, admission, custom resources.
#![forbid(unsafe_code)]
