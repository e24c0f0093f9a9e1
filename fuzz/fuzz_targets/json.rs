//! Bodies, in JSON and in YAML: what is stored can be read again and sent back without a change.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| fuzzed::json(body));
