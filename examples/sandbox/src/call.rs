//! The simulated providers, and the calls that each of them knows.

use serde::{Deserialize, Serialize};

/// A simulated provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adapter {
    /// Safaricom Daraja.
    Mpesa,
    /// Africa's Talking.
    Sms,
    /// Flutterwave.
    Flutterwave,
    /// Pesapal.
    Pesapal,
    /// Firebase Cloud Messaging and Apple's Push Notification service.
    Push,
    /// Meta's WhatsApp Cloud API.
    Whatsapp,
    /// Google Drive and its OAuth.
    GoogleDrive,
    /// Moodle's web services.
    Moodle,
}

impl Adapter {
    /// The calls this provider knows.
    pub fn calls(self) -> &'static [Call] {
        match self {
            Self::Mpesa => {
                &[Call::Token, Call::Register, Call::Charge, Call::Query, Call::Refund, Call::Status, Call::Paybill, Call::Pull]
            }
            Self::Sms => &[Call::Send, Call::Balance],
            Self::Flutterwave => &[Call::Charge, Call::Query, Call::Refund],
            Self::Pesapal => &[Call::Token, Call::Register, Call::Charge, Call::Query, Call::Refund],
            Self::Push => &[Call::Token, Call::Send],
            Self::Whatsapp => &[Call::Send],
            Self::GoogleDrive => &[
                Call::Authorize,
                Call::Token,
                Call::Revoke,
                Call::Ids,
                Call::Find,
                Call::Folder,
                Call::Open,
                Call::Status,
                Call::Chunk,
                Call::Get,
                Call::Download,
                Call::Delete,
                Call::List,
            ],
            Self::Moodle => &[Call::Query, Call::Enroll, Call::SyncGrades, Call::CreateCourse],
        }
    }
}

/// One call of a provider's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// M-Pesa, Pesapal, push, Drive: the access token.
    Token,
    /// Pesapal, M-Pesa: registration of our addresses.
    Register,
    /// Payments: a charge (M-Pesa: STK push).
    Charge,
    /// Payments: a question (M-Pesa: STK push query). Moodle: every call that only reads.
    Query,
    /// Payments: a refund (M-Pesa: reversal).
    Refund,
    /// M-Pesa: transaction status. Drive: where an upload's session stands.
    Status,
    /// M-Pesa: a payment that nobody prompted for.
    Paybill,
    /// M-Pesa: the list of payments; a `result` fault names the receipt that it leaves out.
    Pull,
    /// SMS: messages.
    Send,
    /// SMS: the account's balance.
    Balance,
    /// Drive: the consent page.
    Authorize,
    /// Drive: a token is given back.
    Revoke,
    /// Drive: ids made beforehand.
    Ids,
    /// Drive: a file or folder looked up by name.
    Find,
    /// Drive: a folder made.
    Folder,
    /// Drive: an upload's session begun.
    Open,
    /// Drive: bytes of an upload.
    Chunk,
    /// Drive: what a file is.
    Get,
    /// Drive: a file's bytes.
    Download,
    /// Drive: a file put into the trash.
    Delete,
    /// Drive: a folder's files.
    List,
    /// Moodle: an enrolment.
    Enroll,
    /// Moodle: an update of grades.
    SyncGrades,
    /// Moodle: a new course.
    CreateCourse,
}
