//! Failures that are the API server's own, worded as upstream words them.

use std::fmt;

use steersman_core::Error;
use steersman_core::error::Reason;
use steersman_core::store::{Revision, StoreError};

/// 404: no such path, resource or subresource.
pub(crate) fn unknown_path() -> Error {
    Error::new(Reason::NotFound, "the server could not find the requested resource").about("", "", "")
}

/// 405: the path is there, and the method is not.
pub(crate) fn unknown_method() -> Error {
    Error::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource")
        .about("", "", "")
}

/// 500 with a bare message: what upstream answers where its code returns an error that is no API status.
pub(crate) fn bare(message: impl fmt::Display) -> Error {
    Error::new(Reason::Unknown, message.to_string())
}

/// 504: the version that was asked for has not happened.
pub(crate) fn too_large(wanted: Revision, current: Revision) -> Error {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
    let error = Error::new(Reason::Timeout, message);
    retry_after(error.with_cause("ResourceVersionTooLarge", "", "Too large resource version"), 1)
}

/// The same error with a hint when to come back.
pub(crate) fn retry_after(error: Error, seconds: i32) -> Error {
    let mut status = error.status().clone();
    status.details.get_or_insert_default().retry_after_seconds = Some(seconds);
    Error::from_status(status)
}

/// What a failure of the store means to a client.
pub(crate) fn store(error: StoreError) -> Error {
    match error {
        StoreError::Compacted { asked, oldest } => {
            Error::expired(format!("too old resource version: {asked} ({oldest})"))
        }
        StoreError::Future { asked, newest } => too_large(asked, newest),
        StoreError::Unknown(why) => {
            Error::new(Reason::Timeout, format!("the outcome of the write is unknown: {why}"))
        }
        StoreError::Unavailable(why) => Error::new(Reason::ServiceUnavailable, why),
        other => Error::internal(other),
    }
}
