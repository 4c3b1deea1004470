//! The typed payload of every action, version 1. Unknown fields are refused.

use serde::{Deserialize, Serialize};

use crate::{Money, OperationId, Phone};

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

/// `charge`: collect a payment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// How much.
    pub amount: Money,
    /// Who pays; needed for mobile money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// What it is for, in the school's books; at most one payment for it is under way.
    pub reference: String,
    /// Shown to the payer where the provider allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The payer's e-mail, for hosted pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How the payer pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethod>,
    /// Where a hosted page returns to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The mobile-money network of the phone, where the provider wants it named: [`crate::catalog::mobile_networks`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// How a payer pays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// A prompt on the payer's phone.
    MobileMoney,
    /// A hosted page.
    Link,
}

/// `query` of a payment: exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentQuery {
    /// The charge or refund, by our id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The provider's receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// `refund`: give a payment back. Exactly one of `operation_id` and `receipt`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The charge, by our id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The charge's receipt at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// How much; left out = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Why; kept in the books.
    pub reason: String,
}

/// One phone or up to [`crate::limits::RECIPIENTS_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Recipients(pub Vec<Phone>);

impl Serialize for Recipients {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Recipients {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Recipients;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a phone or a list of phones")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Recipients, E> {
                text.parse().map(|phone| Recipients(vec![phone])).map_err(E::custom)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Recipients, A::Error> {
                let mut phones = Vec::new();
                while let Some(phone) = seq.next_element()? {
                    phones.push(phone);
                }
                Ok(Recipients(phones))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `send` of `sms` and `whatsapp`: exactly one of `message` and `template`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageSend {
    /// To whom.
    pub to: Recipients,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// An approved template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The sender's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A picture or document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
}

/// An approved message template.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name at the provider.
    pub name: String,
    /// Its language, `en`, `sw`.
    pub language: String,
    /// What is filled in, in order.
    #[serde(default)]
    pub params: Vec<String>,
}

/// A picture or document by its address.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// Shown below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}

/// `send` of `push`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PushSend {
    /// A user or a device of the tenant.
    pub to: Audience,
    /// The headline.
    pub title: String,
    /// The text.
    pub body: String,
    /// For the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Map<String, serde_json::Value>>,
    /// Seconds that the provider keeps it for a phone that is off, up to [`crate::limits::PUSH_TTL_S_MAX`]; 0 = now or never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// Whether it may wake a sleeping phone; high when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PushPriority>,
    /// Of several with the same key only the newest is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<String>,
}

impl PushSend {
    /// `data` as the providers take it: every value is a text; what is none becomes its JSON.
    #[must_use]
    pub fn data_texts(&self) -> std::collections::BTreeMap<String, String> {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.data.iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

/// How urgent a push is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushPriority {
    /// It wakes a sleeping phone.
    High,
    /// It may wait until the phone wakes.
    Normal,
}

/// Whom a push or a notification is for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// An account of the tenant.
    User(String),
    /// One device.
    Device(String),
    /// A list of accounts.
    List(Vec<String>),
}

/// `query` of messages: exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MessageQuery {
    /// The `send`, by our id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The provider's id of one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// A payload without fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// `upload`: exactly one of `content_base64` and `blob`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// Where it goes, a path below the tenant's root.
    pub destination: String,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The bytes, up to [`crate::limits::INLINE_FILE_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// A blob of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

/// `download` and `delete`: exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// The store's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// The path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `list`: a folder, page by page.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListFiles {
    /// The folder; empty = the root.
    pub path: String,
    /// Files in an answer, at most [`crate::limits::LIST_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the last answer ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A user or course by one of its names.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// The field to look in: `id`, `idnumber`, `username`, `email`, `shortname`.
    pub by: String,
    /// Its value.
    pub value: String,
}

/// `enroll`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// Who.
    pub user: LookUp,
    /// In what.
    pub course: LookUp,
    /// As what; left out = student.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// From when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<chrono::DateTime<chrono::Utc>>,
    /// Until when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<chrono::DateTime<chrono::Utc>>,
    /// Suspend instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// Which way grades go.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the LMS.
    Push,
    /// From the LMS.
    Pull,
}

/// One grade. Grades are decimal text: they are compared, never computed with.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// Whose.
    pub user: String,
    /// The grade.
    pub grade: String,
}

/// `sync_grades`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SyncGrades {
    /// Which way.
    pub direction: Direction,
    /// Of what course.
    pub course: LookUp,
    /// Of what item; left out = the course total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What is pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grades: Option<Vec<Grade>>,
}

/// `sync_courses`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SyncCourses {
    /// Of what category; left out = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// `create_course`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCourse {
    /// The school's own number; unique.
    pub idnumber: String,
    /// The name.
    pub fullname: String,
    /// The short name; unique.
    pub shortname: String,
    /// Where it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// `notify`: reach a person on the best channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The kind of notification; chooses texts and route.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom.
    pub to: Audience,
    /// What the texts are filled with.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Equal ones in a short time are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<String>,
}
