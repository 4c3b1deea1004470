use tarishi_core::{
    CancelOutcome, DeviceState, Error,
    protocol::{AfterOn, Cancellation, CancellationResult, Code, Problem, Receipt, ReceiptStatus, State},
    transport::memory::Step,
};

use crate::{Phone, answer_with, change, charge, charge_payload, receipt, sms};

#[tokio::test]
async fn what_was_never_sent_is_cancelled_here_and_never_sent() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1")).await;
    assert_eq!(phone.client.cancel(stored.id).await, Ok(CancelOutcome::Cancelled));
    assert_eq!(phone.client.cancel(stored.id).await, Ok(CancelOutcome::Cancelled));
    phone.sync().await;
    assert_eq!(phone.sent(0), []);
    assert_eq!(phone.state(stored.id).await, DeviceState::Cancelled);
}

#[tokio::test]
async fn a_wish_to_cancel_is_carried_by_every_request_until_it_is_answered() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    phone.server.script([Step::Fail(tarishi_core::TransportError::TimedOut)]);
    phone.client.sync(std::time::Duration::from_millis(50), None).await.unwrap();
    assert_eq!(phone.state(a.id).await, DeviceState::InFlight);
    assert_eq!(phone.client.cancel(a.id).await, Ok(CancelOutcome::Requested));
    let silent = || answer_with(|_, response| response.cancellations.clear());
    phone.server.script([silent(), silent()]);
    phone.client.sync(std::time::Duration::from_secs(3), None).await.unwrap();
    let requests = phone.server.requests();
    assert!(requests.len() >= 4);
    for request in &requests[1..4] {
        assert_eq!(request.cancellations, [a.id]);
        assert!(!request.operations.iter().any(|operation| operation.id == a.id), "what is wished away is not sent again");
    }
    assert_eq!(phone.sent(1), [b.id], "the key goes on, since every request carries the wish");
    assert_eq!(phone.state(a.id).await, DeviceState::Cancelled);
    phone.sync().await;
    assert_eq!(phone.server.requests().last().unwrap().cancellations, []);
}

#[tokio::test]
async fn a_wish_that_came_too_late_leaves_the_outcome_to_the_feed() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1")).await;
    phone.sync().await;
    assert_eq!(phone.client.cancel(a.id).await, Ok(CancelOutcome::Requested));
    let id = a.id;
    phone.server.script([answer_with(move |_, response| {
        response.cancellations = vec![Cancellation { id, result: CancellationResult::TooLate }];
        response.changes = vec![change(1, id, State::Succeeded)];
    })]);
    phone.sync().await;
    assert_eq!(phone.state(a.id).await, DeviceState::Succeeded);
    assert_eq!(phone.client.cancel(a.id).await, Ok(CancelOutcome::TooLate));
}

#[tokio::test]
async fn a_wish_refused_before_any_receipt_lets_the_operation_be_sent_again_first_of_its_key() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1").with_ordering_key("k")).await;
    phone.server.script([Step::Fail(tarishi_core::TransportError::TimedOut)]);
    phone.client.sync(std::time::Duration::from_millis(50), None).await.unwrap();
    phone.client.cancel(a.id).await.unwrap();
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    let id = a.id;
    phone.server.script([answer_with(move |request, response| {
        response.receipts.clear();
        assert_eq!(request.cancellations, [id]);
        response.cancellations = vec![Cancellation { id, result: CancellationResult::TooLate }];
        response.receipts = vec![crate::later(request.operations[0].id, 0, None)];
    })]);
    phone.sync().await;
    assert_eq!(phone.sent(2), [a.id, b.id]);
}

#[tokio::test]
async fn replacing_what_was_never_sent_sends_only_the_new_one() {
    let phone = Phone::new();
    let old = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let new = phone.client.replace(old.id, charge_payload("100.00")).await.unwrap();
    assert_eq!(new.key, "fee-1/r1");
    assert_eq!((new.replaces, new.after, new.ordering_key.as_deref()), (Some(old.id), None, Some("k")));
    assert_eq!(phone.client.replace(old.id, charge_payload("100.00")).await.unwrap().id, new.id, "asked twice, made once");
    let other = phone.client.replace(old.id, charge_payload("5.00")).await;
    assert!(matches!(other, Err(Error::NotAllowed { .. })));
    assert!(matches!(phone.client.retry(old.id).await, Err(Error::NotAllowed { .. })), "a retry would charge beside it");
    phone.sync().await;
    assert_eq!(phone.sent(0), [new.id]);
}

#[tokio::test]
async fn replacing_what_was_sent_waits_for_the_cancellation() {
    let phone = Phone::new();
    let old = phone.add(charge("fee-1")).await;
    phone.sync().await;
    let new = phone.client.replace(old.id, charge_payload("100.00")).await.unwrap();
    let after = new.after.unwrap();
    assert_eq!((after.operation_id, after.on), (old.id, AfterOn::Cancelled));
    phone.sync().await;
    let request = phone.server.requests().pop().unwrap();
    assert_eq!(request.cancellations, [old.id]);
    assert_eq!(request.operations[0].after.unwrap().on, AfterOn::Cancelled);
}

#[tokio::test]
async fn a_retry_is_a_new_operation_with_a_counted_key_and_made_once() {
    let phone = Phone::new();
    let first = phone.add(charge("fee-1")).await;
    assert!(matches!(phone.client.retry(first.id).await, Err(Error::NotAllowed { .. })));
    phone.sync().await;
    let fail = |id| {
        answer_with(move |_, response| {
            let problem = Some(Problem::new(Code::ProviderRejected, "cancelled by the payer"));
            response.changes = vec![tarishi_core::protocol::Change { problem, ..change(1, id, State::Failed) }];
        })
    };
    phone.server.script([fail(first.id)]);
    phone.sync().await;
    let second = phone.client.retry(first.id).await.unwrap();
    assert_eq!((second.key.as_str(), second.retry_of), ("fee-1/2", Some(first.id)));
    assert_eq!(second.payload, first.payload);
    assert_eq!(phone.client.retry(first.id).await.unwrap().id, second.id);
    phone.sync().await;
    assert_eq!(phone.server.requests().last().unwrap().operations[0].retry_of, Some(first.id));
    phone.server.script([fail(second.id)]);
    phone.sync().await;
    assert_eq!(phone.client.retry(second.id).await.unwrap().key, "fee-1/3");
}

#[tokio::test]
async fn what_waited_for_a_parent_that_ended_here_ends_or_runs_as_on_the_server() {
    let phone = Phone::new();
    let parent = phone.add(charge("fee-1")).await;
    let on_success = phone.add(sms("paid").with_after(parent.id, AfterOn::Succeeded)).await;
    let on_cancel = phone.add(sms("not paid").with_after(parent.id, AfterOn::Cancelled)).await;
    let grandchild = phone.add(sms("ended").with_after(on_success.id, AfterOn::Ended)).await;
    phone.client.cancel(parent.id).await.unwrap();
    let failed = phone.get(on_success.id).await;
    assert_eq!(failed.state, DeviceState::Failed);
    assert!(failed.problem.unwrap().is(Code::DependencyFailed));
    phone.sync().await;
    assert_eq!(phone.sent(0), [on_cancel.id, grandchild.id]);
    assert!(phone.server.requests()[0].operations.iter().all(|operation| operation.after.is_none()));
    let late = phone.client.enqueue(sms("late").with_after(parent.id, AfterOn::Succeeded)).await;
    assert!(matches!(late, Err(Error::InvalidInput(problem)) if problem.is(Code::DependencyFailed)));
    let met = phone.add(sms("met").with_after(parent.id, AfterOn::Ended)).await;
    assert_eq!(met.after, None);
}

#[tokio::test]
async fn a_refusal_ends_one_operation_and_its_key_goes_on() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    let id = a.id;
    phone.server.script([answer_with(move |_, response| {
        let problem = Some(Problem::new(Code::Forbidden, "not in the scopes"));
        response.receipts[0] = Receipt { problem, ..receipt(id, ReceiptStatus::Refused) };
    })]);
    let report = phone.sync().await;
    assert_eq!((report.accepted, report.refused, report.complete), (1, 1, true));
    assert_eq!(phone.state(b.id).await, DeviceState::Accepted);
    let refused = phone.get(a.id).await;
    assert_eq!(refused.state, DeviceState::Refused);
    assert!(refused.problem.unwrap().is(Code::Forbidden));
}
