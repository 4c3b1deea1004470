//! Moves the log into the database file without making callers wait for it.
//!
//! SQLite would do it inside a commit: every so often one caller pays for hundreds. Here the reading thread does the bulk
//! while commits go on, and the writing thread only the few pages that came in meanwhile, so that the log starts again from
//! its beginning. If that ever falls behind, SQLite's own rule still bounds the log.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
    mpsc::Sender,
};

use rusqlite::Connection;

use super::{
    read::Work,
    writer::{Message, Writer},
};

/// Bytes in the log, about, after which it is moved.
const EVERY_BYTES: usize = 4 * 1024 * 1024;
/// What one commit adds to the log beside its payloads: a page for each index it touches.
const COMMIT_BYTES: usize = 20 * 1024;
/// SQLite's own rule, in pages; a safety net at 32 MiB.
pub(super) const PAGES_MAX: i64 = 8_192;

/// A place to send to, emptied when its thread is to end.
pub(super) type Slot<T> = Arc<Mutex<Option<Sender<T>>>>;

/// Sends, if the thread still takes anything.
pub(super) fn send<T>(slot: &Slot<T>, message: T) -> bool {
    let sender = slot.lock().unwrap_or_else(PoisonError::into_inner);
    sender.as_ref().is_some_and(|sender| sender.send(message).is_ok())
}

/// Counts what was written and starts the move.
#[derive(Debug)]
pub(super) struct Checkpointer {
    reader: Slot<Work>,
    writer: Slot<Message>,
    written: usize,
    running: Arc<AtomicBool>,
}

impl Checkpointer {
    pub(super) fn new(reader: Slot<Work>, writer: Slot<Message>) -> Self {
        Self { reader, writer, written: 0, running: Arc::default() }
    }

    /// A commit with so many bytes of payload is done.
    pub(super) fn committed(&mut self, bytes: usize) {
        self.written += bytes + COMMIT_BYTES;
        if self.written < EVERY_BYTES || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        self.written = 0;
        let (writer, running) = (Arc::clone(&self.writer), Arc::clone(&self.running));
        let bulk: Work = Box::new(move |connection| {
            move_pages(connection.as_ref());
            let done = Arc::clone(&running);
            let rest = move |writer: &mut Writer| {
                move_pages(writer.connection.as_ref());
                done.store(false, Ordering::Release);
            };
            if !send(&writer, Message::Control(Box::new(rest))) {
                running.store(false, Ordering::Release);
            }
        });
        if !send(&self.reader, bulk) {
            self.running.store(false, Ordering::Release);
        }
    }
}

fn move_pages(connection: Option<&Connection>) {
    if let Some(connection) = connection
        && let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    {
        tracing::warn!(%error, "the log could not be moved into the database");
    }
}
