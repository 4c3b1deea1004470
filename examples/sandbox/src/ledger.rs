//! What really happened, in order: every effect a provider carried out, once per row.
//!
//! With a file each row is appended as one JSON line before the provider answers, and read back at start, so a sandbox
//! may be killed and started again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::fault::Adapter;

/// The kind of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A payer's money reached the organisation.
    MoneyIn,
    /// The organisation's money went out.
    MoneyOut,
    /// A message was accepted for a person.
    Message,
    /// A file was stored.
    File,
    /// A file was removed.
    Deleted,
    /// A person was put into a course.
    Enrolment,
    /// A course was made.
    Course,
    /// A grade was written.
    Grade,
    /// A message that a phone may show was taken back.
    Retraction,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it happened, RFC 3339.
    pub at: String,
    /// The provider that carried it out.
    pub adapter: Adapter,
    /// Its kind.
    pub effect: Effect,
    /// Who paid, was paid or was written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Money, decimal with two places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// ISO code of `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// SHA-256 of the message's text, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_sha256: Option<String>,
    /// Where a file lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The provider's own id: M-Pesa receipt, message id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// What it answers to: the `CheckoutRequestID` of money in, the reversed receipt of money out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl LedgerEntry {
    pub(crate) fn new(adapter: Adapter, effect: Effect) -> Self {
        Self {
            seq: 0,
            at: String::new(),
            adapter,
            effect,
            to: None,
            amount: None,
            currency: None,
            text_sha256: None,
            path: None,
            provider_id: None,
            request_id: None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Ledger {
    entries: Vec<LedgerEntry>,
    last_seq: u64,
    file: Option<File>,
}

impl Ledger {
    /// Reads what a former run wrote. A last line without its end was never answered for and is dropped.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let text = io::read_to_string(&mut file)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        let entries: Vec<LedgerEntry> = text[..whole].lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let last_seq = entries.last().map_or(0, |entry| entry.seq);
        Ok(Self { entries, last_seq, file: Some(file) })
    }

    pub(crate) fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    pub(crate) fn push(&mut self, mut entry: LedgerEntry) {
        self.last_seq += 1;
        entry.seq = self.last_seq;
        entry.at = clock::stamp(clock::now());
        if let Err(error) = self.append(&entry) {
            tracing::error!(%error, "the ledger's file is not writable");
        }
        self.entries.push(entry);
    }

    /// Forgets all rows; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        if let Some(Err(error)) = self.file.as_ref().map(|file| file.set_len(0)) {
            tracing::error!(%error, "the ledger's file cannot be emptied");
        }
    }

    /// Forgets all rows and starts again at 1.
    pub(crate) fn reset(&mut self) {
        self.clear();
        self.last_seq = 0;
    }

    fn append(&mut self, entry: &LedgerEntry) -> io::Result<()> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}
