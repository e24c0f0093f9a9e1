//! Configurations to apply: applied twice is applied once, and one that is refused changes nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| fuzzed::apply(body));
