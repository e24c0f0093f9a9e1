//! JSON patches, merge patches and strategic merge patches: a patch that is refused changes nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| fuzzed::patches(input.0, input.1));
