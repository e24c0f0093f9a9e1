//! Validation rules of custom resources: each is refused, or judges objects within its budget.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| fuzzed::rules(text));
