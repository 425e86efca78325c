use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// Lets callers share a read without giving anyone an answer older than the call: one that is under way when a caller
/// comes is not shared with it, the next one is.
#[derive(Debug)]
pub(super) struct Flight<T> {
    started: AtomicU64,
    /// The read that finished last, and what it said.
    last: Mutex<(u64, Option<T>)>,
}

impl<T: Clone> Flight<T> {
    pub(super) fn new() -> Self {
        Self { started: AtomicU64::new(0), last: Mutex::new((0, None)) }
    }

    /// Returns what a read said that started after this call.
    pub(super) async fn join<E>(&self, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let came = self.started.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let (number, Some(value)) = &*last
            && *number > came
        {
            return Ok(value.clone());
        }
        let number = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        let value = read.await?;
        *last = (number, Some(value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn callers_share_only_reads_that_start_after_them() {
        let flight = Flight::new();
        let reads = AtomicUsize::new(0);
        let read = async || {
            let number = reads.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(number)
        };
        // The first goes alone; those who came while it was under way share the second.
        let answers = futures::future::join_all((0..10).map(|_| flight.join(read()))).await;
        let answers: Vec<usize> = answers.into_iter().map(|answer| answer.unwrap()).collect();
        assert_eq!(answers.first(), Some(&1));
        assert!(answers.iter().skip(1).all(|answer| *answer == 2), "{answers:?}");
        assert_eq!(flight.join(read()).await, Ok(3));
    }
}
