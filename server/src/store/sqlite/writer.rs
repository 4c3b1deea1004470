//! One thread owns the writing connection and commits what has queued up together.
//!
//! One that fails undoes itself alone: each behind the first runs in a savepoint of its own. Replies are sent after the commit, so
//! what was answered is on disk. Commands whose loss with the power does no harm may say so: a group of them alone is committed
//! without waiting for the disk, and comes there with the next group that does. Synchronous on purpose: a dropped future leaves no transaction half done.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::{Error, Result};

/// Commands in one commit, at most.
const GROUP_MAX: usize = 256;
/// Commands that may wait, at most; beyond, callers wait for room.
const QUEUE_MAX: usize = 4_096;

/// How often the thread steps back for a command that was announced before it sleeps again; some 200 microseconds.
const LINGER: u32 = 400;

/// A handle to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is told.
enum Message {
    Run(Box<dyn Command>),
    /// A command is on its way.
    Rouse,
}

/// Something to be done in a transaction and answered after it.
trait Command: Send {
    /// Its loss with the power does no harm.
    fn may_be_lost(&self) -> bool;
    /// Does it; false = undo it.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Answers, once it is known whether the group was committed.
    fn reply(self: Box<Self>, committed: Result<()>);
}

struct Task<T, F> {
    may_be_lost: bool,
    work: Option<F>,
    result: Result<T>,
    caller: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Command for Task<T, F> {
    fn may_be_lost(&self) -> bool {
        self.may_be_lost
    }

    fn run(&mut self, conn: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        self.result = catch_unwind(AssertUnwindSafe(|| work(conn)))
            .unwrap_or_else(|_| Err(Error::Damaged("a command panicked".to_owned())));
        self.result.is_ok()
    }

    fn reply(self: Box<Self>, committed: Result<()>) {
        // The caller may be gone; the command stands all the same.
        let _ = self.caller.send(committed.and(self.result));
    }
}

impl Writer {
    /// Starts the thread; the connection is its own from now on.
    pub(super) fn start(conn: Connection) -> Result<Self> {
        let (queue, commands) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || run(&conn, commands))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs one command in a transaction and answers once it is committed.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.queue(false, work).await
    }

    /// The same for what may be lost when the power fails; never when the process dies.
    pub(super) async fn write_for_now<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.queue(true, work).await
    }

    async fn queue<T, F>(&self, may_be_lost: bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let queue = self.queue.lock().map_err(|_| Error::Closed)?.clone().ok_or(Error::Closed)?;
        let (caller, answer) = oneshot::channel();
        let task = Task { may_be_lost, work: Some(work), result: Err(Error::Closed), caller };
        queue.send(Message::Run(Box::new(task))).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Wakes the thread if it sleeps, for a command that comes within a moment: waking it takes as long as to prepare one.
    pub(super) fn rouse(&self) {
        let queue = self.queue.lock().ok();
        let idle = queue.as_ref().and_then(|queue| queue.as_ref()).filter(|queue| queue.capacity() == QUEUE_MAX);
        // Nobody is there to be woken if it fails.
        let _ = idle.map(|queue| queue.try_send(Message::Rouse));
    }

    /// Takes no more commands and waits for those that are queued.
    pub(super) fn close(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // A panic of the thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

fn run(conn: &Connection, mut commands: mpsc::Receiver<Message>) {
    let (mut behind, mut full) = (None, true);
    while let Some(first) = behind.take().or_else(|| next_of(&mut commands)) {
        let mut done = Vec::new();
        let failed = group(conn, first, &mut commands, &mut done, &mut behind, &mut full).err().map(|error| error.to_string());
        for command in done {
            command.reply(failed.clone().map_or(Ok(()), |text| Err(Error::Damaged(format!("the commit failed: {text}")))));
        }
        if commands.is_empty() {
            // While nobody waits. If it fails, it is tried again with the next group that wants it.
            let _ = sync(conn, true, &mut full);
        }
    }
}

/// Waits for the next command.
fn next_of(commands: &mut mpsc::Receiver<Message>) -> Option<Box<dyn Command>> {
    loop {
        match commands.blocking_recv()? {
            Message::Run(command) => return Some(command),
            Message::Rouse => {}
        }
        for _ in 0..LINGER {
            if let Some(command) = queued(commands) {
                return Some(command);
            }
            std::thread::yield_now();
        }
    }
}

/// The next command that is there.
fn queued(commands: &mut mpsc::Receiver<Message>) -> Option<Box<dyn Command>> {
    loop {
        match commands.try_recv().ok()? {
            Message::Run(command) => return Some(command),
            Message::Rouse => {}
        }
    }
}

fn group(
    conn: &Connection,
    first: Box<dyn Command>,
    commands: &mut mpsc::Receiver<Message>,
    done: &mut Vec<Box<dyn Command>>,
    behind: &mut Option<Box<dyn Command>>,
    full: &mut bool,
) -> rusqlite::Result<()> {
    let wait = !first.may_be_lost();
    let mut next = Some(first);
    let begun = sync(conn, wait, full).and_then(|()| execute(conn, "BEGIN IMMEDIATE"));
    let committed = begun.and_then(|()| {
        while let Some(mut command) = next.take() {
            let ran = if done.is_empty() { first_of(conn, &mut *command) } else { guarded(conn, &mut *command) };
            done.push(command);
            ran?;
            next = if done.len() < GROUP_MAX { queued(commands) } else { None };
            // What must not be lost does not join those that may be.
            if !wait && next.as_ref().is_some_and(|next| !next.may_be_lost()) {
                *behind = next.take();
            }
        }
        execute(conn, "COMMIT")
    });
    done.extend(next);
    if committed.is_err() && !conn.is_autocommit() {
        // If this fails too, the next BEGIN says so.
        let _ = conn.execute_batch("ROLLBACK");
    }
    committed
}

/// Runs the first: it has nothing before it that it could take along, and is spared the copies that a savepoint makes of pages.
fn first_of(conn: &Connection, command: &mut dyn Command) -> rusqlite::Result<()> {
    if command.run(conn) {
        return Ok(());
    }
    // A disk that is full or fails has undone it already.
    if !conn.is_autocommit() {
        execute(conn, "ROLLBACK")?;
    }
    execute(conn, "BEGIN IMMEDIATE")
}

fn guarded(conn: &Connection, command: &mut dyn Command) -> rusqlite::Result<()> {
    execute(conn, "SAVEPOINT command")?;
    if !command.run(conn) {
        execute(conn, "ROLLBACK TO command")?;
    }
    execute(conn, "RELEASE command")
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// Whether the next commit waits for the disk; `full` is how the connection stands.
fn sync(conn: &Connection, wait: bool, full: &mut bool) -> rusqlite::Result<()> {
    if wait != *full {
        conn.execute_batch(if wait { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
        *full = wait;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (x INTEGER UNIQUE)").unwrap();
        Writer::start(conn).unwrap()
    }

    #[tokio::test]
    async fn a_failing_command_undoes_itself_alone() {
        let writer = writer();
        let insert = |x: i64| writer.write(move |conn| Ok(conn.execute("INSERT INTO t VALUES (?1)", [x])?));

        let (a, b, c) = tokio::join!(insert(1), insert(1), insert(2));

        assert!(a.is_ok() && b.is_err() && c.is_ok());
        let count: i64 =
            writer.write(|conn| Ok(conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)).await.unwrap();
        assert_eq!(count, 2);
    }

    #[tokio::test]
    async fn what_the_first_of_a_group_wrote_before_it_failed_is_gone_and_the_others_stand() {
        let writer = writer();
        let fails = writer.write(|conn| {
            conn.execute("INSERT INTO t VALUES (1)", [])?;
            Err::<(), _>(Error::Closed)
        });
        let stands = |x: i64| writer.write(move |conn| Ok(conn.execute("INSERT INTO t VALUES (?1)", [x])?));

        let (failed, one, two) = tokio::join!(fails, stands(2), stands(3));

        assert!(failed.is_err() && one.is_ok() && two.is_ok());
        let sum: i64 = writer.write(|conn| Ok(conn.query_row("SELECT sum(x) FROM t", [], |row| row.get(0))?)).await.unwrap();
        assert_eq!(sum, 5);
    }

    #[tokio::test]
    async fn one_that_is_roused_for_nothing_sleeps_again_and_takes_what_comes() {
        let writer = writer();
        for x in 0..3 {
            writer.rouse();
            writer.rouse();
            assert!(writer.write(move |conn| Ok(conn.execute("INSERT INTO t VALUES (?1)", [x])?)).await.is_ok());
        }
        writer.close();
        writer.rouse();
    }

    #[tokio::test]
    async fn a_panicking_command_is_an_error_and_the_writer_goes_on() {
        let writer = writer();

        let panicked: Result<()> = writer.write(|_| panic!("on purpose")).await;

        assert!(matches!(panicked, Err(Error::Damaged(_))));
        assert!(writer.write(|conn| Ok(conn.execute("INSERT INTO t VALUES (7)", [])?)).await.is_ok());
    }

    #[tokio::test]
    async fn a_closed_writer_says_so() {
        let writer = writer();
        writer.close();

        assert!(matches!(writer.write(|_| Ok(())).await, Err(Error::Closed)));
    }

    /// How a command finds the connection: 1 commits without the disk, 2 waits for it.
    fn synchronous(conn: &Connection) -> Result<i64> {
        Ok(conn.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn only_what_may_be_lost_is_committed_without_waiting_for_the_disk() {
        let writer = writer();
        for _ in 0..2 {
            assert_eq!(writer.write(synchronous).await.unwrap(), 2);
            assert_eq!(writer.write_for_now(synchronous).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn what_must_not_be_lost_never_joins_what_may_be_and_what_may_be_joins_anything() {
        let writer = writer();
        // The thread is busy while the others queue up behind it.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let busy = writer.write_for_now(move |_| Ok(wait.recv().is_ok()));
        let lazy = || writer.write_for_now(synchronous);
        let queue = async { tokio::join!(lazy(), lazy(), writer.write(synchronous), lazy()) };
        let release = async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        };
        let (busy, (one, two, safe, three), ()) = tokio::join!(busy, queue, release);
        assert!(busy.unwrap());
        assert_eq!([one, two, safe, three].map(Result::unwrap), [1, 1, 2, 2]);
    }
}
