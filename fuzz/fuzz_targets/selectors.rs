//! Selectors: what is printed is read again as the same selector.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steersman_core::selector::{FieldSelector, LabelSelector};

fuzz_target!(|text: &str| {
    if let Ok(selector) = text.parse::<LabelSelector>() {
        assert_eq!(selector.to_string().parse::<LabelSelector>().as_ref(), Ok(&selector));
    }
    if let Ok(selector) = text.parse::<FieldSelector>() {
        // The order of requirements is that of their text, in which `==` and `=` differ.
        let canonical = selector.to_string().parse::<FieldSelector>().expect("what is printed can be read");
        let again = canonical.to_string().parse::<FieldSelector>();
        assert_eq!(again.as_ref(), Ok(&canonical));
        assert_eq!(canonical.requirements().len(), selector.requirements().len());
    }
});
