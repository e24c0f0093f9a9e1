//! Quantities: what is printed is read again as the same amount, and arithmetic neither overflows nor loses.
#![no_main]

libfuzzer_sys::fuzz_target!(|texts: (&str, &str)| fuzzed::quantities(texts.0, texts.1));
