//! Schemas of custom resources: one that is accepted serves its objects.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| fuzzed::definitions(body));
