//! Selectors: what is printed is read again as the same selector.

use steersman_core::selector::{FieldSelector, LabelSelector};

/// Reads a selector of labels, and one of fields.
pub fn selectors(text: &str) {
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
}

#[cfg(test)]
mod tests {
    use crate::mutated::hold;

    const SELECTORS: &[&str] = &[
        "a=b,c!=d,e==f",
        "example.com/a in (b, c,), !d",
        "a notin (b),c,d>1,e<2",
        "spec.nodeName=n,metadata.name!=m",
        "status.phase==a\\,b,metadata.namespace=c\\=d",
        "",
    ];

    #[test]
    fn a_selector_is_read_as_it_is_printed() {
        hold(SELECTORS, |text| super::selectors(&String::from_utf8_lossy(text)));
    }
}
