use std::time::Duration;

use tarishi_core::{DeviceState, Network, TransportError, WhyReason, protocol::Code, transport::memory::Step};

use crate::{Phone, START_MS, charge, sms};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

#[tokio::test]
async fn what_was_never_sent_expires_and_its_key_goes_on() {
    let phone = Phone::new();
    let short = phone.add(sms("short").with_ttl(Duration::from_secs(60)).with_ordering_key("k")).await;
    let long = phone.add(sms("long").with_ordering_key("k")).await;
    phone.clock.advance(Duration::from_secs(61));
    phone.sync().await;
    assert_eq!(phone.sent(0), [long.id]);
    let expired = phone.get(short.id).await;
    assert_eq!(expired.state, DeviceState::Expired);
    assert!(expired.problem.unwrap().is(Code::Expired));
}

#[tokio::test]
async fn without_a_word_an_operation_lives_a_week() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    phone.clock.advance(WEEK + Duration::from_secs(1));
    phone.sync().await;
    assert_eq!(phone.state(stored.id).await, DeviceState::Expired);
}

#[tokio::test]
async fn what_may_be_at_the_server_is_never_expired_here() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1").with_ttl(Duration::from_secs(60))).await;
    phone.server.script([Step::Fail(TransportError::TimedOut)]);
    phone.client.sync(Duration::from_millis(20), None).await.unwrap();
    phone.clock.advance(Duration::from_secs(3_600));
    phone.sync().await;
    assert_eq!(phone.sent(1), [stored.id]);
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn nothing_is_tried_without_a_network_or_on_one_that_costs_too_much() {
    let phone = Phone::with(|mut options| {
        options.sync_on_metered = false;
        options
    });
    let stored = phone.add(sms("a")).await;
    phone.client.set_network(Network::Offline);
    let report = phone.sync().await;
    assert_eq!((report.exchanges, report.complete, report.reason), (0, false, Some(WhyReason::Offline)));
    assert_eq!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::Offline);
    phone.client.set_network(Network::Metered);
    assert_eq!(phone.sync().await.reason, Some(WhyReason::Metered));
    phone.client.set_network(Network::Unmetered);
    assert!(phone.sync().await.complete);
}

#[tokio::test]
async fn a_budget_for_metered_networks_is_kept_over_restarts_until_the_next_day() {
    let budget = |mut options: tarishi_core::Options| {
        options.metered_bytes_per_day = Some(100);
        options
    };
    let phone = Phone::with(budget);
    phone.client.set_network(Network::Metered);
    phone.add(sms("a")).await;
    assert!(phone.sync().await.complete);
    let late = phone.add(sms("b")).await;
    let phone = phone.restart_with(budget);
    phone.client.set_network(Network::Unmetered);
    phone.sync().await;
    phone.client.set_network(Network::Metered);
    phone.add(sms("c")).await;
    let report = phone.sync().await;
    assert_eq!((report.reason, report.pending), (Some(WhyReason::Metered), 1));
    assert_eq!(phone.state(late.id).await, DeviceState::Accepted);
    phone.clock.advance(Duration::from_secs(24 * 3_600));
    assert!(phone.sync().await.complete);
}

#[tokio::test]
async fn every_state_has_a_reason() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    assert_eq!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::Ready);
    phone.sync().await;
    for (state, expected) in [
        (tarishi_core::protocol::State::Waiting, WhyReason::AtProvider),
        (tarishi_core::protocol::State::Unresolved, WhyReason::Unresolved),
        (tarishi_core::protocol::State::Succeeded, WhyReason::NotWaiting),
    ] {
        let id = stored.id;
        phone.server.script([crate::answer_with(move |_, response| response.changes = vec![crate::change(1, id, state)])]);
        phone.sync().await;
        assert_eq!(phone.client.why(stored.id).await.unwrap().reason, expected);
    }
    let stranger = tarishi_core::protocol::OperationId::generate();
    assert_eq!(phone.client.why(stranger).await, Err(tarishi_core::Error::NotFound));
    assert_eq!(serde_json::to_value(WhyReason::PausedByServer).unwrap(), "paused_by_server");
}

#[tokio::test]
async fn the_report_for_support_holds_nothing_private() {
    let phone = Phone::new();
    phone.add(charge("amina-fee").with_ordering_key("student:amina")).await;
    phone.server.fail_always(Some(TransportError::Unreachable));
    phone.client.sync(Duration::from_millis(50), None).await.unwrap();
    let report = phone.client.report().await.unwrap();
    assert!(report.contains("in_flight: 1"), "{report}");
    for secret in ["254712345678", "token-1", "amina", "FEE-1", "1000"] {
        assert!(!report.contains(secret), "{secret}: {report}");
    }
}

#[tokio::test]
async fn ages_are_by_the_boot_clock_and_bounded_by_the_last_server_time() {
    let phone = Phone::new();
    phone.sync().await;
    phone.add(sms("a")).await;
    phone.clock.advance(Duration::from_secs(100));
    phone.clock.set_wall_ms(0);
    phone.server.script([Step::Fail(TransportError::Interrupted)]);
    phone.client.sync(Duration::from_millis(20), None).await.unwrap();
    let operation = phone.server.requests()[1].operations[0].clone();
    assert!(operation.age_exact && (100_000..110_000).contains(&operation.age_ms), "{}", operation.age_ms);
    assert!((START_MS..START_MS + 10_000).contains(&operation.queued_after.unwrap().timestamp_millis()));
    phone.clock.reboot(Some("boot-2"));
    let phone = phone.restart();
    phone.sync().await;
    let operation = phone.server.requests().last().unwrap().operations[0].clone();
    assert!(!operation.age_exact);
    assert!(operation.age_ms >= 160_000);
}
