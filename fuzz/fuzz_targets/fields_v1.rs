//! Managed fields that a client sends: they are taken or ignored, and an apply over them works.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| fuzzed::fields_v1(body));
