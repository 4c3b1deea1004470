//! One client per database in a process: opening the same file twice gives the same one.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use crate::{Error, Options, inner::Inner};

static OPEN: Mutex<BTreeMap<PathBuf, Weak<Handle>>> = Mutex::new(BTreeMap::new());
static CLOSED: Condvar = Condvar::new();

/// How long to wait for a client of this process that is just closing.
const CLOSING_MAX: Duration = Duration::from_secs(5);

/// What the clones of a client hold; the last one closes the database.
pub(crate) struct Handle {
    pub(crate) inner: Arc<Inner>,
    path: PathBuf,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.path.display())
    }
}

fn registry() -> MutexGuard<'static, BTreeMap<PathBuf, Weak<Handle>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open client of this database, or a new one.
pub(crate) fn open(mut options: Options) -> Result<Arc<Handle>, Error> {
    let path = whole_path(&options.database)?;
    options.database.clone_from(&path);
    let mut open = registry();
    while let Some(weak) = open.get(&path) {
        if let Some(handle) = weak.upgrade() {
            return Ok(handle);
        }
        let (guard, waited) = CLOSED.wait_timeout(open, CLOSING_MAX).unwrap_or_else(PoisonError::into_inner);
        open = guard;
        if waited.timed_out() {
            break;
        }
    }
    let handle = Arc::new(Handle { inner: Arc::new(Inner::open(options)?), path: path.clone() });
    open.insert(path, Arc::downgrade(&handle));
    Ok(handle)
}

fn whole_path(path: &Path) -> Result<PathBuf, Error> {
    let storage = |error: std::io::Error| Error::Storage(format!("{}: {error}", path.display()));
    let whole = std::path::absolute(path).map_err(storage)?;
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(Error::Storage(format!("{} names no file", path.display())));
    };
    Ok(folder.canonicalize().map_err(storage)?.join(name))
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A scheduler that is in the middle of an exchange may still hold the inner part: it is told to stop and finds the
        // queue closed.
        self.inner.pause.send_replace(true);
        self.inner.outbox.close();
        let mut open = registry();
        if open.get(&self.path).is_some_and(|weak| weak.strong_count() == 0) {
            open.remove(&self.path);
        }
        drop(open);
        CLOSED.notify_all();
    }
}
