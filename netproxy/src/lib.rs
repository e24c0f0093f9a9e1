//! Services compiled into proxy rules, and the back ends that enforce them.
#![forbid(unsafe_code)]
