//! Batches that double, so that a doomed operation is not tried hundreds of times at once.

use std::future::Future;

use futures::future::join_all;

/// Runs `operation` `count` times in batches of 1, 2, 4, … and stops after a batch with an error.
///
/// Returns how many succeeded and the first error. Follows pkg/controller/replicaset: slowStartBatch @ v1.36.
pub async fn slow_start<F, Fut, E>(count: usize, operation: F) -> (usize, Option<E>)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let (mut succeeded, mut remaining, mut batch) = (0, count, 1);
    while remaining > 0 {
        batch = batch.min(remaining);
        let mut failed = None;
        for result in join_all((0..batch).map(|_| operation())).await {
            match result {
                Ok(()) => succeeded += 1,
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        if failed.is_some() {
            return (succeeded, failed);
        }
        remaining -= batch;
        batch *= 2;
    }
    (succeeded, None)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn stops_after_the_batch_that_fails() {
        let calls = Cell::new(0);
        let attempt = |fail_at: usize| {
            calls.set(calls.get() + 1);
            let failed = calls.get() == fail_at;
            async move { if failed { Err("no") } else { Ok(()) } }
        };
        assert_eq!(slow_start(10, || attempt(0)).await, (10, None));
        calls.set(0);
        assert_eq!(slow_start(10, || attempt(1)).await, (0, Some("no")));
        assert_eq!(calls.get(), 1);
        calls.set(0);
        assert_eq!(slow_start(10, || attempt(3)).await, (2, Some("no")));
        assert_eq!(calls.get(), 3);
    }
}
