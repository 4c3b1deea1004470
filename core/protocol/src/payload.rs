//! The typed payload of every action, version 1. Unknown fields are refused.

use serde::{Deserialize, Serialize};

mod files;
mod lms;
mod messages;
mod payments;
mod push;

pub use files::*;
pub use lms::*;
pub use messages::*;
pub use payments::*;
pub use push::*;

/// A payload whose type is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// Collect a payment.
    Charge(Charge),
    /// Ask about a payment.
    PaymentQuery(PaymentQuery),
    /// Give a payment back.
    Refund(Refund),
    /// Send a text.
    MessageSend(MessageSend),
    /// Send a push notification.
    PushSend(PushSend),
    /// Ask about messages.
    MessageQuery(MessageQuery),
    /// Ask for the balance.
    Balance(Empty),
    /// Store a file.
    Upload(Upload),
    /// Fetch a file.
    Download(FileRef),
    /// Delete a file.
    Delete(FileRef),
    /// List a folder.
    List(ListFiles),
    /// Enrol a user in a course.
    Enroll(Enroll),
    /// Exchange grades.
    SyncGrades(SyncGrades),
    /// Read courses.
    SyncCourses(SyncCourses),
    /// Create a course.
    CreateCourse(CreateCourse),
    /// Notify a person on the best channel.
    Notify(Notify),
    /// An adapter this crate does not know: free JSON.
    Free(serde_json::Value),
}

/// A payload without fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Empty {}
