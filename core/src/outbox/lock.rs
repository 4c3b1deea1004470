//! One process owns a database: an exclusive lock on a file beside it.
//!
//! The kernel frees the lock when the process ends, however it ends, so no lease can outlive its holder.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::Error;

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of a database, or says that another process has it.
    pub(crate) fn take(database: &Path) -> Result<Self, Error> {
        let path = beside(database, ".lock");
        let storage = |error: std::io::Error| Error::Storage(format!("{}: {error}", path.display()));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(storage)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::AlreadyOpen),
            Err(TryLockError::Error(error)) => Err(storage(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do, but not before the descriptor is closed in every forked child.
        let _ = self.0.unlock();
    }
}

/// The database's path with something appended to its name.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("q.db");
        let lock = Lock::take(&database).unwrap();
        assert_eq!(Lock::take(&database).unwrap_err(), Error::AlreadyOpen);
        drop(lock);
        Lock::take(&database).unwrap();
    }
}
