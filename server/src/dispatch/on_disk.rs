//! Whether what a call is made for is on disk: it is prepared before, and made after.

use tokio::sync::watch;

/// Waits for a commit. Whoever has none to wait for has it behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct OnDisk(Option<watch::Receiver<bool>>);

/// Tells of a commit; dropped without a word, there was none.
#[derive(Debug)]
pub(super) struct Committing(watch::Sender<bool>);

/// A commit that is under way.
pub(super) fn committing() -> (Committing, OnDisk) {
    let (tell, told) = watch::channel(false);
    (Committing(tell), OnDisk(Some(told)))
}

impl Committing {
    /// It is on disk.
    pub(super) fn done(self) {
        self.0.send_replace(true);
    }
}

impl OnDisk {
    /// Waits until it is; false if it failed.
    pub(super) async fn wait(&mut self) -> bool {
        match &mut self.0 {
            None => true,
            Some(told) => told.wait_for(|done| *done).await.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_that_is_told_of_is_there_for_everybody_who_waits_and_comes_later() {
        let (commit, mut one) = committing();
        let mut other = one.clone();
        let (first, ()) = tokio::join!(one.wait(), async { commit.done() });
        assert!(first && other.wait().await && one.wait().await);
    }

    #[tokio::test]
    async fn a_commit_that_nobody_tells_of_has_failed() {
        let (commit, mut waits) = committing();
        drop(commit);
        assert!(!waits.wait().await);
    }

    #[tokio::test]
    async fn where_there_is_none_to_wait_for_nobody_waits() {
        assert!(OnDisk::default().wait().await);
    }
}
