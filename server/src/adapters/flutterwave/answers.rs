//! How Flutterwave's answers are read. Pure. Amounts are texts, never floats; only what its page names is a refusal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tarishi_protocol::Money;

use super::super::{AdapterError, Disposition, http::HttpAnswer};

/// Characters of a provider's text that is shown.
const SAID_CHARS_MAX: usize = 160;
/// Items of a page that is taken for the only one when nothing is said of pages.
const PAGE_ITEMS: usize = 10;

/// What every answer is wrapped in. `status` speaks of the call, never of money.
#[derive(Deserialize)]
pub(super) struct Envelope {
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    meta: Option<Value>,
}

impl Envelope {
    pub(super) fn read(answer: &HttpAnswer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    pub(super) fn is_success(&self) -> bool {
        self.status == "success"
    }

    pub(super) fn data<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        serde_json::from_str(self.data.as_ref()?.get()).ok()
    }

    fn says(&self, word: &str) -> bool {
        self.message.as_deref().is_some_and(|message| message.to_ascii_lowercase().contains(word))
    }

    /// The page a payer must open, which some networks want.
    fn redirect(&self) -> Option<String> {
        let authorization = self.meta.as_ref()?.get("authorization")?;
        let url = authorization.get("redirect")?.as_str().filter(|_| authorization["mode"] == "redirect")?;
        page(url)
    }

    /// The list goes on after this page, or may.
    pub(super) fn goes_on(&self, items: usize) -> bool {
        let info = self.meta.as_ref().and_then(|meta| meta.get("page_info"));
        let number = |name: &str| info.and_then(|info| info.get(name)?.as_u64());
        match (number("current_page"), number("total_pages")) {
            (Some(current), Some(total)) => current < total,
            _ => items >= PAGE_ITEMS,
        }
    }
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    Successful,
    Pending,
    Failed,
    Unknown,
}

impl Status {
    fn read(text: &str) -> Self {
        match text {
            "successful" => Self::Successful,
            "pending" => Self::Pending,
            "failed" => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// A transaction as Flutterwave tells it.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// Digits.
    pub(super) id: String,
    pub(super) tx_ref: String,
    pub(super) flw_ref: Option<String>,
    pub(super) amount: Option<Money>,
    pub(super) status: Status,
    pub(super) said: String,
    pub(super) created_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
pub(super) struct RawTransaction {
    id: Box<RawValue>,
    tx_ref: String,
    #[serde(default)]
    flw_ref: Option<String>,
    #[serde(default)]
    amount: Option<Box<RawValue>>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    processor_response: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
}

impl RawTransaction {
    pub(super) fn read(self) -> Option<Transaction> {
        Some(Transaction {
            id: digits(&self.id)?,
            tx_ref: self.tx_ref,
            flw_ref: self.flw_ref,
            amount: self.amount.zip(self.currency).and_then(|(amount, currency)| money(&amount, &currency)),
            status: Status::read(self.status.as_deref().unwrap_or_default()),
            said: clean(self.processor_response.as_deref().unwrap_or_default()),
            created_at: self.created_at.and_then(|at| at.parse().ok()),
        })
    }
}

/// Reads the answer to a mobile-money charge: the transaction and the page to open, if any.
pub(super) fn read_charge(answer: &HttpAnswer) -> Result<Submitted, AdapterError> {
    let envelope = Envelope::read(answer);
    if let Some(envelope) = envelope.as_ref().filter(|envelope| answer.status == 400 && !envelope.is_success()) {
        let used = ["used", "exist", "duplicate"].iter().any(|word| envelope.says(word));
        if envelope.says("reference") && used {
            return Ok(Submitted::Before);
        }
    }
    let envelope = accepted(answer, envelope)?;
    let transaction = envelope.data::<RawTransaction>().and_then(RawTransaction::read);
    let transaction = transaction.ok_or_else(|| ambiguous("Flutterwave accepted without naming the transaction"))?;
    Ok(Submitted::Now { transaction, redirect: envelope.redirect() })
}

/// What became of a submit.
#[derive(Debug)]
pub(super) enum Submitted {
    /// There is a transaction.
    Now { transaction: Transaction, redirect: Option<String> },
    /// An earlier submit under this reference is there already.
    Before,
}

/// Reads the answer to a request for a payment page: its address.
pub(super) fn read_link(answer: &HttpAnswer) -> Result<String, AdapterError> {
    #[derive(Deserialize)]
    struct Data {
        link: String,
    }
    let envelope = accepted(answer, Envelope::read(answer))?;
    let link = envelope.data::<Data>().and_then(|data| page(&data.link));
    link.ok_or_else(|| ambiguous("Flutterwave gave no payment page"))
}

/// Reads one transaction; `None`: Flutterwave knows none (or none yet, or not with these keys).
pub(super) fn read_transaction(answer: &HttpAnswer) -> Result<Option<Transaction>, AdapterError> {
    let envelope = Envelope::read(answer);
    let missing = |envelope: &Envelope| !envelope.is_success() && envelope.says("no transaction was found");
    if matches!(answer.status, 400 | 404) && envelope.as_ref().is_some_and(missing) {
        return Ok(None);
    }
    let envelope = accepted(answer, envelope)?;
    let transaction = envelope.data::<RawTransaction>().and_then(RawTransaction::read);
    transaction.map(Some).ok_or_else(|| ambiguous("Flutterwave's answer cannot be read"))
}

/// One page of a list, and whether there are more.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) more: bool,
}

/// Reads a page of transactions. One that cannot be read makes the whole page unreadable: nothing may be overlooked.
pub(super) fn read_transactions(answer: &HttpAnswer) -> Result<Page<Transaction>, AdapterError> {
    let envelope = accepted(answer, Envelope::read(answer))?;
    let raw = envelope.data::<Vec<RawTransaction>>();
    let items: Option<Vec<_>> = raw.and_then(|raw| raw.into_iter().map(RawTransaction::read).collect());
    let items = items.ok_or_else(|| ambiguous("Flutterwave's list cannot be read"))?;
    Ok(Page { more: envelope.goes_on(items.len()), items })
}

/// The envelope of a call that Flutterwave took, or why it did not. Only what its page names is a refusal.
pub(super) fn accepted(answer: &HttpAnswer, envelope: Option<Envelope>) -> Result<Envelope, AdapterError> {
    let said = envelope.as_ref().and_then(|envelope| envelope.message.as_deref()).map(clean).unwrap_or_default();
    let error = |disposition, message: String| {
        let error = AdapterError::new(disposition, message).with_code(answer.status.to_string());
        match answer.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    };
    match (answer.status, envelope) {
        (200..=299, Some(envelope)) if envelope.is_success() => Ok(envelope),
        (401, _) => Err(error(Disposition::Misconfigured, "Flutterwave does not know secret_key".to_owned())),
        (403, _) => Err(error(Disposition::Misconfigured, format!("Flutterwave does not allow this: {said}"))),
        (429, _) => {
            let error = error(Disposition::RateLimited, "too many calls to Flutterwave".to_owned());
            Err(AdapterError { retry_after: error.retry_after.or(Some(Duration::from_secs(5))), ..error })
        }
        (400, Some(envelope)) if !envelope.is_success() => {
            // The operator can mend it by putting money in.
            let poor = envelope.says("insufficient");
            let disposition = if poor { Disposition::Misconfigured } else { Disposition::Rejected };
            Err(error(disposition, format!("Flutterwave refused: {said}")))
        }
        (status, _) => Err(error(Disposition::Ambiguous, format!("Flutterwave's answer says nothing (HTTP {status})"))),
    }
}

/// A text of the provider for a person: short, and without what may be a phone or an account.
pub(super) fn clean(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_whitespace() {
        let private = word.contains('@') || word.bytes().filter(u8::is_ascii_digit).count() >= 6;
        shown.push_str(if private { "…" } else { word });
        shown.push(' ');
    }
    shown.trim_end().chars().take(SAID_CHARS_MAX).collect()
}

/// An address that a payer may be sent to.
fn page(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then(|| text.to_owned())
}

/// A JSON number or text as money: `1250`, `1250.5`, `"1250.00"`.
pub(super) fn money(raw: &RawValue, currency: &str) -> Option<Money> {
    let text = raw.get().trim_matches('"');
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Money::parse(text, currency).ok()
}

/// A numeric id, as number or text.
pub(super) fn digits(raw: &RawValue) -> Option<String> {
    let text = raw.get().trim_matches('"');
    is_id(text).then(|| text.to_owned())
}

/// Is it a numeric id of Flutterwave, as it writes it? `07` would be another name for 7.
pub(super) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn ambiguous(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Ambiguous, message)
}
