//! One runtime for all clients of the process: it lives as long as the first and the last of them.
//!
//! Two clients of one file are the same queue. If each had threads of its own, closing one would end the scheduler that the
//! other relies on.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::runtime::{Builder, Runtime};

use crate::ClientError;

/// Threads of the runtime; what they run waits for the disk's own thread and for the network.
const THREADS: usize = 2;

static CURRENT: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// The runtime that the clients share.
#[derive(Debug)]
pub(crate) struct Shared(Option<Runtime>);

/// The runtime, made if there is none.
pub(crate) fn shared() -> Result<Arc<Shared>, ClientError> {
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = current.upgrade() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("tarishi").enable_all().build();
    let runtime = Arc::new(Shared(Some(runtime.map_err(|error| ClientError::bug(error.to_string()))?)));
    *current = Arc::downgrade(&runtime);
    Ok(runtime)
}

impl Deref for Shared {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("taken only when it is dropped")
    }
}

/// The last client may be dropped on any thread, and on one that must not block.
impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_a_runtime_while_one_of_them_lives() {
        let first = shared().unwrap();
        assert!(Arc::ptr_eq(&first, &shared().unwrap()));
    }
}
