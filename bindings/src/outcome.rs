//! Outcomes with types: what an action led to, so that apps need no JSON.

use serde::de::DeserializeOwned;
use tarishi_protocol::{
    BalanceOutcome, ChargeOutcome, CreateCourseOutcome, DownloadOutcome, EnrollOutcome, Interim, ListOutcome, MessagesOutcome,
    NotifyOutcome, PaymentQueryOutcome, RefundOutcome, SyncCoursesOutcome, SyncGradesOutcome, UploadOutcome,
    catalog::{Category, category},
};

use crate::values::Instant;

/// An amount, as text: money is never a float.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Money {
    /// In decimal: `1000.00`.
    pub amount: String,
    /// ISO 4217: `KES`.
    pub currency: String,
}

impl From<tarishi_protocol::Money> for Money {
    fn from(money: tarishi_protocol::Money) -> Self {
        Self { amount: money.amount(), currency: money.currency().to_owned() }
    }
}

/// One message to one recipient.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct MessageStatus {
    /// The recipient.
    pub to: String,
    /// The provider's id; absent when it took nothing.
    pub id: Option<String>,
    /// `accepted`, `sent`, `delivered`, `read`, `failed` or `rejected`.
    pub status: String,
    /// Parts the text was split into.
    pub parts: Option<u32>,
    /// What it cost, in the provider's words.
    pub cost: Option<String>,
    /// Why it failed, in the provider's words.
    pub reason: Option<String>,
}

/// One file or folder.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct FileEntry {
    /// The store's id of it.
    pub file_id: String,
    /// Where it is.
    pub path: String,
    /// Bytes; 0 for a folder.
    pub size: u64,
    /// It is a folder.
    pub folder: bool,
}

/// One grade; decimal text.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct GradeEntry {
    /// Whose.
    pub user: String,
    /// The grade.
    pub grade: String,
}

/// A grade that was not stored.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct SkippedGrade {
    /// Whose.
    pub user: String,
    /// Why not.
    pub reason: String,
}

/// What an operation led to, or, while it waits, what there is to do meanwhile.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum Outcome {
    /// `charge`: the payment was made.
    Charged {
        /// The provider's receipt number.
        receipt: Option<String>,
        /// The payment is sure, its receipt is still being asked for.
        receipt_missing: bool,
        /// What was paid.
        amount: Option<Money>,
        /// When, by the provider.
        paid_at: Option<Instant>,
    },
    /// `query` of a payment.
    PaymentState {
        /// Where it stands.
        state: String,
        /// The provider's receipt number, once paid.
        receipt: Option<String>,
        /// What was paid.
        amount: Option<Money>,
    },
    /// `refund`: the payment was given back.
    Refunded {
        /// The provider's receipt number of the refund.
        receipt: Option<String>,
        /// What was given back.
        amount: Option<Money>,
    },
    /// `send` and `query` of messages.
    Messages {
        /// One per recipient, in the order asked.
        messages: Vec<MessageStatus>,
    },
    /// `balance`.
    Balance {
        /// What the account holds.
        balance: Money,
    },
    /// `upload`: the file was stored.
    Uploaded {
        /// The store's id of it.
        file_id: String,
        /// Where it is.
        path: String,
        /// Bytes.
        size: u64,
        /// SHA-256 in hex.
        sha256: String,
    },
    /// `download`: a small file comes with its content, a larger one as a blob.
    Downloaded {
        /// The content in base64.
        content_base64: Option<String>,
        /// The blob to fetch.
        blob: Option<String>,
        /// Bytes.
        size: u64,
        /// SHA-256 in hex.
        sha256: String,
    },
    /// `list`.
    Files {
        /// Sorted by path.
        files: Vec<FileEntry>,
        /// Ask again with it for the rest.
        cursor: Option<String>,
    },
    /// `delete`: the file is gone.
    Deleted,
    /// `enroll`: done.
    Enrolled,
    /// `sync_grades`.
    Grades {
        /// What was stored or read.
        grades: Vec<GradeEntry>,
        /// What was not.
        skipped: Vec<SkippedGrade>,
    },
    /// `sync_courses`.
    Courses {
        /// As the learning management system describes them, a JSON array.
        courses: String,
    },
    /// `create_course`: created or found.
    CourseCreated {
        /// The learning management system's id.
        course_id: i64,
    },
    /// `notify`.
    Notified {
        /// How it ended.
        state: String,
        /// The channel that reached the person.
        channel: Option<String>,
        /// What it cost, in the providers' words.
        cost: Option<String>,
    },
    /// Meanwhile: the payer must open this page.
    OpenUrl {
        /// Where.
        url: String,
        /// Until when.
        expires_at: Option<Instant>,
    },
    /// Meanwhile: a prompt is on the payer's phone.
    PromptSent,
    /// Something that this version has no type for.
    Other {
        /// As it came.
        json: String,
    },
}

/// Reads an operation's outcome. Never fails: what it cannot read is [`Outcome::Other`].
#[uniffi::export]
#[must_use]
pub fn read_outcome(adapter: &str, action: &str, outcome: &str) -> Outcome {
    read(adapter, action, outcome).unwrap_or_else(|| Outcome::Other { json: outcome.to_owned() })
}

#[derive(serde::Deserialize)]
struct Meanwhile {
    interim: Interim,
}

fn read(adapter: &str, action: &str, text: &str) -> Option<Outcome> {
    fn of<T: DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }
    if let Some(Meanwhile { interim }) = of(text) {
        return Some(match interim {
            Interim::OpenUrl(page) => Outcome::OpenUrl { url: page.url, expires_at: page.expires_at },
            Interim::PromptSent {} => Outcome::PromptSent,
        });
    }
    Some(match (category(adapter)?, action) {
        (Category::Payment, "charge") => {
            let ChargeOutcome { receipt, receipt_missing, amount, paid_at } = of(text)?;
            Outcome::Charged { receipt, receipt_missing, amount: amount.map(Money::from), paid_at }
        }
        (Category::Payment, "query") => {
            let PaymentQueryOutcome { state, receipt, amount } = of(text)?;
            Outcome::PaymentState { state: state.as_str().to_owned(), receipt, amount: amount.map(Money::from) }
        }
        (Category::Payment, "refund") => {
            let RefundOutcome { receipt, amount } = of(text)?;
            Outcome::Refunded { receipt, amount: amount.map(Money::from) }
        }
        (Category::Messaging | Category::Push, "send" | "query") => messages(of(text)?),
        (Category::Messaging, "balance") => Outcome::Balance { balance: of::<BalanceOutcome>(text)?.balance.into() },
        (Category::Storage, "upload") => {
            let UploadOutcome { file_id, path, size, sha256 } = of(text)?;
            Outcome::Uploaded { file_id, path, size, sha256 }
        }
        (Category::Storage, "download") => {
            let DownloadOutcome { content_base64, blob, size, sha256 } = of(text)?;
            Outcome::Downloaded { content_base64, blob, size, sha256 }
        }
        (Category::Storage, "list") => files(of(text)?),
        (Category::Storage, "delete") => of::<serde_json::Value>(text).map(|_| Outcome::Deleted)?,
        (Category::Lms, "enroll") => of::<EnrollOutcome>(text).filter(|outcome| outcome.enrolled).map(|_| Outcome::Enrolled)?,
        (Category::Lms, "sync_grades") => grades(of(text)?),
        (Category::Lms, "sync_courses") => {
            let SyncCoursesOutcome { courses } = of(text)?;
            Outcome::Courses { courses: serde_json::Value::from(courses).to_string() }
        }
        (Category::Lms, "create_course") => Outcome::CourseCreated { course_id: of::<CreateCourseOutcome>(text)?.course_id },
        (Category::Notification, "notify") => {
            let NotifyOutcome { state, channel, cost, .. } = of(text)?;
            Outcome::Notified { state, channel, cost }
        }
        (
            Category::Payment
            | Category::Messaging
            | Category::Push
            | Category::Storage
            | Category::Lms
            | Category::Notification,
            _,
        ) => return None,
    })
}

fn messages(outcome: MessagesOutcome) -> Outcome {
    let one = |status: tarishi_protocol::MessageStatus| {
        let tarishi_protocol::MessageStatus { to, id, status, parts, cost, reason } = status;
        MessageStatus { to, id, status, parts, cost, reason }
    };
    Outcome::Messages { messages: outcome.messages.into_iter().map(one).collect() }
}

fn files(outcome: ListOutcome) -> Outcome {
    let one = |entry: tarishi_protocol::FileEntry| {
        let tarishi_protocol::FileEntry { file_id, path, size, folder } = entry;
        FileEntry { file_id, path, size, folder }
    };
    Outcome::Files { files: outcome.files.into_iter().map(one).collect(), cursor: outcome.cursor }
}

fn grades(outcome: SyncGradesOutcome) -> Outcome {
    let SyncGradesOutcome { grades, skipped } = outcome;
    let grades = grades.into_iter().map(|tarishi_protocol::Grade { user, grade }| GradeEntry { user, grade }).collect();
    let skipped = skipped.into_iter();
    let skipped = skipped.map(|tarishi_protocol::SkippedGrade { user, reason }| SkippedGrade { user, reason }).collect();
    Outcome::Grades { grades, skipped }
}

#[cfg(test)]
mod tests {
    use tarishi_protocol::catalog::{ADAPTERS, actions};

    use super::*;

    /// A full outcome of each action.
    fn example(action: &str, category: Category) -> &'static str {
        match (category, action) {
            (_, "charge") => {
                r#"{"receipt":"QK1","amount":{"amount":"1000.00","currency":"KES"},"paid_at":"2026-03-01T08:00:00Z"}"#
            }
            (Category::Payment, "query") => r#"{"state":"succeeded","receipt":"QK1"}"#,
            (_, "refund") => r#"{"receipt":"QR1","amount":null}"#,
            (_, "send" | "query") => r#"{"messages":[{"to":"+254711222333","id":"m1","status":"delivered","parts":1}]}"#,
            (_, "balance") => r#"{"balance":{"amount":"12.50","currency":"KES"}}"#,
            (_, "upload") => r#"{"file_id":"f","path":"a/b","size":3,"sha256":"00"}"#,
            (_, "download") => r#"{"content_base64":"QQ==","size":1,"sha256":"00"}"#,
            (_, "list") => r#"{"files":[{"file_id":"f","path":"a","size":0,"folder":true}],"cursor":"c"}"#,
            (_, "delete") => "{}",
            (_, "enroll") => r#"{"enrolled":true}"#,
            (_, "sync_grades") => r#"{"grades":[{"user":"u","grade":"7.5"}],"skipped":[{"user":"v","reason":"none"}]}"#,
            (_, "sync_courses") => r#"{"courses":[{"id":1}]}"#,
            (_, "create_course") => r#"{"course_id":7}"#,
            (_, "notify") => r#"{"state":"delivered","channel":"sms"}"#,
            (_, other) => panic!("no example of {other}"),
        }
    }

    #[test]
    fn the_outcome_of_every_action_has_a_type() {
        for (adapter, category) in ADAPTERS {
            for action in actions(adapter) {
                let outcome = read_outcome(adapter, action, example(action, category));
                assert!(!matches!(outcome, Outcome::Other { .. }), "{adapter}.{action}: {outcome:?}");
            }
        }
    }

    #[test]
    fn a_page_to_open_is_an_outcome_meanwhile() {
        let text = r#"{"interim":{"open_url":{"url":"https://pay.example.org/1","expires_at":"2026-03-01T08:00:00Z"}}}"#;
        let Outcome::OpenUrl { url, expires_at } = read_outcome("pesapal", "charge", text) else { panic!() };
        assert_eq!((url.as_str(), expires_at.is_some()), ("https://pay.example.org/1", true));
        assert_eq!(read_outcome("mpesa", "charge", r#"{"interim":{"prompt_sent":{}}}"#), Outcome::PromptSent);
    }

    #[test]
    fn what_has_no_type_is_handed_over_as_it_came() {
        for (adapter, action, text) in [("tides", "ask", r#"{"high":true}"#), ("mpesa", "charge", "[]"), ("sms", "send", "{")] {
            assert_eq!(read_outcome(adapter, action, text), Outcome::Other { json: text.to_owned() });
        }
    }
}
