//! What an app calls.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use serde_json::json;
use tarishi::{ClientError, EnqueueResult, Stop};
use tarishi_core::{CancelOutcome, DeviceState, Event, Filter, Logout, Network, NewOperation, WhyReason};
use tarishi_protocol::OperationId;
use tempfile::TempDir;

use crate::app::{App, DEADLINE, Listener, Mood, Phone, open, sms, wait};

#[test]
fn an_operation_is_enqueued_read_and_listed_offline() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        let stored = phone.client.enqueue(sms("k")).await.unwrap();

        assert_eq!(phone.client.get(stored.id).await.unwrap(), Some(stored.clone()));
        assert_eq!(phone.client.stats().await.unwrap().get("pending"), Some(&1));
        assert_ne!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::NotWaiting);
        assert_eq!(phone.client.get(OperationId::generate()).await.unwrap(), None);
        let report = phone.client.report().await.unwrap();
        assert!(!report.contains("254711") && !report.contains("td_test"), "{report}");
        assert_eq!(phone.client.list(Filter::default()).await.unwrap(), [stored]);
    });
}

#[test]
fn a_wrong_operation_names_the_field_to_fix() {
    let phone = Phone::new(Mood::Away);
    let wrong = NewOperation::new("sms", "send", r#"{"to":"12","message":"x"}"#);

    let error = wait(phone.client.enqueue(wrong)).unwrap_err();

    assert!(matches!(&error, ClientError::FixInput { field, .. } if field.starts_with("payload.to")), "{error}");
}

#[test]
fn of_many_each_has_its_own_result() {
    let phone = Phone::new(Mood::Away);
    let wrong = NewOperation::new("sms", "shout", "{}");

    let results = wait(phone.client.enqueue_many(vec![sms("a"), wrong, sms("b")])).unwrap();

    assert!(matches!(results[0], EnqueueResult::Stored { .. }));
    assert!(matches!(&results[1], EnqueueResult::Refused { error: ClientError::FixInput { field, .. } } if field == "action"));
    assert!(matches!(results[2], EnqueueResult::Stored { .. }));
}

#[test]
fn an_operation_is_cancelled_retried_and_replaced() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        let first = phone.client.enqueue(sms("a")).await.unwrap();
        assert!(matches!(phone.client.retry(first.id).await, Err(ClientError::NotAllowed { .. })));

        assert_eq!(phone.client.cancel(first.id).await.unwrap(), CancelOutcome::Cancelled);
        let retried = phone.client.retry(first.id).await.unwrap();
        assert_eq!((retried.retry_of, retried.state), (Some(first.id), DeviceState::Pending));
        let payload = r#"{"to":"+254711000111","message":"School is open"}"#;
        let replaced = phone.client.replace(retried.id, payload.to_owned()).await.unwrap();

        assert_eq!((replaced.replaces, replaced.payload.as_deref()), (Some(retried.id), Some(payload)));
        let unknown = phone.client.cancel(OperationId::generate()).await.unwrap_err();
        assert!(matches!(&unknown, ClientError::FixInput { field, .. } if field == "id"), "{unknown}");
    });
}

#[test]
fn a_sync_goes_through_the_apps_transport_with_its_token_and_the_listener_hears_the_outcome() {
    let phone = Phone::new(Mood::Well);
    let (sender, events) = mpsc::channel();
    let subscription = phone.client.events(Arc::new(Listener(sender))).unwrap();
    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;

    let report = wait(phone.client.sync(DEADLINE, None)).unwrap();

    assert!(report.complete);
    assert_eq!((report.accepted, report.pending), (1, 0));
    assert!(phone.app.tokens.lock().unwrap().iter().all(|bearer| bearer == "Bearer td_test"));
    let record = wait(phone.client.get(id)).unwrap().unwrap();
    assert_eq!((record.state, record.outcome), (DeviceState::Succeeded, Some(json!({ "messages": [] }))));
    let succeeded = Event::OperationChanged { id, state: DeviceState::Succeeded };
    assert!(std::iter::from_fn(|| events.recv_timeout(DEADLINE).ok()).any(|event| event == succeeded));
    subscription.cancel();
}

#[test]
fn the_scheduler_syncs_without_being_asked_until_it_is_stopped() {
    let phone = Phone::new(Mood::Well);
    let (sender, events) = mpsc::channel();
    let _subscription = phone.client.events(Arc::new(Listener(sender))).unwrap();
    phone.client.set_network(Network::Unmetered).unwrap();
    phone.client.set_foreground(false).unwrap();
    phone.client.start().unwrap();

    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;

    let succeeded = Event::OperationChanged { id, state: DeviceState::Succeeded };
    assert!(std::iter::from_fn(|| events.recv_timeout(DEADLINE).ok()).any(|event| event == succeeded));
    wait(phone.client.stop()).unwrap();
}

#[test]
fn a_refused_token_asks_for_sign_in_and_loses_nothing() {
    let phone = Phone::new(Mood::Locked);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        assert_eq!(phone.client.sync(DEADLINE, None).await, Err(ClientError::SignIn));

        assert_eq!(phone.client.list(Filter::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn a_stop_ends_a_hanging_sync_and_the_operation_stays() {
    let phone = Phone::new(Mood::Silent);
    let stop = Stop::new();
    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;
    let (client, stopped_by) = (Arc::clone(&phone.client), Arc::clone(&stop));
    let sync = std::thread::spawn(move || wait(client.sync(Duration::from_secs(600), Some(stopped_by))));
    phone.began.recv_timeout(DEADLINE).unwrap();

    stop.stop();

    assert_eq!(sync.join().unwrap(), Err(ClientError::Stopped));
    assert!(wait(phone.client.get(id)).unwrap().unwrap().state.is_unreceipted());
    let later = wait(phone.client.sync(DEADLINE, Some(stop)));
    assert_eq!(later, Err(ClientError::Stopped), "what begins with a used stop ends at once");
}

#[test]
fn a_panic_inside_reaches_the_app_as_an_error_and_the_client_goes_on() {
    let phone = Phone::new(Mood::Broken);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        let result = phone.client.sync(Duration::from_secs(1), None).await;

        assert!(matches!(result, Err(ClientError::Bug { .. })), "{result:?}");
        assert_eq!(phone.client.list(Filter::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn a_suspended_client_refuses_work_and_resumes() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        phone.client.suspend(DEADLINE).await.unwrap();
        assert!(matches!(phone.client.enqueue(sms("k")).await, Err(ClientError::NotOpen { .. })));

        phone.client.resume().await.unwrap();

        phone.client.enqueue(sms("k")).await.unwrap();
    });
}

#[test]
fn signing_out_counts_what_was_never_sent() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        let report = phone.client.logout(Logout::Keep, None).await.unwrap();

        assert_eq!((report.never_sent, report.maybe_sent, report.running), (1, 0, 0));
        assert_eq!(phone.client.recovery().unwrap(), None);
    });
}

#[test]
fn a_dropped_client_leaves_its_queue_to_the_next_one() {
    let folder = TempDir::new().unwrap();
    let (began, _) = mpsc::channel();
    let app = Arc::new(App { mood: Mood::Away, tokens: Mutex::default(), began });
    let first = open(folder.path(), &app).unwrap();
    let id = wait(first.enqueue(sms("k"))).unwrap().id;
    // Inside another runtime, where blocking is forbidden.
    wait(async move { drop(first) });

    let second = open(folder.path(), &app).unwrap();

    assert_eq!(wait(second.get(id)).unwrap().map(|record| record.id), Some(id));
}

#[test]
fn a_stopped_drain_signs_nobody_out() {
    let phone = Phone::new(Mood::Silent);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();
        let stop = Stop::new();
        let stopped = async {
            tokio::task::spawn_blocking(move || phone.began.recv().unwrap()).await.unwrap();
            stop.stop();
        };

        let drain = phone.client.logout(Logout::Drain { deadline: DEADLINE }, Some(Arc::clone(&stop)));
        let (drained, ()) = tokio::join!(drain, stopped);

        assert_eq!(drained, Err(ClientError::Stopped));
        phone.client.enqueue(sms("another")).await.unwrap();
        assert_eq!(phone.client.logout(Logout::Keep, None).await.unwrap().never_sent, 2);
    });
}
