//! Selectors: what is printed is read again as the same selector.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| fuzzed::selectors(text));
