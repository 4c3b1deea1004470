//! Waiting for what must come true, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks until `look` gives a value, at most for `deadline`; `None` if it never did.
pub async fn eventually<T>(deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = look().await {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until `is_true` says so, at most for `deadline`; false if it never did.
pub async fn within(deadline: Duration, mut is_true: impl AsyncFnMut() -> bool) -> bool {
    eventually(deadline, async || is_true().await.then_some(())).await.is_some()
}
