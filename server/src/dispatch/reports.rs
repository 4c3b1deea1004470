//! Delivery reports of messages whose own call got no answer: what they say of that call. A report never makes a message be
//! sent; it can only say that one was.

use tarishi_protocol::{MessageStatus, MessagesOutcome, Payload, State, check_payload};

use crate::{
    App,
    adapters::{Answer, MessageNews, News, Reference},
    store::{self, Evidence, OperationRow, WebhookEventRow},
};

/// In a reference: the call's answer was lost, and a report said that it was taken.
pub const ADOPTED: &str = "adopted";

/// A delivery report of the very call whose answer was lost: what its adapter makes of it.
pub(super) fn reported(app: &App, event: &WebhookEventRow, row: &OperationRow, news: &MessageNews) -> Option<Answer> {
    let lost = matches!(row.state, State::Waiting | State::Unresolved) && row.reference.is_none();
    if !lost || event.attempt.is_none() || event.attempt != row.attempt_id {
        return None;
    }
    let adapter = app.adapters.get(row.adapter.as_str())?;
    let payload = check_payload(&row.adapter, &row.action, row.version, &row.payload).ok()?;
    let answer = adapter.reported(&payload, row.memo.as_ref(), news)?;
    // Steps still to come are made by the dispatcher; what a human was asked about, a human lets go on.
    (row.state == State::Waiting || !matches!(answer, Answer::Next { .. })).then_some(answer)
}

/// A delivery report whose id we never learnt: of the one message of unknown outcome to that recipient. The call was taken; of
/// its other recipients nothing is known until their own reports come.
pub(super) async fn adopt(app: &App, event: &WebhookEventRow) -> store::Result<Option<(OperationRow, Evidence)>> {
    let (Some(correlation), News::Message(news)) = (&event.correlation, &event.news) else { return Ok(None) };
    let found = app.store.ambiguous_by_correlation(&event.tenant, &event.adapter, correlation).await?;
    // A report older than the call cannot be about it.
    let after_call = |row: &OperationRow| row.first_opened_at.is_some_and(|opened| event.received_at >= opened);
    let Some(row) = found.filter(after_call) else {
        let adopted = app.store.adopted_by_correlation(&event.tenant, &event.adapter, correlation).await?;
        return Ok(adopted.filter(after_call).map(|row| (row, Evidence::Message(news.clone()))));
    };
    let to = match check_payload(&row.adapter, &row.action, row.version, &row.payload) {
        Ok(Payload::MessageSend(send)) => send.to.0.iter().map(|to| to.as_str().to_owned()).collect(),
        Ok(_) | Err(_) => vec![correlation.clone()],
    };
    let messages = to.into_iter().map(|to| report_to(to, correlation, news)).collect();
    let outcome =
        serde_json::to_value(MessagesOutcome { messages }).map_err(|error| store::Error::Damaged(error.to_string()))?;
    let ranks = serde_json::json!({ news.id.clone(): news.rank });
    let reference = Some(Reference::new(news.id.clone()).with("ranks", ranks).with(ADOPTED, true));
    Ok(Some((row, Evidence::Answer(Answer::Succeeded { outcome, reference, receipt: None }))))
}

/// What a report to one says of a recipient of the same call.
fn report_to(to: String, reported: &str, news: &MessageNews) -> MessageStatus {
    let (id, status, reason) = if to == reported {
        (Some(news.id.clone()), news.status.clone(), news.reason.clone())
    } else {
        (None, "unknown".to_owned(), None)
    };
    MessageStatus { to, id, status, parts: None, cost: None, reason }
}
