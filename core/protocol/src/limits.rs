//! Every limit of the wire, by name. Both sides enforce them; each has a test at its edge.

/// Operations in one batch, at most.
pub const OPERATIONS_MAX: usize = 500;
/// Cancellations in one request, at most; a device carries the rest in the next one.
pub const CANCELLATIONS_MAX: usize = 500;
/// Notification receipts in one request, at most.
pub const NOTIFICATION_RECEIPTS_MAX: usize = 500;
/// Changes in one answer, at most; the answer then says `more`.
pub const CHANGES_MAX: usize = 500;
/// Bytes of a request or answer body as it travels (compressed).
pub const ENCODED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a request or answer body once it is decompressed.
pub const DECODED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A body above this many bytes is sent compressed.
pub const GZIP_BYTES_MIN: usize = 512;
/// Bytes of one operation's payload, as JSON text.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a file carried inside a payload, after base64 is decoded; larger files travel as blobs.
pub const INLINE_FILE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an idempotency key.
pub const KEY_BYTES_MAX: usize = 200;
/// Bytes of an ordering key.
pub const ORDERING_KEY_BYTES_MAX: usize = 200;
/// Bytes of an adapter or action name, of an account id, of a notification's id.
pub const NAME_BYTES_MAX: usize = 64;
/// Blobs of one operation.
pub const BLOBS_MAX: usize = 16;
/// Seconds a request may ask to be held until there is a change.
pub const WAIT_SECS_MAX: u64 = 25;
/// Recipients of one message operation.
pub const RECIPIENTS_MAX: usize = 100;
/// Characters of a message text.
pub const MESSAGE_CHARS_MAX: usize = 4_096;
/// Characters of a reference, a description or a reason.
pub const REFERENCE_CHARS_MAX: usize = 100;
/// Bytes of a file path.
pub const PATH_BYTES_MAX: usize = 1_024;
/// Files in one answer of `list`.
pub const LIST_MAX: u32 = 1_000;
/// Grades in one `sync_grades`.
pub const GRADES_MAX: usize = 500;
/// Bytes of a push as the provider counts it (FCM, APNs: 4096), with all that belongs to it.
pub const PUSH_BYTES_MAX: usize = 4_096;
/// The longest that a push provider keeps a notification: four weeks, in seconds (FCM).
pub const PUSH_TTL_S_MAX: u32 = 2_419_200;
/// Bytes of a push's collapse key (APNs).
pub const COLLAPSE_KEY_BYTES_MAX: usize = 64;
/// How long an operation may wait unsent or unstarted when the app names no time: 7 days, in milliseconds.
pub const TTL_MS_DEFAULT: u64 = 7 * 24 * 3_600 * 1_000;
/// The longest time to live an app may ask for: 90 days, in milliseconds.
pub const TTL_MS_MAX: u64 = 90 * 24 * 3_600 * 1_000;
/// M-Pesa's least and greatest amount of one payment, in cents (Daraja, transaction limits).
pub const MPESA_MINOR_UNITS: core::ops::RangeInclusive<i64> = 100..=25_000_000;
