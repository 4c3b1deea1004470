//! Logs go to stderr, as text or JSON. They hold ids; payloads, phone numbers and tokens are never given to them.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::filter_fn,
    fmt::MakeWriter,
    layer::{Layered, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl LogFormat {
    /// The format of this word; text unless it is `json`.
    #[must_use]
    pub fn of(word: Option<&str>) -> Self {
        if word == Some("json") { Self::Json } else { Self::Text }
    }
}

/// Libraries that would print addresses and headers, which hold tokens. Whatever the operator's filter says of them or of
/// parts of them, nothing below a warning is let through.
const QUIET: [&str; 5] = ["hyper", "hyper_util", "reqwest", "h2", "rustls"];

/// Starts logging by this filter (`info`, `tarishi_server=debug`, …); a second call does nothing.
pub fn init(filter: &str, format: LogFormat) {
    init_into(filter, format, std::io::stderr);
}

/// As [`init`], with the lines going elsewhere than to stderr.
pub fn init_into<W>(filter: &str, format: LogFormat, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Refused only where a subscriber is there already, as in tests.
    let _ = subscriber(filter, format, writer).try_init();
}

fn subscriber<W>(filter: &str, format: LogFormat, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Filtered> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines.with_ansi(false)),
        LogFormat::Json => Box::new(lines.json()),
    };
    tracing_subscriber::registry().with(EnvFilter::builder().parse_lossy(filter)).with(lines.with_filter(filter_fn(is_shown)))
}

/// What the lines are written above.
type Filtered = Layered<EnvFilter, Registry>;

fn is_shown(metadata: &Metadata<'_>) -> bool {
    let module = metadata.target().split("::").next().unwrap_or_default();
    !QUIET.contains(&module) || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use super::*;

    fn logged(filter: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        tracing::subscriber::with_default(subscriber(filter, format, Mutex::new(file.reopen().unwrap())), work);
        fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn no_filter_makes_a_library_print_headers_and_addresses() {
        let filter = "trace,h2=trace,h2::codec=trace,hyper_util::client=trace,reqwest::connect=trace,[sending]=trace";
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged(filter, format, || {
                tracing::trace!(target: "h2::codec::framed_write", "authorization: secret");
                tracing::debug!(target: "hyper_util::client::legacy::pool", "GET /h/secret");
                tracing::info!(target: "reqwest::connect", "secret");
                tracing::trace_span!(target: "h2", "sending", header = "secret")
                    .in_scope(|| tracing::trace!(target: "tarishi_server::dispatch", "a step of ours"));
                tracing::warn!(target: "rustls::conn", "a warning");
                tracing::trace!(target: "h2o", "not of these");
            });

            assert!(!log.contains("secret"), "{log}");
            for kept in ["a step of ours", "a warning", "not of these"] {
                assert!(log.contains(kept), "{kept} is missing in {log}");
            }
        }
    }

    #[test]
    fn the_filter_decides_over_what_is_ours() {
        let log = logged("info", LogFormat::Text, || {
            tracing::info!("shown");
            tracing::debug!("left out");
        });

        assert!(log.contains("shown") && !log.contains("left out"), "{log}");
    }
}
