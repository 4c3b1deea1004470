//! What the library has to say, for the app's own log.

use std::{
    fmt::{Debug, Write},
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use crate::ClientError;

/// Records that wait for a slow logger; more are dropped.
const RECORDS_MAX: usize = 256;
/// Whose records are passed on.
const TARGET: &str = "tarishi";

/// How much a record matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
#[repr(u8)]
pub enum LogLevel {
    /// Something is wrong and somebody should know.
    Error = 1,
    /// Something is wrong and is dealt with.
    Warn,
    /// What was done.
    Info,
    /// What was done, closely.
    Debug,
}

/// One record. It holds no payload, phone number or token.
#[derive(Clone, Debug, uniffi::Record)]
pub struct LogRecord {
    /// How much it matters.
    pub level: LogLevel,
    /// The part of the library.
    pub target: String,
    /// What happened.
    pub message: String,
}

/// The app's own log. Called from a thread for this alone, one call at a time, in order.
#[uniffi::export(foreign)]
pub trait Logger: Send + Sync {
    /// These were written, oldest first. What it throws is ignored.
    fn on_records(&self, records: Vec<LogRecord>) -> Result<(), ClientError>;
}

static LEVEL: AtomicU8 = AtomicU8::new(0);
static SENDER: Mutex<Option<SyncSender<LogRecord>>> = Mutex::new(None);
static INSTALL: Once = Once::new();

/// Passes records of this level and above on to the app's log, from all clients of the process. Another call replaces the logger.
#[uniffi::export]
pub fn set_logger(logger: Arc<dyn Logger>, level: LogLevel) -> Result<(), ClientError> {
    let (sender, receiver) = sync_channel(RECORDS_MAX);
    let spawned = thread::Builder::new().name("tarishi-log".to_owned()).spawn(move || pass_on(&receiver, logger.as_ref()));
    spawned.map_err(|error| ClientError::bug(error.to_string()))?;
    // The thread of the logger before ends with its sender.
    *SENDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    LEVEL.store(level as u8, Ordering::Relaxed);
    // Fails only where Rust code of the app has installed another already, which then hears of everything itself.
    INSTALL.call_once(|| drop(tracing::subscriber::set_global_default(Bridge)));
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

fn pass_on(receiver: &Receiver<LogRecord>, logger: &dyn Logger) {
    while let Ok(first) = receiver.recv() {
        let mut records = vec![first];
        records.extend(receiver.try_iter().take(RECORDS_MAX));
        let _ = logger.on_records(records);
    }
}

struct Bridge;

fn rank(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // A trace is not for apps.
        *metadata.level() <= Level::DEBUG
            && rank(*metadata.level()) as u8 <= LEVEL.load(Ordering::Relaxed)
            && metadata.target().starts_with(TARGET)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let (level, target) = (rank(*event.metadata().level()), event.metadata().target().to_owned());
        let record = LogRecord { level, target, message: text.0 };
        let sender = SENDER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            // A logger that is too slow loses records; the library never waits for it.
            let _ = sender.try_send(record);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message first, then `name=value`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{rest}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Kept(Sender<Vec<LogRecord>>);

    impl Logger for Kept {
        fn on_records(&self, records: Vec<LogRecord>) -> Result<(), ClientError> {
            self.0.send(records).map_err(|error| ClientError::bug(error.to_string()))
        }
    }

    #[test]
    fn records_of_the_level_reach_the_logger_in_words() {
        let (sender, receiver) = channel();
        set_logger(Arc::new(Kept(sender)), LogLevel::Info).unwrap();
        tracing::debug!(target: "tarishi_core::sync", "too fine");
        tracing::warn!(target: "hyper", "somebody else's");
        tracing::warn!(target: "tarishi_core::outbox", rows = 3, "set aside");
        let records = receiver.recv().unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].level, records[0].message.as_str()), (LogLevel::Warn, "set aside rows=3"));
        assert_eq!(records[0].target, "tarishi_core::outbox");
    }
}
