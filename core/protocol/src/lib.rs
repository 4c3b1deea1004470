//! What Tarishi's device and server say to each other.
//!
//! Both sides depend on this crate and on nothing of each other. It holds the wire types of `POST /api/v2/sync`, the typed
//! payloads and outcomes of every action, the checks that both sides run, the fingerprint, the gzip codec and every limit.
//! No I/O, no async, no clock.

pub mod catalog;
pub mod codec;
pub mod fingerprint;
mod id;
pub mod limits;
mod money;
mod operation;
mod outcome;
mod payload;
mod phone;
mod problem;
#[cfg(feature = "schema")]
pub mod schema;
mod state;
mod sync;
mod validate;

pub use fingerprint::Fingerprint;
pub use id::OperationId;
pub use money::{Money, MoneyError};
pub use operation::{After, AfterOn, BlobRef, OnFailure, Operation};
pub use outcome::{
    BalanceOutcome, ChargeOutcome, CreateCourseOutcome, DownloadOutcome, EnrollOutcome, FileEntry, Interim, ListOutcome,
    MessageStatus, MessagesOutcome, NotifyOutcome, OpenUrl, PaymentQueryOutcome, RefundOutcome, SkippedGrade,
    SyncCoursesOutcome, SyncGradesOutcome, UploadOutcome,
};
pub use payload::{
    Audience, Charge, CreateCourse, Direction, Empty, Enroll, FileRef, Grade, ListFiles, Listed, LookUp, Media, MessageQuery,
    MessageSend, Notify, NotifyTo, Payload, PaymentMethod, PaymentQuery, PushPriority, PushSend, Recipients, Refund,
    SyncCourses, SyncGrades, Template, Upload,
};
pub use phone::{Phone, PhoneError};
pub use problem::{Code, Problem};
pub use state::State;
pub use sync::{
    Cancellation, CancellationResult, Change, Limits, NotificationEvent, NotificationReceipt, Origin, Receipt, ReceiptStatus,
    SyncRequest, SyncResponse,
};
pub use validate::{check_envelope, check_key, check_notification_id, check_ordering_key, check_payload, known_path};

/// The version of the wire that this crate speaks, the request's `protocol` field.
pub const PROTOCOL: u32 = 1;
