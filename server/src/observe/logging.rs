//! Logs go to stderr, as text or JSON. They hold ids; payloads, phone numbers and tokens are never given to them.

use tracing_subscriber::EnvFilter;

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

/// Libraries that would print addresses, which hold tokens.
const QUIET: [&str; 5] = ["hyper=warn", "hyper_util=warn", "reqwest=warn", "h2=warn", "rustls=warn"];

/// Starts logging by this filter (`info`, `tarishi_server=debug`, …); a second call does nothing.
pub fn init(filter: &str, format: LogFormat) {
    let mut filter = EnvFilter::builder().parse_lossy(filter);
    for directive in QUIET {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Refused only where a subscriber is there already, as in tests.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
