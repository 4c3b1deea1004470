//! What the server remembers, and the answer that follows from it and a step.

use std::collections::HashMap;

use serde_json::Value;
use tarishi_protocol::{
    Change, Limits, Operation, OperationId, Origin, Problem, Receipt, ReceiptStatus, State, SyncRequest, SyncResponse, limits,
};

use super::step::{ChangeSaid, Step};
use crate::transport::memory::friendly;

/// What it knows of its device.
#[derive(Default)]
pub(super) struct Memory {
    /// Where each operation stands that it accepted.
    known: HashMap<OperationId, Stand>,
    /// Keys by id and ids by key, of everything that it ever met.
    keys: HashMap<OperationId, String>,
    ids: HashMap<String, OperationId>,
    feed: Vec<Change>,
    limits: Limits,
}

#[derive(Clone, Default)]
struct Stand {
    state: Option<State>,
    outcome: Option<Value>,
    problem: Option<Problem>,
}

impl Memory {
    /// Learns the names of what is in a request.
    pub(super) fn meet(&mut self, request: &SyncRequest<Operation>) {
        for operation in &request.operations {
            self.keys.insert(operation.id, operation.idempotency_key.clone());
            self.ids.insert(operation.idempotency_key.clone(), operation.id);
        }
    }

    /// The key of an operation, or its id if it never came here.
    pub(super) fn key(&self, id: OperationId) -> String {
        self.keys.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The answer. An error is a mistake in the script.
    pub(super) fn respond(&mut self, request: &SyncRequest<Operation>, step: Step) -> Result<SyncResponse, String> {
        if step.reset {
            self.known.clear();
            self.feed.clear();
        }
        if let Some(limits) = step.limits {
            self.limits = limits.whole();
        }
        let mut response = friendly(request);
        for (receipt, operation) in response.receipts.iter_mut().zip(&request.operations) {
            let said = step.receipts.iter().find(|said| said.key == "*" || said.key == operation.idempotency_key);
            match said {
                Some(said) => {
                    receipt.status = said.status;
                    receipt.state = said.state;
                    receipt.outcome.clone_from(&said.outcome);
                    receipt.problem = said.problem.clone().map(super::step::ProblemSaid::whole);
                    receipt.retry_after_ms = said.retry_after_ms;
                }
                None => {
                    if let Some(stand) = self.known.get(&operation.id) {
                        receipt.status = ReceiptStatus::Duplicate;
                        receipt.state = stand.state;
                        receipt.outcome.clone_from(&stand.outcome);
                        receipt.problem.clone_from(&stand.problem);
                    }
                }
            }
            self.keep(receipt);
        }
        for answer in &mut response.cancellations {
            let key = self.key(answer.id);
            let said = step.cancellations.iter().find(|said| said.key == "*" || said.key == key);
            if let Some(said) = said {
                answer.result = said.result;
            }
            if answer.result == tarishi_protocol::CancellationResult::Cancelled {
                self.known.entry(answer.id).or_default().state = Some(State::Cancelled);
            }
        }
        for said in step.changes {
            self.tell(request, said)?;
        }
        self.feed_into(&mut response, request);
        response.reset = step.reset;
        response.more |= step.more;
        response.limits = self.limits.clone();
        response.retry_after_secs = step.retry_after_secs;
        response.token = step.token;
        response.server_time = step.server_time.unwrap_or(request.sent_at);
        Ok(response)
    }

    fn keep(&mut self, receipt: &Receipt) {
        match receipt.status {
            ReceiptStatus::Accepted | ReceiptStatus::Duplicate => {
                let stand = self.known.entry(receipt.id).or_default();
                stand.state = receipt.state.or(stand.state);
                stand.outcome = receipt.outcome.clone().or(stand.outcome.take());
                stand.problem = receipt.problem.clone().or(stand.problem.take());
            }
            ReceiptStatus::Refused | ReceiptStatus::Later => {}
        }
    }

    /// Puts one piece of news into the feed.
    fn tell(&mut self, request: &SyncRequest<Operation>, said: ChangeSaid) -> Result<(), String> {
        let problem = said.problem.map(super::step::ProblemSaid::whole);
        let made = said.adapter.is_some() || said.action.is_some();
        let ids = match (said.key.as_deref(), said.id) {
            (Some("*"), None) => request.operations.iter().map(|operation| operation.id).collect(),
            (Some(key), None) => vec![*self.ids.get(key).ok_or_else(|| format!("no operation with the key {key} came here"))?],
            (None, Some(id)) => vec![id],
            (None, None) if made => vec![OperationId::generate()],
            (Some(_), Some(_)) => return Err("a change names a key or an id, not both".to_owned()),
            (None, None) => return Err("a change names a key, an id, or an adapter and an action".to_owned()),
        };
        for id in ids {
            let stand = Stand { state: Some(said.state), outcome: said.outcome.clone(), problem: problem.clone() };
            let of_device = self.keys.contains_key(&id);
            self.known.insert(id, stand);
            self.feed.push(Change {
                seq: u64::try_from(self.feed.len()).unwrap_or(u64::MAX).saturating_add(1),
                id,
                origin: if of_device { Origin::Device } else { Origin::Server },
                state: said.state,
                outcome: said.outcome.clone(),
                problem: problem.clone(),
                at: request.sent_at,
                adapter: said.adapter.clone(),
                action: said.action.clone(),
            });
        }
        Ok(())
    }

    /// What is behind the device's cursor. A cursor is a place in the feed, in decimal.
    fn feed_into(&self, response: &mut SyncResponse, request: &SyncRequest<Operation>) {
        let from = request.cursor.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0_usize).min(self.feed.len());
        let new = self.feed.get(from..).unwrap_or_default();
        response.changes = new.iter().take(limits::CHANGES_MAX).cloned().collect();
        response.more = new.len() > limits::CHANGES_MAX;
        response.cursor = Some((from + response.changes.len()).to_string());
    }
}
