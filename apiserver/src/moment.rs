//! Prints moments as the API does.

use jiff::Timestamp;

/// Whole seconds, as in every time of an object's metadata; Go's `metav1.Time`.
pub(crate) fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Microseconds, as in leases and events; Go's `metav1.MicroTime`.
pub(crate) fn microseconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_finer_is_cut_off() {
        let moment = Timestamp::from_nanosecond(1_999_999_999).unwrap();
        assert_eq!(seconds(moment), "1970-01-01T00:00:01Z");
        assert_eq!(microseconds(moment), "1970-01-01T00:00:01.999999Z");
    }
}
