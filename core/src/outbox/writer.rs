//! The one thread that writes.
//!
//! Callers queue commands; the thread takes what is queued, runs it in one transaction, and answers after the commit. A
//! commit costs a flush of the flash, so a hundred callers share one. Each command of a group has its own savepoint: one that
//! fails takes nothing of the others with it. An answer that nobody waits for any more does not undo what was done.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot, watch};

use super::{memory::Memory, meta::Uptime, seal::Sealer};
use crate::{Error, Event};

/// Commands in one transaction, at most.
const GROUP_MAX: usize = 256;
/// Bytes of payload in one transaction, about, at most.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

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

trait Command: Send {
    fn weight(&self) -> usize;
    /// Runs; `false` undoes it.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

struct Task<F, R> {
    weight: usize,
    work: Option<F>,
    result: Option<Result<R, Error>>,
    reply: oneshot::Sender<Result<R, Error>>,
}

impl<F, R> Command for Task<F, R>
where
    F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send,
    R: Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.result = self.work.take().map(|work| work(tx));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let result = self.result.unwrap_or(Err(Error::Closed));
        // An own failure is the more telling one.
        let _ = self.reply.send(result.and_then(|value| committed.map(|()| value)));
    }
}

type Control = Box<dyn FnOnce(&mut Writer) + Send>;

enum Message {
    Command(Box<dyn Command>),
    Control(Control),
}

/// The thread's own things.
pub(crate) struct Writer {
    pub(crate) connection: Option<Connection>,
    pub(crate) memory: Memory,
    context: Arc<Context>,
    events: broadcast::Sender<Event>,
    work: watch::Sender<()>,
}

/// Hands commands to the thread.
#[derive(Debug)]
pub(crate) struct WriterHandle {
    sender: Mutex<Option<Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterHandle {
    /// Starts the thread on an open database.
    pub(crate) fn start(
        connection: Connection,
        memory: Memory,
        context: Arc<Context>,
        events: broadcast::Sender<Event>,
        work: watch::Sender<()>,
    ) -> Result<Self, Error> {
        let (sender, receiver) = channel();
        let mut writer = Writer { connection: Some(connection), memory, context, events, work };
        let thread = std::thread::Builder::new().name("tarishi-writer".to_owned()).spawn(move || writer.run(&receiver));
        let thread = thread.map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Self { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a command at once; the future only waits for its answer.
    pub(crate) fn submit<R, F>(&self, weight: usize, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { weight, work: Some(work), result: None, reply };
        let queued = self.send(Message::Command(Box::new(task)));
        async move {
            queued?;
            answer.await.unwrap_or(Err(Error::Closed))
        }
    }

    /// Queues work on the thread itself, between transactions.
    pub(crate) fn control<R, F>(&self, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<R, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = self.send(Message::Control(Box::new(move |writer| {
            let _ = reply.send(work(writer));
        })));
        async move {
            queued?;
            answer.await.unwrap_or(Err(Error::Closed))
        }
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().ok_or(Error::Closed)?.send(message).map_err(|_| Error::Closed)
    }

    /// Finishes what is queued and ends the thread.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Writer {
    fn run(&mut self, receiver: &Receiver<Message>) {
        let mut last = 0;
        while let Ok(first) = receiver.recv() {
            let mut control = None;
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            // Callers that were answered by the last group are about to come back: give them a moment to share this commit.
            let mut patience = if last > 1 { 16 } else { 0 };
            loop {
                match next.take().or_else(|| receiver.try_recv().ok()) {
                    Some(Message::Command(command)) => {
                        bytes += command.weight();
                        group.push(command);
                        if group.len() >= GROUP_MAX || bytes >= GROUP_BYTES_MAX {
                            break;
                        }
                    }
                    Some(Message::Control(work)) => {
                        control = Some(work);
                        break;
                    }
                    None if patience > 0 && group.len() < last => {
                        patience -= 1;
                        std::thread::yield_now();
                    }
                    None => break,
                }
            }
            last = group.len();
            if !group.is_empty() {
                self.commit(group);
            }
            if let Some(work) = control {
                work(self);
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = self.context.uptime.save(&connection);
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Command>>) {
        let Some(connection) = self.connection.take() else {
            for command in group {
                command.answer(Err(Error::Suspended));
            }
            return;
        };
        let before = self.memory;
        let mut news = Vec::new();
        let mut nudge = false;
        let done = self.run_group(&connection, &mut group, &mut news, &mut nudge);
        if let Err(error) = &done {
            tracing::error!(%error, "the outbox could not commit");
            self.memory = before;
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
        self.connection = Some(connection);
        let committed = done.is_ok();
        for command in group {
            command.answer(done.clone().map_err(Error::from_commit));
        }
        if committed {
            for event in news {
                let _ = self.events.send(event);
            }
            if nudge {
                self.work.send_replace(());
            }
        }
    }

    fn run_group(
        &mut self,
        connection: &Connection,
        group: &mut [Box<dyn Command>],
        news: &mut Vec<Event>,
        nudge: &mut bool,
    ) -> Result<(), String> {
        let execute = |sql: &str| -> Result<(), String> {
            let mut statement = connection.prepare_cached(sql).map_err(|error| error.to_string())?;
            statement.execute([]).map(drop).map_err(|error| error.to_string())
        };
        execute("BEGIN IMMEDIATE")?;
        let alone = group.len() == 1;
        for command in group {
            let before = self.memory;
            if !alone {
                execute("SAVEPOINT command")?;
            }
            let context = Arc::clone(&self.context);
            let mut tx = Tx { connection, memory: &mut self.memory, context: &context, news: Vec::new(), nudge: false };
            let kept = command.run(&mut tx);
            if kept {
                news.append(&mut tx.news);
                *nudge |= tx.nudge;
                if !alone {
                    execute("RELEASE command")?;
                }
            } else {
                self.memory = before;
                if alone {
                    return execute("ROLLBACK");
                }
                execute("ROLLBACK TO command")?;
                execute("RELEASE command")?;
            }
        }
        execute("COMMIT")
    }
}

impl Error {
    fn from_commit(text: String) -> Self {
        Self::Storage(text)
    }
}
