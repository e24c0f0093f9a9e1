//! Store implementations for Steersman: ordered keys, one revision, watches.
//!
//! [`Memory`] keeps everything in this process. Clusters start in it, and tests read history from it:
//!
//! ```
//! use steersman_core::store::{Range, Revision, Store, Transaction, Write};
//! use steersman_store::Memory;
//!
//! # futures::executor::block_on(async {
//! let store = Memory::new();
//! for value in ["1", "2"] {
//!     let put = Write::Put { key: "/a".into(), value: value.into(), ttl: None };
//!     store.commit(Transaction { compares: Vec::new(), writes: vec![put] }).await?;
//! }
//! let first = Revision(store.revision().await?.0 - 1);
//! let page = store.range(Range { prefix: "/".into(), at: Some(first), ..Range::default() }).await?;
//! assert_eq!(page.entries[0].value, "1");
//! # Ok::<(), steersman_core::store::StoreError>(())
//! # }).unwrap();
//! ```
//!
//! With feature `testing`, `store_contract!` holds any [`Store`](steersman_core::Store) to the promises that the API
//! server builds on.
#![forbid(unsafe_code)]

mod memory;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use memory::Memory;
