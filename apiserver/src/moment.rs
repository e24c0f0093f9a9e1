//! Prints moments as the API does.

use jiff::Timestamp;

/// Whole seconds, as in every time of an object's metadata; Go's `metav1.Time`.
pub(crate) fn seconds(moment: Timestamp) -> String {
    let second = moment.as_second() - i64::from(moment.subsec_nanosecond() < 0);
    Timestamp::from_second(second).unwrap_or(moment).to_string()
}

/// Microseconds, as in leases and events; Go's `metav1.MicroTime`.
pub(crate) fn microseconds(moment: Timestamp) -> String {
    format!("{moment:.6}")
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
