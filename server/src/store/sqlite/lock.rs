//! One `serve` a database: an exclusive lock file beside it, freed by the kernel when the process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::Duration,
};

use crate::store::{Error, Result};

/// How often a held lock is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Held as long as this process serves the database.
#[derive(Debug)]
pub struct ServeLock {
    _file: File,
}

impl ServeLock {
    /// Takes the lock, waiting up to `wait` for another server to stop.
    ///
    /// # Errors
    /// [`Error::Locked`] if it did not stop.
    pub async fn take(database: &Path, wait: Duration) -> Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(name)?;
        let mut left = wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if left.is_zero() => return Err(Error::Locked),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let pause = RETRY.min(left);
            tokio::time::sleep(pause).await;
            left -= pause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_server_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("t.db");
        let first = ServeLock::take(&database, Duration::ZERO).await.unwrap();

        assert!(matches!(ServeLock::take(&database, Duration::ZERO).await, Err(Error::Locked)));

        drop(first);
        assert!(ServeLock::take(&database, Duration::ZERO).await.is_ok());
    }
}
