//! Collecting a payment: sent once, then asked about until Flutterwave says how it ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{Charge, Code, Interim, OpenUrl, PaymentQuery, State};

use super::super::{AdapterError, Answer, Call, Claim, Disposition, Reference, payments};
use super::{
    Desk, answers,
    answers::{Status, Submitted, Transaction},
    standing, wire,
};

/// Pages of transactions of one reference that are read.
const PAGES_MAX: u32 = 3;

/// Sends the charge.
pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, charge: &Charge) -> Result<Answer, AdapterError> {
    let tx_ref = wire::tx_ref(call.attempt_id);
    match wire::route(charge)? {
        Some(route) => {
            let body = wire::charge_body(&desk.config, charge, route, &tx_ref)?;
            let account = wire::account(&desk.config);
            // "No such transaction" is believed of the account that was asked to charge only.
            if !is_sent_by(call, &account) {
                return Ok(Answer::Looked { memo: json!({ "account": account }) });
            }
            let answer = desk.post(&format!("/v3/charges?type={}", route.kind), &body).await?;
            submitted(answers::read_charge(&answer)?, desk, &tx_ref)
        }
        None => {
            let body = wire::link_body(&desk.config, charge, &tx_ref)?;
            // Nobody holds the address of a page whose answer was lost, so nobody can pay there.
            let answer = desk.post("/v3/payments", &body).await.map_err(AdapterError::harmless)?;
            let link = answers::read_link(&answer).map_err(AdapterError::harmless)?;
            Ok(linked(call, desk, &tx_ref, link))
        }
    }
}

fn submitted(submitted: Submitted, desk: &Desk<'_>, tx_ref: &str) -> Result<Answer, AdapterError> {
    let reference = Reference::new(tx_ref).with("tx_ref", tx_ref);
    let waiting =
        |reference, poll_after, interim| Ok(Answer::Waiting { reference: Some(reference), poll_after, interim: Some(interim) });
    let Submitted::Now { transaction, redirect } = submitted else {
        return Ok(Answer::Waiting { reference: Some(reference), poll_after: Duration::ZERO, interim: None });
    };
    if transaction.tx_ref != tx_ref {
        return Err(AdapterError::new(Disposition::Ambiguous, "Flutterwave answered for another transaction"));
    }
    if transaction.status == Status::Failed {
        return Ok(standing::refused(&transaction));
    }
    let reference = reference.with("transaction_id", transaction.id.as_str()).with("flw_ref", transaction.flw_ref.clone());
    let interim = match redirect {
        Some(url) => json!(Interim::OpenUrl(OpenUrl { url, expires_at: None })),
        None => json!(Interim::PromptSent {}),
    };
    // Even "successful" is asked for once more before it counts.
    let poll_after = if transaction.status == Status::Successful { Duration::ZERO } else { desk.config.waits.polls.first() };
    waiting(reference, poll_after, interim)
}

fn linked(call: &Call<'_>, desk: &Desk<'_>, tx_ref: &str, url: String) -> Answer {
    let minutes = i64::try_from(desk.config.link_minutes).unwrap_or_default();
    let expires_at = call.now + chrono::TimeDelta::minutes(minutes);
    let reference = Reference::new(tx_ref).with("tx_ref", tx_ref).with("link_until", expires_at.to_rfc3339());
    let interim = Some(json!(Interim::OpenUrl(OpenUrl { url, expires_at: Some(expires_at) })));
    Answer::Waiting { reference: Some(reference), poll_after: desk.config.waits.polls.first(), interim }
}

/// The account whose key sends it is on record.
fn is_sent_by(call: &Call<'_>, account: &str) -> bool {
    call.memo.and_then(|memo| memo.get("account")?.as_str()) == Some(account)
}

/// Asks what became of it: first what a webhook claims, then what we know ourselves.
pub(super) async fn recover(
    call: &Call<'_>,
    desk: &Desk<'_>,
    charge: &Charge,
    known: Option<&Reference>,
) -> Result<Answer, AdapterError> {
    let own = wire::tx_ref(call.attempt_id);
    // What is known of an earlier attempt says nothing of the one under way.
    let current = known.filter(|known| known.data.get("tx_ref").and_then(Value::as_str) == Some(own.as_str()));
    let text = |name: &str| current.and_then(|known| known.data.get(name)?.as_str());
    let is_link = text("link_until").is_some() || wire::route(charge).is_ok_and(|route| route.is_none());
    // A transaction of ours is told of that has not ended: nothing is sent again meanwhile.
    let mut told = false;
    if let Some((tx_ref, id)) = known.and_then(claim) {
        match verify(desk, id).await.map_err(open)? {
            Some(found) if found.tx_ref != tx_ref => {}
            Some(found) => match found.status {
                Status::Successful => return standing::paid(&found, &charge.amount, known, &[]),
                Status::Failed if tx_ref == own && !is_link => return Ok(standing::refused(&found)),
                Status::Failed => {}
                Status::Pending | Status::Unknown => told = true,
            },
            None => told = true,
        }
    }
    let asked = Asked { call, desk, known, own: &own, told };
    if is_link {
        return recover_link(&asked, charge, text("link_until")).await;
    }
    let path = match text("transaction_id") {
        Some(id) => format!("/v3/transactions/{id}/verify"),
        None => by_reference("/v3/transactions/verify_by_reference", &own),
    };
    let found = answers::read_transaction(&desk.get(&path).await.map_err(open)?).map_err(open)?;
    match found {
        Some(found) if found.tx_ref != own => {
            Err(AdapterError::new(Disposition::Ambiguous, "Flutterwave answered for another transaction"))
        }
        Some(found) => match found.status {
            Status::Successful => standing::paid(&found, &charge.amount, known, &[]),
            Status::Failed => Ok(standing::refused(&found)),
            Status::Pending | Status::Unknown => Ok(asked.wait_for(&found)),
        },
        // A transaction whose id we were told exists, whatever is not found.
        None if text("transaction_id").is_some() => Ok(asked.wait()),
        None => missing(&asked).await,
    }
}

/// What a question is about.
struct Asked<'a, 'c> {
    call: &'a Call<'c>,
    desk: &'a Desk<'a>,
    known: Option<&'a Reference>,
    own: &'a str,
    told: bool,
}

impl Asked<'_, '_> {
    fn wait(&self) -> Answer {
        let poll_after = self.desk.config.waits.polls.after(self.call.polls);
        Answer::Waiting { reference: self.known.cloned(), poll_after, interim: None }
    }

    /// It was there once: from now on "no such transaction" is no answer.
    fn wait_for(&self, found: &Transaction) -> Answer {
        let known = self.known.cloned().unwrap_or_else(|| Reference::new(self.own));
        let known = known.with("tx_ref", self.own).with("transaction_id", found.id.as_str());
        let poll_after = self.desk.config.waits.polls.after(self.call.polls);
        Answer::Waiting { reference: Some(known), poll_after, interim: None }
    }

    /// Nothing was made, if nobody told of it, if it is late enough, and if the account asked is the one that was to charge.
    fn not_made(&self, account: Option<&str>) -> Result<Answer, AdapterError> {
        if self.told || self.call.since_attempt() < self.desk.config.waits.settle_after {
            return Ok(self.wait());
        }
        match account {
            Some(account) if self.call.memo.is_some() && !is_sent_by(self.call, account) => {
                let message = "secret_key was changed after the charge was sent: look for it in the dashboard of the old one";
                Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown))
            }
            Some(_) | None => Ok(Answer::NotFound),
        }
    }
}

/// A page may be paid more than once, and a failure there is no end: the payer may try again until it expires.
async fn recover_link(asked: &Asked<'_, '_>, charge: &Charge, until: Option<&str>) -> Result<Answer, AdapterError> {
    let Asked { call, desk, known, own, .. } = *asked;
    let found = transactions(desk, own).await.map_err(open)?;
    let mut paid: Vec<&Transaction> = found.iter().filter(|found| found.status == Status::Successful).collect();
    paid.sort_by_key(|found| (found.created_at, found.id.len(), found.id.clone()));
    if let Some((first, others)) = paid.split_first() {
        let others: Vec<String> = others.iter().map(|other| other.id.clone()).collect();
        let verified = verify(desk, &first.id).await.map_err(open)?;
        return match verified.filter(|verified| verified.tx_ref == own && verified.status == Status::Successful) {
            Some(verified) => standing::paid(&verified, &charge.amount, known, &others),
            None => Ok(asked.wait()),
        };
    }
    let until = until.and_then(|until| until.parse::<DateTime<Utc>>().ok());
    let open = asked.told || found.iter().any(|found| matches!(found.status, Status::Pending | Status::Unknown));
    match until {
        Some(until) if !open && call.now >= until + desk.config.waits.settle_after => {
            Ok(Answer::Failed { code: "expired".to_owned(), message: "nobody paid before the page expired".to_owned() })
        }
        // Nobody holds the page of a lost answer, whichever account it was made for.
        None if found.is_empty() => asked.not_made(None),
        Some(_) | None => Ok(asked.wait()),
    }
}

/// No transaction under our reference: nothing was made, if the list says so too.
async fn missing(asked: &Asked<'_, '_>) -> Result<Answer, AdapterError> {
    match transactions(asked.desk, asked.own).await.map_err(open)?.last() {
        Some(found) => Ok(asked.wait_for(found)),
        None => asked.not_made(Some(&wire::account(&asked.desk.config))),
    }
}

/// What a webhook claims: under which reference of ours, and which transaction.
fn claim(known: &Reference) -> Option<(&str, &str)> {
    let claim = known.data.get("claim")?;
    let id = claim.get("id")?.as_str().filter(|id| answers::is_id(id))?;
    Some((claim.get("tx_ref")?.as_str()?, id))
}

/// What there is to a transaction that a webhook named after its charge had ended.
pub(super) async fn confirm(desk: &Desk<'_>, told: &Claim<'_>) -> Result<Answer, AdapterError> {
    let Some((tx_ref, id)) = claim(told.reference).filter(|(_, id)| told.receipt != Some(*id)) else {
        return Ok(Answer::NotFound);
    };
    let later = Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None };
    let Some(found) = verify(desk, id).await? else { return Ok(later) };
    if found.tx_ref != tx_ref {
        return Ok(Answer::NotFound);
    }
    Ok(match found.status {
        Status::Successful => Answer::Succeeded {
            outcome: json!({ "receipt": found.id, "amount": found.amount, "paid_at": found.created_at }),
            reference: Some(Reference::new(tx_ref)),
            receipt: Some(found.id),
        },
        Status::Failed => standing::refused(&found),
        Status::Pending | Status::Unknown => later,
    })
}

/// Asks for one transaction by Flutterwave's id: what it says of it counts.
pub(super) async fn verify(desk: &Desk<'_>, id: &str) -> Result<Option<Transaction>, AdapterError> {
    answers::read_transaction(&desk.get(&format!("/v3/transactions/{id}/verify")).await?)
}

/// All transactions of one reference of ours.
async fn transactions(desk: &Desk<'_>, tx_ref: &str) -> Result<Vec<Transaction>, AdapterError> {
    let mut found = Vec::new();
    for page in 1..=PAGES_MAX {
        let path = format!("{}&page={page}", by_reference("/v3/transactions", tx_ref));
        let page = answers::read_transactions(&desk.get(&path).await?)?;
        found.extend(page.items.into_iter().filter(|found| found.tx_ref == tx_ref));
        if !page.more {
            return Ok(found);
        }
    }
    Err(AdapterError::new(Disposition::Ambiguous, "Flutterwave lists more than can be read"))
}

fn by_reference(path: &str, tx_ref: &str) -> String {
    // Letters, digits and hyphens: nothing to encode.
    format!("{path}?tx_ref={tx_ref}")
}

/// An error of a question: it never says that the charge itself was refused.
pub(super) fn open(error: AdapterError) -> AdapterError {
    match error.disposition {
        Disposition::Transient | Disposition::RateLimited => error,
        Disposition::Ambiguous
        | Disposition::Rejected
        | Disposition::Unauthorized
        | Disposition::Misconfigured
        | Disposition::Unsupported => AdapterError { disposition: Disposition::Ambiguous, ..error },
    }
}

/// `query`: where a payment or refund of ours stands. What has ended is answered from our own books.
pub(super) async fn query(call: &Call<'_>, desk: &Desk<'_>, query: &PaymentQuery) -> Result<Answer, AdapterError> {
    let (related, mut outcome) = payments::on_record(call, query)?;
    let text = |name: &str| related.reference.as_ref().and_then(|reference| reference.data.get(name)?.as_str());
    if let (false, "charge", Some(tx_ref)) = (related.state.is_ended(), related.action.as_str(), text("tx_ref")) {
        let found = match text("transaction_id") {
            Some(id) => verify(desk, id).await?,
            None => {
                let found = transactions(desk, tx_ref).await?;
                let paid = found.iter().find(|found| found.status == Status::Successful);
                paid.or(found.last()).cloned()
            }
        };
        if let Some(found) = found.filter(|found| found.tx_ref == tx_ref) {
            let is_link = text("link_until").is_some();
            outcome.state = match found.status {
                Status::Successful => State::Succeeded,
                Status::Failed if !is_link => State::Failed,
                Status::Failed | Status::Pending | Status::Unknown => related.state,
            };
            if found.status == Status::Successful {
                (outcome.receipt, outcome.amount) = (Some(found.id), found.amount);
            }
        }
    }
    Ok(Answer::Succeeded { outcome: json!(outcome), reference: None, receipt: None })
}
