//! The one place that asks what time it is.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the one clock of the sandbox")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// RFC 3339 with milliseconds, as the ledger writes it.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `YYYYMMDDHHmmss` in East Africa Time, as Daraja writes it.
pub(crate) fn nairobi(at: DateTime<Utc>) -> String {
    let offset = FixedOffset::east_opt(3 * 3600).expect("three hours are a valid offset");
    at.with_timezone(&offset).format("%Y%m%d%H%M%S").to_string()
}
