//! Code generation for Steersman.

fn main() {}
