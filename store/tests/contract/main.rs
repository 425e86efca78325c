//! What every backend promises, run on each: the embedded one and a real etcd. And, in `embedded`, `model` and
//! `clustered`, what only one of them has to keep.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod clustered;
mod common;
mod embedded;
mod leases;
mod lists;
mod model;
mod races;
mod transactions;
mod watches;

macro_rules! contract {
    ($($module:ident :: $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::common::Fixture::sqlite().await;
                crate::$module::$name(&fixture).await;
            })*
        }
        mod etcd {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::common::Fixture::etcd().await;
                crate::$module::$name(&fixture).await;
            })*
        }
    };
}

contract! {
    transactions::creates_updates_and_deletes,
    transactions::a_stale_expectation_conflicts_and_changes_nothing,
    transactions::keys_and_values_come_back_as_they_were,
    transactions::a_value_that_is_too_large_is_refused,
    lists::lists_by_prefix_in_key_order,
    lists::lists_as_it_was_at_a_revision,
    lists::pages_show_one_revision,
    lists::a_long_list_comes_whole,
    lists::compacted_and_future_revisions_are_refused,
    watches::a_watch_replays_what_was_and_follows,
    watches::a_delete_carries_the_last_value,
    watches::a_watch_sees_only_its_prefix_and_tells_progress,
    watches::a_watch_from_a_compacted_revision_is_refused,
    watches::watches_have_no_gap_and_no_duplicate_under_concurrent_writers,
    watches::a_slow_watch_blocks_nobody_and_misses_nothing,
    races::of_a_hundred_writers_one_wins_each_revision,
    races::a_write_is_seen_by_every_later_read,
    leases::a_key_ends_when_its_time_is_over,
}
