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

use super::{
    checkpoint::{self, Checkpointer, Slot},
    command::{Command, Context, Task, Tx},
    memory::Memory,
    read::Work,
};
use crate::{Error, Event};

/// Commands in one transaction, at most.
const GROUP_MAX: usize = 256;
/// Bytes of payload in one transaction, about, at most.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Answers from this many on are given by a thread of their own, beside the next transaction: waking a caller costs as much as
/// storing its operation.
const ANSWERS_APART: usize = 8;
/// How often the thread steps back for the next caller that is on its way.
const PATIENCE: u32 = 32;
/// How often it steps back before it sleeps; some 50 microseconds.
const LINGER: u32 = 100;

pub(super) type Control = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the thread is asked.
pub(super) enum Message {
    /// Part of a transaction.
    Command(Box<dyn Command>),
    /// Between transactions.
    Control(Control),
}

/// The thread's own things.
pub(crate) struct Writer {
    pub(crate) connection: Option<Connection>,
    pub(crate) memory: Memory,
    context: Arc<Context>,
    events: broadcast::Sender<Event>,
    work: watch::Sender<()>,
    checkpointer: Checkpointer,
    answers: Sender<Answers>,
    rider: Rider,
}

/// A command that joins the next transaction with something to send in it.
type Rider = Arc<Mutex<Option<Box<dyn Command>>>>;

/// Commands of a group that is over, and how it ended.
type Answers = (Vec<Box<dyn Command>>, Result<(), Error>);

/// Hands commands to the thread.
pub(crate) struct WriterHandle {
    sender: Slot<Message>,
    rider: Rider,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl core::fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WriterHandle")
    }
}

impl WriterHandle {
    /// Starts the thread on an open database.
    pub(crate) fn start(
        connection: Connection,
        memory: Memory,
        context: Arc<Context>,
        events: broadcast::Sender<Event>,
        work: watch::Sender<()>,
        reader: Slot<Work>,
    ) -> Result<Self, Error> {
        let (sender, receiver) = channel();
        let sender: Slot<Message> = Arc::new(Mutex::new(Some(sender)));
        let checkpointer = Checkpointer::new(reader, Arc::clone(&sender));
        let (answers, rider) = (answering()?, Rider::default());
        let mut writer = Writer {
            connection: Some(connection),
            memory,
            context,
            events,
            work,
            checkpointer,
            answers,
            rider: Arc::clone(&rider),
        };
        let thread = std::thread::Builder::new().name("tarishi-writer".to_owned()).spawn(move || writer.run(&receiver));
        let thread = thread.map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Self { sender, rider, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a command at once; the future only waits for its answer. `single`: it writes by one last statement, which is
    /// all or nothing by itself, and does without a savepoint.
    pub(crate) fn submit<R, F>(
        &self,
        weight: usize,
        single: bool,
        work: F,
    ) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task::new(weight, single, work, reply);
        let queued = self.send(Message::Command(Box::new(task)));
        async move {
            queued?;
            answer.await.unwrap_or(Err(Error::Closed))
        }
    }

    /// Has a command run in the transaction that next brings something to send, as its last: what it does needs no commit of
    /// its own. One waits at a time, and only as long as its answer is waited for.
    pub(crate) fn ride<R, F>(&self, work: F) -> oneshot::Receiver<Result<R, Error>>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task: Box<dyn Command> = Box::new(Task::new(0, false, work, reply));
        self.rider.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        answer
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
        if checkpoint::send(&self.sender, message) { Ok(()) } else { Err(Error::Closed) }
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
        let mut expected = 0;
        while let Some(first) = next_of(receiver) {
            let control = match first {
                Message::Command(first) => self.transaction(first, receiver, &mut expected),
                Message::Control(work) => Some(work),
            };
            if let Some(work) = control {
                work(self);
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = self.context.uptime.save(&connection);
        }
    }

    /// Runs commands as they come in, commits, answers. Gives back what must run between transactions.
    ///
    /// `expected`: as many as shared a commit lately. Callers that were answered by the last commit are about to come back;
    /// a commit costs far more than the moment they need.
    fn transaction(&mut self, first: Box<dyn Command>, receiver: &Receiver<Message>, expected: &mut usize) -> Option<Control> {
        let Some(connection) = self.connection.take() else {
            first.answer(Err(Error::Suspended));
            return None;
        };
        let before = self.memory;
        let mut group = Group::default();
        let mut control = None;
        let mut running = execute(&connection, "BEGIN IMMEDIATE");
        let mut patience = PATIENCE;
        let mut next = Some(first);
        while group.commands.len() < GROUP_MAX && group.bytes < GROUP_BYTES_MAX {
            match next.take().map(Message::Command).or_else(|| receiver.try_recv().ok()) {
                Some(Message::Command(mut command)) => {
                    running = running.and_then(|()| self.run_command(&connection, &mut *command, &mut group));
                    group.bytes += command.weight();
                    group.commands.push(command);
                    patience = PATIENCE;
                }
                Some(Message::Control(work)) => {
                    control = Some(work);
                    break;
                }
                None if patience > 0 && group.commands.len() < *expected => {
                    patience -= 1;
                    std::thread::yield_now();
                }
                None => break,
            }
        }
        *expected = group.commands.len().max(*expected - expected.div_ceil(8));
        let mut rider = self.rider_of(&group);
        if let Some(rider) = &mut rider {
            running = running.and_then(|()| self.run_command(&connection, &mut **rider, &mut group));
        }
        let done = running.and_then(|()| execute(&connection, "COMMIT"));
        if let Err(error) = &done {
            tracing::error!(%error, "the outbox could not commit");
            self.memory = before;
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
        self.connection = Some(connection);
        // First, since what it has to send has the longest way.
        if let Some(rider) = rider {
            rider.answer(done.clone());
        }
        self.answer(group.commands, &done);
        if done.is_ok() {
            for event in group.news {
                let _ = self.events.send(event);
            }
            if group.nudge {
                self.work.send_replace(());
            }
            self.checkpointer.committed(group.bytes);
        }
        control
    }

    fn rider_of(&self, group: &Group) -> Option<Box<dyn Command>> {
        let rider = if group.nudge { self.rider.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
        rider.filter(|rider| rider.is_wanted())
    }

    fn answer(&self, commands: Vec<Box<dyn Command>>, done: &Result<(), Error>) {
        if commands.len() < ANSWERS_APART {
            return answer_all((commands, done.clone()));
        }
        if let Err(unsent) = self.answers.send((commands, done.clone())) {
            answer_all(unsent.0);
        }
    }

    fn run_command(&mut self, connection: &Connection, command: &mut dyn Command, group: &mut Group) -> Result<(), Error> {
        let before = self.memory;
        // The first has nothing before it that it could take along.
        let is_first = group.commands.is_empty();
        let guarded = !is_first && !command.is_single();
        if guarded {
            execute(connection, "SAVEPOINT command")?;
        }
        let context = &self.context;
        let mut tx = Tx { connection, memory: &mut self.memory, context, news: Vec::new(), nudge: false };
        if command.run(&mut tx) {
            group.news.append(&mut tx.news);
            group.nudge |= tx.nudge;
            return if guarded { execute(connection, "RELEASE command") } else { Ok(()) };
        }
        self.memory = before;
        if connection.is_autocommit() {
            // The disk is full or fails: SQLite gave up the whole transaction, and with it what ran before.
            return if is_first {
                execute(connection, "BEGIN IMMEDIATE")
            } else {
                Err(Error::Storage("disk failure".to_owned()))
            };
        }
        if is_first {
            execute(connection, "ROLLBACK")?;
            return execute(connection, "BEGIN IMMEDIATE");
        }
        if guarded {
            execute(connection, "ROLLBACK TO command")?;
            execute(connection, "RELEASE command")?;
        }
        Ok(())
    }
}

fn answer_all((commands, done): Answers) {
    for command in commands {
        command.answer(done.clone());
    }
}

/// The thread that answers large groups; it ends with the writer.
fn answering() -> Result<Sender<Answers>, Error> {
    let (sender, receiver) = channel();
    let run = move || receiver.into_iter().for_each(answer_all);
    let thread = std::thread::Builder::new().name("tarishi-answers".to_owned()).spawn(run);
    thread.map(|_| sender).map_err(|error| Error::Storage(error.to_string()))
}

/// Waits for the next message. A caller that was just answered often comes back within microseconds: for that long the thread
/// only steps back, since sleeping and being woken would cost more than both.
fn next_of(receiver: &Receiver<Message>) -> Option<Message> {
    for _ in 0..LINGER {
        if let Ok(message) = receiver.try_recv() {
            return Some(message);
        }
        std::thread::yield_now();
    }
    receiver.recv().ok()
}

/// What shares one commit.
#[derive(Default)]
struct Group {
    commands: Vec<Box<dyn Command>>,
    bytes: usize,
    news: Vec<Event>,
    nudge: bool,
}

fn execute(connection: &Connection, sql: &str) -> Result<(), Error> {
    Ok(connection.prepare_cached(sql)?.execute([]).map(drop)?)
}

#[cfg(test)]
mod tests;
