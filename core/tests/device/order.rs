use std::time::Duration;

use tarishi_core::{
    DeviceState, Priority, TransportError,
    protocol::{AfterOn, Code, Problem, ReceiptStatus},
    transport::memory::Step,
};

use crate::{Phone, answer_with, charge, later, receipt, sms};

#[tokio::test]
async fn a_batch_that_got_no_answer_is_sent_again_whole_and_in_order() {
    let phone = Phone::new();
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(phone.add(sms(&n.to_string()).with_ordering_key(format!("k{}", n % 3))).await.id);
    }
    phone.server.script([Step::Fail(TransportError::Interrupted), Step::Fail(TransportError::TimedOut)]);
    let report = phone.sync().await;
    assert!(report.complete);
    assert_eq!(phone.sent(0), ids);
    assert_eq!(phone.sent(1), ids);
    assert_eq!(phone.sent(2), ids);
    let exchanges: Vec<_> = phone.server.requests().iter().map(|request| request.exchange).collect();
    assert!(exchanges.is_sorted_by(|a, b| a < b), "{exchanges:?}");
}

#[tokio::test]
async fn later_holds_its_key_and_no_other() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    let c = phone.add(sms("c").with_ordering_key("other")).await;
    let (first, second) = (a.id, b.id);
    phone.server.script([answer_with(move |_, response| {
        let problem = Some(Problem::new(Code::PaymentInFlight, "another payment for FEE-1"));
        response.receipts[0] = later(first, 60_000, problem);
        response.receipts[1] = later(second, 0, None);
    })]);
    let report = phone.client.sync(Duration::from_secs(2), None).await.unwrap();
    assert_eq!((report.accepted, report.pending, report.complete), (1, 2, false));
    assert_eq!(phone.state(c.id).await, DeviceState::Accepted);
    let why = phone.client.why(a.id).await.unwrap();
    assert_eq!(why.reason, tarishi_core::WhyReason::PaymentInFlight);
    assert!(why.until.is_some());
    let why = phone.client.why(b.id).await.unwrap();
    assert_eq!((why.reason, why.behind), (tarishi_core::WhyReason::Behind, Some(a.id)));
    assert_eq!(phone.client.cancel(a.id).await.unwrap(), tarishi_core::CancelOutcome::Requested, "it may be at the server");
    phone.clock.advance(Duration::from_secs(61));
    phone.sync().await;
    assert_eq!(phone.state(b.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn what_waited_is_sent_before_what_came_behind_it() {
    let phone = Phone::new();
    let a = phone.add(sms("a").with_ordering_key("k")).await;
    let id = a.id;
    phone.server.script([answer_with(move |_, response| response.receipts = vec![later(id, 30_000, None)])]);
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    assert_eq!(phone.sent(1), []);
    phone.clock.advance(Duration::from_secs(31));
    phone.sync().await;
    assert_eq!(phone.server.requests().last().unwrap().operations.len(), 2);
    assert_eq!(phone.sent(phone.server.requests().len() - 1), [a.id, b.id]);
}

#[tokio::test]
async fn a_dependent_goes_in_the_same_batch_behind_its_parent() {
    let phone = Phone::new();
    let parent = phone.add(charge("fee-1")).await;
    let child = phone.add(sms("paid").with_after(parent.id, AfterOn::Succeeded)).await;
    phone.sync().await;
    assert_eq!(phone.sent(0), [parent.id, child.id]);
    assert_eq!(phone.server.requests()[0].operations[1].after.unwrap().operation_id, parent.id);
}

#[tokio::test]
async fn a_dependent_is_held_while_its_parent_has_no_receipt() {
    let phone = Phone::new();
    let parent = phone.add(charge("fee-1")).await;
    let id = parent.id;
    phone.server.script([answer_with(move |_, response| response.receipts = vec![later(id, 60_000, None)])]);
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    let child = phone.add(sms("paid").with_after(parent.id, AfterOn::Succeeded)).await;
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    assert_eq!(phone.sent(1), []);
    let why = phone.client.why(child.id).await.unwrap();
    assert_eq!((why.reason, why.behind), (tarishi_core::WhyReason::After, Some(parent.id)));
    phone.clock.advance(Duration::from_secs(61));
    phone.server.script([answer_with(move |request, response| {
        response.receipts = request.operations.iter().map(|op| receipt(op.id, ReceiptStatus::Accepted)).collect();
    })]);
    phone.sync().await;
    assert_eq!(phone.sent(2), [parent.id, child.id]);
}

#[tokio::test]
async fn an_urgent_operation_lifts_its_whole_key_and_every_fourth_slot_stays_for_the_oldest() {
    let phone = Phone::new();
    let mut old = Vec::new();
    for n in 0..8 {
        old.push(phone.add(sms(&format!("old {n}"))).await.id);
    }
    let first = phone.add(sms("before").with_ordering_key("k")).await.id;
    let urgent = phone.add(sms("urgent").with_ordering_key("k").with_priority(Priority::High)).await.id;
    phone.sync().await;
    assert_eq!(phone.sent(0)[..4], [first, urgent, old[0], old[1]]);
    let phone = Phone::new();
    let mut low = Vec::new();
    for n in 0..4 {
        low.push(phone.add(sms(&format!("low {n}"))).await.id);
    }
    let mut high = Vec::new();
    for n in 0..6 {
        high.push(phone.add(sms(&format!("high {n}")).with_priority(Priority::High)).await.id);
    }
    phone.sync().await;
    assert_eq!(phone.sent(0)[..8], [high[0], high[1], high[2], low[0], high[3], high[4], high[5], low[1]]);
}

#[tokio::test]
async fn a_long_key_is_sent_in_order_over_many_batches() {
    let phone = Phone::new();
    let many = (0..1_500).map(|n| sms(&n.to_string()).with_ordering_key("one")).collect();
    let ids: Vec<_> = phone.client.enqueue_many(many).await.unwrap().into_iter().map(|stored| stored.unwrap().id).collect();
    let report = phone.sync().await;
    assert!(report.complete);
    let sent: Vec<_> = phone.server.requests().iter().flat_map(|request| request.operations.iter().map(|op| op.id)).collect();
    assert_eq!(sent, ids);
    assert!(report.exchanges >= 3);
}

#[tokio::test]
async fn what_the_operator_paused_is_not_sent_and_says_so() {
    let phone = Phone::new();
    phone.server.script([answer_with(|_, response| response.limits.paused = vec!["mpesa:charge".to_owned()])]);
    phone.sync().await;
    let paid = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let behind = phone.add(sms("b").with_ordering_key("k")).await;
    let free = phone.add(sms("c")).await;
    phone.server.script([answer_with(|_, response| response.limits.paused = vec!["mpesa.charge".to_owned()])]);
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    assert_eq!(phone.sent(1), [free.id]);
    assert_eq!(phone.client.why(paid.id).await.unwrap().reason, tarishi_core::WhyReason::PausedByServer);
    assert_eq!(phone.state(behind.id).await, DeviceState::Pending);
    phone.clock.advance(Duration::from_secs(61));
    // The next answer lifts the pause.
    phone.client.sync(Duration::from_millis(500), None).await.unwrap();
    phone.clock.advance(Duration::from_secs(61));
    phone.sync().await;
    assert_eq!(phone.state(behind.id).await, DeviceState::Accepted);
}
