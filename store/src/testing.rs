//! The contract of a [`Store`](steersman_core::Store), as tests that any implementation can be held to.
//!
//! One line in a test module runs every promise as a test of its own, each on a fresh, empty store:
//!
//! ```
//! steersman_store::store_contract!(steersman_store::Memory::new());
//! ```
//!
//! The suite needs no async runtime and no real time: it polls the store's futures itself and runs
//! [`Store::run`](steersman_core::Store::run) on a [`Stage`], whose clock it moves by hand. The counterpart of
//! upstream's `k8s.io/apiserver/pkg/storage/testing`, below the level of Kubernetes objects.

pub mod commits;
pub mod expiry;
pub mod progress;
pub mod ranges;
mod scene;
mod stage;
pub mod watches;

pub use scene::{Reader, Scene};
pub use stage::Stage;

#[doc(hidden)]
pub use futures::executor::block_on;

/// Expands to one test for each promise of the contract, on the store that the expression makes.
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::store_contract! { @tests $make;
            commits {
                an_empty_store_is_at_revision_zero
                each_change_raises_the_revision_by_one
                creating_twice_is_refused
                a_stale_write_is_refused
                writing_an_absent_key_at_a_revision_is_refused
                a_deleted_key_can_be_created_again
                writing_the_same_value_is_a_change
                a_transaction_that_changes_nothing_makes_no_revision
                a_refused_transaction_does_nothing
                a_transaction_takes_effect_as_one
                a_key_written_twice_is_an_error
                what_is_done_at_once_is_done
                concurrent_writers_lose_no_update
            }
            ranges {
                a_prefix_selects_its_keys_in_order
                a_prefix_of_another_prefix_is_not_confused_with_it
                the_last_byte_has_a_successor
                pages_are_cut_at_the_limit
                pages_at_a_revision_ignore_later_writes
                an_old_revision_shows_deleted_keys
                a_future_revision_is_refused
                a_compacted_revision_is_refused
                compacting_twice_is_harmless
            }
            watches {
                a_watch_from_zero_delivers_everything
                a_watch_delivers_what_comes_after_its_revision
                a_watch_delivers_later_changes
                a_watch_sees_only_its_prefix
                a_deletion_carries_the_previous_entry
                a_transaction_is_delivered_as_one
                a_watch_from_a_compacted_revision_is_refused
                a_watch_from_the_compacted_revision_itself_works
                compaction_leaves_running_watches_alone
                a_watch_from_the_future_is_refused
                watches_agree_under_concurrent_writers
                a_slow_watch_is_cut_off_or_misses_nothing
            }
            progress {
                a_mark_follows_all_that_came_before_it
                an_idle_watch_tells_of_changes_elsewhere
                a_mark_is_not_repeated
            }
            expiry {
                a_key_is_gone_after_its_time_to_live
                expiry_is_an_ordinary_change
                writing_again_renews_or_ends_the_time_to_live
                a_deleted_key_does_not_expire_its_successor
            }
        }
    };
    (@tests $make:expr; $($part:ident { $($promise:ident)* })*) => {
        $($(
            #[test]
            fn $promise() {
                $crate::testing::block_on($crate::testing::$part::$promise(&$crate::testing::Scene::new($make)));
            }
        )*)*
    };
}
