//! How each action ends, by category. What an adapter writes and an app reads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Money, State};

/// A payment was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChargeOutcome {
    /// The provider's receipt number; `None` with `receipt_missing` when the payment is sure but its callback was lost.
    pub receipt: Option<String>,
    /// The receipt is still being asked for.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub receipt_missing: bool,
    /// What was paid.
    pub amount: Option<Money>,
    /// When, by the provider.
    pub paid_at: Option<DateTime<Utc>>,
}

/// Where a payment stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentQueryOutcome {
    /// Its state.
    pub state: State,
    /// The provider's receipt, once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// What was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// A payment was given back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundOutcome {
    /// The provider's receipt of the refund.
    pub receipt: Option<String>,
    /// What was given back.
    pub amount: Option<Money>,
}

/// One message to one recipient.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageStatus {
    /// The recipient as asked.
    pub to: String,
    /// The provider's id; `None` when it took nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `accepted`, `sent`, `delivered`, `read`, `failed` or `rejected`.
    pub status: String,
    /// Parts the text was split into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// What it cost, as the provider said: KES 0.8000 has four decimals, so this is its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// Why it failed, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Messages were taken by the provider.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessagesOutcome {
    /// One per recipient, in the order asked.
    pub messages: Vec<MessageStatus>,
}

/// What the account holds at the provider.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BalanceOutcome {
    /// The balance.
    pub balance: Money,
}

/// A file was stored.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadOutcome {
    /// The store's id of the file.
    pub file_id: String,
    /// Where it is.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A file was fetched. Small files come inline, larger ones as a blob.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DownloadOutcome {
    /// The file's bytes in base64, up to [`crate::limits::INLINE_FILE_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// The blob to fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// One file of a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileEntry {
    /// The store's id of the file.
    pub file_id: String,
    /// Where it is.
    pub path: String,
    /// Bytes; 0 for a folder.
    pub size: u64,
    /// It is a folder.
    #[serde(default)]
    pub folder: bool,
}

/// Files of a folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListOutcome {
    /// Sorted by path.
    pub files: Vec<FileEntry>,
    /// Ask again with it for the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A user was enrolled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnrollOutcome {
    /// True once enrolled.
    pub enrolled: bool,
}

/// A grade that was not stored, and why.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkippedGrade {
    /// Whose.
    pub user: String,
    /// Why.
    pub reason: String,
}

/// Grades were pushed or pulled.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncGradesOutcome {
    /// What was stored or read.
    pub grades: Vec<crate::Grade>,
    /// What was not.
    #[serde(default)]
    pub skipped: Vec<SkippedGrade>,
}

/// Courses were read.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncCoursesOutcome {
    /// As the LMS describes them.
    pub courses: Vec<serde_json::Value>,
}

/// A course was created or found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateCourseOutcome {
    /// The LMS's id.
    pub course_id: i64,
}

/// A notification ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotifyOutcome {
    /// How.
    pub state: String,
    /// The channel that reached the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What it cost: `KES 0.80`, several currencies joined by ` + `.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// Of a notification to several: how many stand how (`succeeded`, `unconfirmed`, `exhausted`, …), `total` among them. A
    /// phone's library has no type for it: it is in the outcome's JSON.
    #[cfg(feature = "schema")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What a device may show while an operation waits: `outcome.interim`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interim {
    /// A page the payer must open.
    OpenUrl(OpenUrl),
    /// A prompt is on the payer's phone.
    PromptSent {},
}

/// A hosted page.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenUrl {
    /// Where.
    pub url: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}
