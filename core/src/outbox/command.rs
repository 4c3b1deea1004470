//! What runs on the writing thread, and what it finds there.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{memory::Memory, meta::Uptime, seal::Sealer};
use crate::{Error, Event};

/// What commands need and nobody changes.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) uptime: Uptime,
    pub(crate) sealer: Sealer,
    pub(crate) quota_operations: u64,
    pub(crate) quota_bytes: u64,
    pub(crate) retention_ms: i64,
}

/// The transaction a command runs in.
pub(crate) struct Tx<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) memory: &'a mut Memory,
    pub(crate) context: &'a Context,
    /// Told after the commit.
    pub(crate) news: Vec<Event>,
    /// There is something to send: wake whoever syncs, after the commit.
    pub(crate) nudge: bool,
}

/// Something to do in a transaction that others may share.
pub(super) trait Command: Send {
    /// Bytes it adds, about.
    fn weight(&self) -> usize;
    /// It writes by one last statement, so a failure leaves nothing to undo.
    fn is_single(&self) -> bool;
    /// Somebody waits for its answer still.
    fn is_wanted(&self) -> bool;
    /// Runs; `false` undoes it.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, after the commit or its failure.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

/// A closure as a command.
pub(super) struct Task<F, R> {
    weight: usize,
    single: bool,
    work: Option<F>,
    result: Option<Result<R, Error>>,
    reply: oneshot::Sender<Result<R, Error>>,
}

impl<F, R> Task<F, R> {
    pub(super) fn new(weight: usize, single: bool, work: F, reply: oneshot::Sender<Result<R, Error>>) -> Self {
        Self { weight, single, work: Some(work), result: None, reply }
    }
}

impl<F, R> Command for Task<F, R>
where
    F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send,
    R: Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn is_single(&self) -> bool {
        self.single
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.result = self.work.take().map(|work| work(tx));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let answer = match (self.result, committed) {
            // An own failure is the more telling one.
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Error::Closed),
        };
        let _ = self.reply.send(answer);
    }
}
