use std::time::Duration;

use tarishi_core::{
    DeviceState, WhyReason,
    protocol::{OnFailure, OperationId},
    transport::memory::Step,
};

use crate::{Phone, sms};

/// A server that fails with this status whenever it meets that operation.
fn allergic(phone: &Phone, status: u16, bad: OperationId) {
    phone.server.handle(move |request| {
        let met = request.operations.iter().any(|operation| operation.id == bad);
        if met { Step::status(status) } else { Step::Accept }
    });
}

/// Syncs through the waits: each run has little real time, and the phone's clock goes on between.
async fn sync_on(phone: &Phone, runs: u32) {
    for _ in 0..runs {
        phone.client.sync(Duration::from_millis(200), None).await.unwrap();
        phone.clock.advance(Duration::from_secs(400));
    }
}

#[tokio::test]
async fn one_operation_that_breaks_the_request_steps_aside_and_all_others_arrive() {
    let phone = Phone::new();
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(phone.add(sms(&n.to_string()).with_ordering_key(format!("k{}", n % 2))).await.id);
    }
    let bad = ids[11];
    allergic(&phone, 422, bad);
    sync_on(&phone, 3).await;
    for id in &ids {
        let expected = if *id == bad { DeviceState::InFlight } else { DeviceState::Accepted };
        assert_eq!(phone.state(*id).await, expected);
    }
    let why = phone.client.why(bad).await.unwrap();
    assert_eq!(why.reason, WhyReason::ServerError);
    let accepted: Vec<_> = {
        let mut seen = std::collections::BTreeSet::new();
        let requests = phone.server.requests();
        let good = requests.iter().filter(|request| !request.operations.iter().any(|operation| operation.id == bad));
        good.flat_map(|request| request.operations.iter().map(|op| op.id)).filter(|id| seen.insert(*id)).collect()
    };
    for parity in 0..2 {
        let in_order: Vec<_> =
            ids.iter().enumerate().filter(|(n, id)| n % 2 == parity && **id != bad).map(|(_, id)| *id).collect();
        let arrived: Vec<_> = accepted.iter().filter(|id| in_order.contains(id)).copied().collect();
        assert_eq!(arrived, in_order, "bisecting keeps the order of each key");
    }
    phone.server.handle(|_| Step::Accept);
    phone.clock.advance(Duration::from_secs(24 * 3_600));
    phone.sync().await;
    assert_eq!(phone.state(bad).await, DeviceState::Accepted, "it is tried again every day");
}

#[tokio::test]
async fn five_server_errors_in_a_day_for_one_alone_set_it_aside() {
    let phone = Phone::new();
    let bad = phone.add(sms("bad").with_ordering_key("k")).await.id;
    let behind = phone.add(sms("behind").with_ordering_key("k")).await.id;
    let other = phone.add(sms("other")).await.id;
    allergic(&phone, 500, bad);
    sync_on(&phone, 40).await;
    assert_eq!(phone.state(other).await, DeviceState::Accepted);
    assert_eq!(phone.state(behind).await, DeviceState::Accepted);
    assert_eq!(phone.state(bad).await, DeviceState::InFlight);
    assert_eq!(phone.client.why(bad).await.unwrap().reason, WhyReason::ServerError);
}

#[tokio::test]
async fn one_that_says_halt_holds_its_key_and_nothing_else() {
    let phone = Phone::new();
    let bad = phone.add(sms("bad").with_ordering_key("k").with_on_failure(OnFailure::Halt)).await.id;
    let behind = phone.add(sms("behind").with_ordering_key("k")).await.id;
    let other = phone.add(sms("other")).await.id;
    allergic(&phone, 422, bad);
    sync_on(&phone, 5).await;
    assert_eq!(phone.state(other).await, DeviceState::Accepted);
    assert!(!matches!(phone.state(behind).await, DeviceState::Accepted));
    assert_eq!(phone.client.why(behind).await.unwrap().reason, WhyReason::Behind);
}

#[tokio::test]
async fn an_outage_sets_nothing_aside() {
    let phone = Phone::new();
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(phone.add(sms(&n.to_string()).with_ordering_key("k")).await.id);
    }
    phone.server.handle(|_| Step::status(502));
    sync_on(&phone, 60).await;
    phone.server.handle(|_| Step::Accept);
    let before = phone.server.requests().len();
    sync_on(&phone, 6).await;
    let mut seen = std::collections::BTreeSet::new();
    let sent = (before..phone.server.requests().len()).flat_map(|nth| phone.sent(nth));
    let arrived: Vec<_> = sent.filter(|id| seen.insert(*id)).collect();
    assert_eq!(arrived, ids, "all of them, in order");
}
