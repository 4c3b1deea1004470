//! Calls whose answer was lost or late. Findings 1 and 3.

use serde_json::json;
use tarishi_protocol::{Code, State};

use super::{
    answers::{ASKABLE, MESSAGES, MONEY, failed, failure, paid, waiting},
    desk::{Desk, LEASE, T},
};
use crate::{
    adapters::{AdapterError, Answer, Disposition},
    store::{AttemptFilter, Evidence, Resolution, Source, Store as _},
};

/// Finding 1: between *open* and *settle* a crash leaves `calling`, which nobody executes.
#[tokio::test]
async fn what_was_opened_is_never_executed_again_only_recovered() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.call(charge.id).await;

    assert_eq!(desk.claim("mpesa").await, [], "the lease keeps others away");
    desk.pass(LEASE);
    assert_eq!(desk.claim("mpesa").await, [charge.id]);
    assert_eq!(desk.open_attempt(charge.id).await, None);
    assert_eq!(desk.state(charge.id).await, State::Calling);
    desk.healthy().await;
}

/// Finding 1: a restarted server looks at open calls at once, and does not execute them.
#[tokio::test]
async fn a_server_that_takes_over_recovers_open_calls_at_once() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.call(charge.id).await;

    desk.store.take_over(desk.now()).await.unwrap();

    assert_eq!(desk.claim("mpesa").await, [charge.id]);
    assert_eq!(desk.open_attempt(charge.id).await, None);
}

/// Finding 3: the answer that comes after the lease, and after the attempt was given up, is evidence all the same.
#[tokio::test]
async fn a_late_answer_still_brings_its_reference() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let attempt = desk.call(charge.id).await;
    desk.pass(LEASE);
    desk.settle(charge.id, Source::Poll, Evidence::Lost, MONEY).await;
    assert_eq!(desk.state(charge.id).await, State::Waiting);

    desk.settle(charge.id, Source::Call { attempt }, Evidence::Answer(waiting(Some("ws_CO_1"))), MONEY).await;

    assert_eq!(desk.row(charge.id).await.reference.unwrap().id, "ws_CO_1");
    let found = desk.store.operation_by_reference(T, "mpesa", "ws_CO_1").await.unwrap().unwrap();
    assert_eq!(found.id, charge.id);
    desk.healthy().await;
}

/// Finding 3: so is one that comes when a human was already asked.
#[tokio::test]
async fn a_late_success_settles_an_unresolved_operation() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let attempt = desk.call(charge.id).await;
    desk.pass(LEASE);
    desk.settle(charge.id, Source::Poll, Evidence::Lost, MONEY).await;
    desk.pass(5_000);
    desk.settle(charge.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;
    assert_eq!(desk.state(charge.id).await, State::Unresolved);

    desk.settle(charge.id, Source::Call { attempt }, Evidence::Answer(paid("TKL1")), MONEY).await;

    assert_eq!(desk.state(charge.id).await, State::Succeeded);
    let attempts =
        desk.store.attempts(AttemptFilter { tenant: T.to_owned(), limit: 10, ..AttemptFilter::default() }).await.unwrap();
    assert!(attempts.iter().all(|attempt| attempt.closed_at.is_some()));
    desk.healthy().await;
}

/// Finding 3: the answer of an earlier call never moves a later call of the same operation down.
#[tokio::test]
async fn a_late_failure_of_an_earlier_call_does_not_touch_the_call_under_way() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let first = desk.call(sms.id).await;
    desk.settle(sms.id, Source::Call { attempt: first }, failure(Disposition::Transient), MESSAGES).await;
    desk.pass(2_000);
    let second = desk.call(sms.id).await;

    desk.settle(sms.id, Source::Call { attempt: first }, failure(Disposition::Transient), MESSAGES).await;

    let row = desk.row(sms.id).await;
    assert_eq!((row.state, row.attempt_id), (State::Calling, Some(second)));
    assert_eq!(desk.claim("sms").await, []);
}

/// Finding 16: a message of unknown outcome waits for its receipt and is then sent again, once more counted.
#[tokio::test]
async fn a_message_of_unknown_outcome_is_sent_again_after_its_wait() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let attempt = desk.call(sms.id).await;
    desk.settle(sms.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;
    assert_eq!(desk.state(sms.id).await, State::Waiting);
    assert_eq!(desk.claim("sms").await, [], "not before the wait is over");

    desk.pass(5_000);
    assert_eq!(desk.claim("sms").await, [sms.id]);
    desk.settle(sms.id, Source::Poll, Evidence::ReceiptOverdue, MESSAGES).await;

    assert_eq!(desk.state(sms.id).await, State::Ready);
    desk.healthy().await;
}

/// Finding 2: "not found" is believed once the provider had time to settle.
#[tokio::test]
async fn not_found_leads_to_a_repeat_only_after_the_settle_time() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let attempt = desk.call(charge.id).await;
    desk.settle(charge.id, Source::Call { attempt }, failure(Disposition::Ambiguous), ASKABLE).await;

    desk.settle(charge.id, Source::Poll, Evidence::Answer(Answer::NotFound), ASKABLE).await;
    assert_eq!(desk.state(charge.id).await, State::Waiting);
    desk.pass(120_000);
    desk.settle(charge.id, Source::Poll, Evidence::Answer(Answer::NotFound), ASKABLE).await;

    assert_eq!(desk.state(charge.id).await, State::Ready);
}

/// Findings 28 and 43: money that comes after "failed" is told and flagged, never dropped.
#[tokio::test]
async fn a_late_success_is_told_and_flagged() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let attempt = desk.call(charge.id).await;
    let settled = desk.answer(charge.id, attempt, failed()).await;
    assert!(!settled.late_success);
    let cursor = desk.exchange("d1", Vec::new(), &[], None).await.cursor;

    let settled = desk.settle(charge.id, Source::Webhook { attempt: None }, Evidence::Answer(paid("TKL1")), MONEY).await;

    assert!(settled.late_success);
    let row = desk.row(charge.id).await;
    assert_eq!((row.state, row.problem), (State::Succeeded, None));
    let news = desk.exchange("d1", Vec::new(), &[], cursor).await.changes;
    assert_eq!(news.iter().map(|change| change.state).collect::<Vec<_>>(), [State::Succeeded]);
}

/// Finding 17: a provider's receipt is booked for one operation; a second that claims it is shown to a human.
#[tokio::test]
async fn a_receipt_is_booked_once() {
    let desk = Desk::open().await;
    let (one, two) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-2", "FEE-2"));
    desk.send_all("d1", &[&one, &two]).await;
    desk.run(one.id, paid("TKL1")).await;

    desk.run(two.id, paid("TKL1")).await;

    assert_eq!(desk.state(one.id).await, State::Succeeded);
    assert_eq!((desk.state(two.id).await, desk.problem(two.id).await.as_str()), (State::Unresolved, "outcome_unknown"));
    desk.healthy().await;
}

/// A step that only looked is no call that may have done something: when nothing could be sent after it, it has failed.
#[tokio::test]
async fn a_look_before_the_call_makes_nothing_unknown() {
    let desk = Desk::open().await;
    for (answer, ends) in [
        (Answer::Looked { memo: json!({ "looked": true }) }, State::Failed),
        (Answer::Next { memo: json!({ "sent": 1 }) }, State::Unresolved),
    ] {
        let sms = desk.sms(ends.as_str());
        desk.send("d1", &sms).await;
        desk.run(sms.id, answer).await;
        assert_eq!((desk.state(sms.id).await, desk.row(sms.id).await.attempts), (State::Ready, 0));
        while desk.state(sms.id).await == State::Ready {
            desk.pass(60_000);
            let attempt = desk.call(sms.id).await;
            desk.settle(sms.id, Source::Call { attempt }, failure(Disposition::Transient), MESSAGES).await;
        }
        assert_eq!(desk.state(sms.id).await, ends);
    }
}

/// What the provider called an effect says nothing of the next one, which a human asked for; its late news still find us.
#[tokio::test]
async fn what_is_run_again_has_no_name_at_the_provider_yet() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, waiting(Some("ws_CO_1"))).await;
    let nobody_knows = AdapterError::new(Disposition::Ambiguous, "?").with_problem(Code::OutcomeUnknown);
    desk.settle(charge.id, Source::Poll, Evidence::Failure(nobody_knows.into()), MONEY).await;
    let source = Source::Operator { who: "amina".to_owned() };
    desk.settle(charge.id, source, Evidence::Resolve(Resolution::RunAgain), MONEY).await;

    let row = desk.row(charge.id).await;
    assert_eq!((row.state, row.reference, row.effect_number), (State::Ready, None, 1));
    assert!(desk.store.operation_by_reference(T, "mpesa", "ws_CO_1").await.unwrap().is_some());
}

/// Whoever is asked what became of it is told where to look, whatever made it a human's.
#[tokio::test]
async fn whatever_nobody_knows_of_says_where_to_look() {
    let desk = Desk::open().await;
    let overdue = desk.charge("fee-1", "FEE-1");
    let twice = desk.charge("fee-2", "FEE-2");
    let first = desk.charge("fee-3", "FEE-3");
    desk.send_all("d1", &[&overdue, &twice, &first]).await;
    let attempt = desk.call(overdue.id).await;
    desk.settle(overdue.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MONEY).await;
    desk.settle(overdue.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;
    desk.run(first.id, paid("TKL1")).await;
    let attempt = desk.open_attempt(twice.id).await.unwrap();
    desk.settle(twice.id, Source::Call { attempt }, Evidence::Answer(paid("TKL1")), MONEY).await;

    for id in [overdue.id, twice.id] {
        let row = desk.row(id).await;
        let detail = row.problem.unwrap().detail;
        assert_eq!(row.state, State::Unresolved);
        assert!(detail.ends_with("; to check: look in the portal"), "{detail}");
    }
}
