//! What went wrong, in RFC 9457's shape, with a code that never changes.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $retryable:literal;)*) => {
        /// A stable problem code. Apps decide on it; texts may change.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The HTTP status when a whole request meets this problem.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The same request may succeed later without being changed.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON or not of the request's shape.
    Malformed = "malformed", 400, false;
    /// The compressed body ends early or is no gzip.
    BadEncoding = "bad_encoding", 400, false;
    /// The body is over a limit, compressed or not.
    BodyTooLarge = "body_too_large", 413, false;
    /// More operations, cancellations or receipts than one request may carry.
    TooMany = "too_many", 413, false;
    /// The payload is over its limit.
    PayloadTooLarge = "payload_too_large", 422, false;
    /// A payload field that this version does not know.
    UnknownField = "unknown_field", 422, false;
    /// A payload field is missing.
    MissingField = "missing_field", 422, false;
    /// A payload field has the wrong type.
    WrongType = "wrong_type", 422, false;
    /// A field's value is not allowed.
    InvalidValue = "invalid_value", 422, false;
    /// No E.164 phone number, or not one this adapter can reach.
    InvalidPhone = "invalid_phone", 422, false;
    /// No amount of money, or a currency the adapter does not take.
    InvalidAmount = "invalid_amount", 422, false;
    /// M-Pesa takes whole shillings only.
    AmountNotWhole = "amount_not_whole", 422, false;
    /// Outside the provider's least and greatest amount.
    AmountOutOfRange = "amount_out_of_range", 422, false;
    /// A path that leaves its root or has forbidden parts.
    InvalidPath = "invalid_path", 422, false;
    /// The adapter is not known or not enabled.
    UnknownAdapter = "unknown_adapter", 422, false;
    /// The adapter has no such action.
    UnknownAction = "unknown_action", 422, false;
    /// The payload's version is newer than this server.
    VersionUnsupported = "version_unsupported", 422, true;
    /// This action needs an idempotency key from the app.
    KeyRequired = "key_required", 422, false;
    /// The idempotency key was used with another payload.
    IdempotencyKeyReused = "idempotency_key_reused", 422, false;
    /// No credential, an unknown, expired or revoked one.
    Unauthorized = "unauthorized", 401, false;
    /// The request's account is not the token's.
    AccountMismatch = "account_mismatch", 403, false;
    /// The credential's scopes do not allow this.
    Forbidden = "forbidden", 403, false;
    /// A cap of the credential (amount or messages per operation or day) is reached.
    CapExceeded = "cap_exceeded", 403, false;
    /// No such thing, or another tenant's or account's.
    NotFound = "not_found", 404, false;
    /// The method does not exist here.
    MethodNotAllowed = "method_not_allowed", 405, false;
    /// The request's `exchange` is not above the highest seen: a late copy, or a copied phone.
    StaleExchange = "stale_exchange", 409, false;
    /// The client speaks a protocol this server no longer takes.
    UpgradeRequired = "upgrade_required", 426, false;
    /// Too many requests.
    RateLimited = "rate_limited", 429, true;
    /// Another payment for this reference is under way.
    PaymentInFlight = "payment_in_flight", 409, true;
    /// The operation that `after` names is not known here yet.
    ParentUnknown = "parent_unknown", 409, true;
    /// A file of the operation has not arrived yet.
    BlobMissing = "blob_missing", 409, true;
    /// The operator paused this action.
    Paused = "paused", 503, true;
    /// The operation it depends on ended another way.
    DependencyFailed = "dependency_failed", 409, false;
    /// It was too old to begin.
    Expired = "expired", 410, false;
    /// It was cancelled.
    Cancelled = "cancelled", 410, false;
    /// Every allowed try was made.
    AttemptsExhausted = "attempts_exhausted", 502, false;
    /// The provider refused it; the detail says why.
    ProviderRejected = "provider_rejected", 502, false;
    /// The operator must correct the adapter's settings.
    Misconfigured = "misconfigured", 502, false;
    /// The adapter cannot do this.
    Unsupported = "unsupported", 501, false;
    /// The outcome at the provider is unknown; a human is asked.
    OutcomeUnknown = "outcome_unknown", 502, false;
    /// The server failed; nothing was lost.
    Internal = "internal", 500, true;
    /// The server is stopping or not ready.
    Unavailable = "unavailable", 503, true;
    /// The device's queue is full.
    QueueFull = "queue_full", 507, true;
    /// A stored row can no longer be read (its key is gone or the file was damaged).
    Unreadable = "unreadable", 500, false;
    /// The server failed on this one operation again and again; it steps aside and is tried once a day.
    ServerError = "server_error", 500, true;
}

impl Code {
    /// The code of a word on the wire; `None` for a word of a newer server.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

/// One problem: an RFC 9457 object with `code`, `retryable` and, where they help, `field` and `retry_after_ms`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `urn:tarishi:problem:<code>`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The stable code, a word of [`Code`] or of a newer server.
    pub code: String,
    /// The HTTP status that goes with the code.
    #[serde(default)]
    pub status: u16,
    /// What happened, for a person; never holds a secret, a phone number or a payload.
    #[serde(default)]
    pub detail: String,
    /// The same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// The field at fault, as a path: `payload.to[1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// When to try again, in milliseconds from the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The provider's own code, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tarishi:problem:{}", code.as_str()),
            code: code.as_str().to_owned(),
            status: code.status(),
            detail: detail.into(),
            retryable: code.retryable(),
            field: None,
            retry_after_ms: None,
            provider_code: None,
        }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// Keeps the provider's own code.
    #[must_use]
    pub fn with_provider_code(mut self, code: impl Into<String>) -> Self {
        self.provider_code = Some(code.into());
        self
    }

    /// Is it this code?
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(field) = &self.field {
            write!(f, " ({field})")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::from_word(code.as_str()), Some(*code));
        }
    }
}
