use std::time::Duration;

use tarishi_core::{
    DeviceState, Error, Event, Stop, TransportError, WhyReason,
    protocol::{Change, Code, Origin, Problem, Receipt, ReceiptStatus, State, limits},
    transport::memory::Step,
};

use crate::{Phone, answer_with, change, charge, receipt, sms};

#[tokio::test]
async fn outcomes_come_by_the_feed_with_the_cursor_in_one_transaction() {
    let phone = Phone::new();
    let paid = phone.add(charge("fee-1")).await;
    phone.server.script([answer_with(|_, response| response.cursor = Some("k1.1".to_owned()))]);
    phone.sync().await;
    assert_eq!(phone.client.why(paid.id).await.unwrap().reason, WhyReason::AtServer);
    let id = paid.id;
    phone.server.script([answer_with(move |request, response| {
        assert_eq!(request.cursor.as_deref(), Some("k1.1"));
        let outcome = Some(serde_json::json!({"receipt": "QX1"}));
        response.changes = vec![change(1, id, State::Waiting), Change { outcome, ..change(2, id, State::Succeeded) }];
        response.cursor = Some("k1.2".to_owned());
    })]);
    phone.sync().await;
    let phone = phone.restart();
    let paid = phone.get(paid.id).await;
    assert_eq!((paid.state, paid.outcome), (DeviceState::Succeeded, Some(serde_json::json!({"receipt": "QX1"}))));
    phone.sync().await;
    assert_eq!(phone.server.requests().last().unwrap().cursor.as_deref(), Some("k1.2"));
}

#[tokio::test]
async fn it_asks_on_while_there_is_more_and_never_says_complete_before() {
    let phone = Phone::new();
    let more = || answer_with(|_, response| response.more = true);
    phone.server.script([more(), more()]);
    let report = phone.sync().await;
    assert_eq!((report.exchanges, report.complete), (3, true));
    phone.server.script((0..1_000).map(|_| more()).collect::<Vec<_>>());
    let report = phone.client.sync(Duration::from_millis(30), None).await.unwrap();
    assert!(!report.complete);
}

#[tokio::test]
async fn a_network_that_is_gone_is_a_report_and_no_error() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    phone.server.fail_always(Some(TransportError::Unreachable));
    let report = phone.client.sync(Duration::from_millis(300), None).await.unwrap();
    assert_eq!((report.pending, report.complete, report.bytes_up), (1, false, 0));
    let why = phone.client.why(stored.id).await.unwrap();
    assert_eq!(why.reason, WhyReason::Offline);
}

#[tokio::test]
async fn an_operation_made_by_the_server_comes_as_a_stub() {
    let phone = Phone::new();
    let id = tarishi_core::protocol::OperationId::generate();
    phone.server.script([answer_with(move |_, response| {
        response.changes = vec![Change {
            origin: Origin::Server,
            adapter: Some("sms".to_owned()),
            action: Some("send".to_owned()),
            ..change(1, id, State::Waiting)
        }];
    })]);
    phone.sync().await;
    let stub = phone.get(id).await;
    assert_eq!(
        (stub.origin, stub.state, stub.adapter.as_str(), stub.payload),
        (Origin::Server, DeviceState::Waiting, "sms", None)
    );
    phone.server.script([answer_with(move |_, response| response.changes = vec![change(2, id, State::Succeeded)])]);
    phone.sync().await;
    assert_eq!(phone.state(id).await, DeviceState::Succeeded);
}

#[tokio::test]
async fn after_a_restore_of_the_server_what_has_not_ended_is_sent_again_as_held_before() {
    let phone = Phone::new();
    let a = phone.add(charge("fee-1").with_ordering_key("k")).await;
    let b = phone.add(sms("b").with_ordering_key("k")).await;
    let done = phone.add(sms("done")).await;
    let id = done.id;
    phone.server.script([answer_with(move |_, response| {
        response.cursor = Some("old.9".to_owned());
        response.receipts[2] = Receipt { state: Some(State::Succeeded), ..receipt(id, ReceiptStatus::Duplicate) };
    })]);
    phone.sync().await;
    let fresh = phone.add(sms("fresh").with_ordering_key("k")).await;
    phone.server.script([answer_with(|_, response| {
        response.reset = true;
        response.cursor = Some("new.0".to_owned());
    })]);
    let report = phone.sync().await;
    assert!(report.complete);
    assert_eq!(phone.sent(1), [fresh.id]);
    let again = phone.server.requests().pop().unwrap();
    assert_eq!(again.cursor.as_deref(), Some("new.0"));
    let resent: Vec<_> = again.operations.iter().map(|operation| (operation.id, operation.held_before)).collect();
    assert_eq!(resent, [(a.id, true), (b.id, true)]);
    assert_eq!(phone.state(done.id).await, DeviceState::Succeeded);
}

#[tokio::test]
async fn the_token_is_asked_for_once_after_a_401_and_then_syncing_pauses() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    let mut events = phone.client.events();
    phone.server.script([Step::status(401)]);
    assert_eq!(phone.client.sync(Duration::from_secs(5), None).await, Err(Error::NeedsAuth));
    assert_eq!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::NeedsAuth);
    let mut needs_auth = 0;
    while let Ok(event) = events.try_recv() {
        needs_auth += u32::from(event == Event::NeedsAuth);
    }
    assert_eq!(needs_auth, 1);
    assert!(phone.sync().await.complete, "asked for by the person, it tries again");
}

#[tokio::test]
async fn a_new_token_after_a_401_sends_the_same_batch_under_a_new_exchange_number() {
    struct Renewing;
    #[async_trait::async_trait]
    impl tarishi_core::TokenSource for Renewing {
        async fn token(&self, rejected: Option<String>) -> Result<String, tarishi_core::TokenError> {
            Ok(if rejected.is_some() { "fresh".to_owned() } else { "stale".to_owned() })
        }
        async fn rotated(&self, _token: String) {}
    }
    let phone = Phone::with(|options| options.with_token_source(std::sync::Arc::new(Renewing)));
    phone.add(sms("a")).await;
    phone.server.script([Step::status(401)]);
    assert!(phone.sync().await.complete);
    let requests = phone.server.requests();
    assert_eq!(phone.sent(0), phone.sent(1));
    assert!(requests[1].exchange > requests[0].exchange);
    assert_eq!(phone.server.tokens()[..2], ["Bearer stale", "Bearer fresh"]);
}

#[tokio::test]
async fn a_rotated_token_is_used_from_then_on() {
    let phone = Phone::new();
    phone.server.script([answer_with(|_, response| response.token = Some("token-2".to_owned()))]);
    phone.sync().await;
    phone.sync().await;
    assert_eq!(phone.server.tokens(), ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn another_accounts_token_runs_nothing() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1")).await;
    let problem = serde_json::to_vec(&Problem::new(Code::AccountMismatch, "")).unwrap();
    phone.server.script([Step::Status(403, Vec::new(), problem)]);
    assert_eq!(phone.client.sync(Duration::from_secs(5), None).await, Err(Error::NeedsAuth));
    assert_eq!(phone.state(stored.id).await, DeviceState::InFlight);
}

#[tokio::test]
async fn the_account_is_asked_for_once_and_remembered() {
    let phone = Phone::with(|mut options| {
        options.account = None;
        options
    });
    phone.server.set_account("acc_9");
    phone.sync().await;
    phone.sync().await;
    assert_eq!(phone.server.requests()[0].account, "acc_9");
    let phone = phone.restart_with(|mut options| {
        options.account = None;
        options
    });
    phone.sync().await;
    assert_eq!(phone.server.account_requests(), 1);
    let Phone { client, folder, .. } = phone;
    drop(client);
    let other = crate::bare(&folder.path().join("queue.db")).with_account("acc_1");
    assert!(matches!(tarishi_core::Client::open(other), Err(Error::NotAllowed { .. })));
}

#[tokio::test]
async fn a_copied_phone_is_told_once_more_and_then_stops_without_losing_anything() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1")).await;
    let stale = || Step::Status(409, Vec::new(), serde_json::to_vec(&Problem::new(Code::StaleExchange, "")).unwrap());
    phone.server.script([stale()]);
    assert!(phone.sync().await.complete, "a counter that was only behind catches up");
    let requests = phone.server.requests();
    assert!(requests[1].exchange >= requests[0].exchange + 1_000);
    phone.server.script([stale(), stale()]);
    assert_eq!(phone.client.sync(Duration::from_secs(5), None).await, Err(Error::CopiedDevice));
    assert_eq!(phone.get(stored.id).await.key, "fee-1");
}

#[tokio::test]
async fn too_large_a_batch_is_halved_by_bytes_and_remembered_over_a_restart() {
    let phone = Phone::new();
    let many = (0..300).map(|n| sms(&format!("{n} {}", "x".repeat(200)))).collect();
    phone.client.enqueue_many(many).await.unwrap();
    phone.server.script([Step::status(413)]);
    assert!(phone.sync().await.complete);
    let sizes: Vec<_> = phone.server.requests().iter().map(|request| request.operations.len()).collect();
    assert!(sizes[1] <= sizes[0] / 2, "{sizes:?}");
    assert_eq!(sizes[1..].iter().sum::<usize>(), 300);
    let phone = phone.restart();
    phone.sync().await;
    assert!(
        phone.client.report().await.unwrap().lines().any(|line| line.starts_with("server takes bytes: ") && line.len() < 26)
    );
}

#[tokio::test]
async fn one_operation_alone_too_large_is_dead_and_the_others_go() {
    let phone = Phone::new();
    let bad = phone.add(sms("large")).await;
    phone.server.script([Step::status(413)]);
    phone.sync().await;
    let good = phone.add(sms("small")).await;
    phone.sync().await;
    let bad = phone.get(bad.id).await;
    assert_eq!(bad.state, DeviceState::Dead);
    assert!(bad.problem.unwrap().is(Code::PayloadTooLarge));
    assert_eq!(phone.state(good.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn what_the_server_takes_bounds_the_batch() {
    let phone = Phone::new();
    phone.server.script([answer_with(|_, response| response.limits.operations = 10)]);
    phone.sync().await;
    phone.client.enqueue_many((0..25).map(|n| sms(&n.to_string())).collect()).await.unwrap();
    let keep = |_: usize| answer_with(|_, response| response.limits.operations = 10);
    phone.server.script((0..3).map(keep).collect::<Vec<_>>());
    phone.sync().await;
    let sizes: Vec<_> = phone.server.requests().iter().skip(1).map(|request| request.operations.len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert!(sizes.iter().all(|size| *size <= limits::OPERATIONS_MAX));
}

#[tokio::test]
async fn a_pause_the_server_asked_for_holds_over_restarts_and_against_impatience() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    phone.server.script([Step::Status(429, vec![("retry-after".to_owned(), "120".to_owned())], Vec::new())]);
    let report = phone.client.sync(Duration::from_secs(1), None).await.unwrap();
    assert_eq!((report.complete, report.reason), (false, Some(WhyReason::BackingOff)));
    let phone = phone.restart();
    phone.client.sync(Duration::from_secs(1), None).await.unwrap();
    phone.clock.advance(Duration::from_secs(119));
    phone.client.sync(Duration::from_millis(200), None).await.unwrap();
    assert_eq!(phone.server.requests().len(), 1);
    phone.clock.advance(Duration::from_secs(2));
    assert!(phone.sync().await.complete);
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn a_sign_in_page_is_offline_and_costs_nothing() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    let page = || Step::Status(200, vec![("content-type".to_owned(), "text/html".to_owned())], b"<html>pay".to_vec());
    let away = || Step::Status(302, vec![("location".to_owned(), "http://portal".to_owned())], Vec::new());
    phone.server.script([page(), away()]);
    assert!(phone.sync().await.complete);
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn too_old_a_client_pauses_and_keeps_everything() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    phone.server.script([Step::status(426)]);
    assert_eq!(phone.client.sync(Duration::from_secs(5), None).await, Err(Error::UpgradeRequired));
    assert_eq!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::UpgradeRequired);
}

#[tokio::test]
async fn a_stop_ends_a_run_that_hangs() {
    let phone = Phone::new();
    phone.add(sms("a")).await;
    phone.server.script([Step::Hang]);
    let stop = Stop::new();
    let run = phone.client.sync(Duration::from_secs(3_600), Some(stop.clone()));
    let (report, ()) = tokio::join!(run, async { stop.stop() });
    assert!(!report.unwrap().complete);
}
