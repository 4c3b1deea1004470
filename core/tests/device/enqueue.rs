use std::time::Duration;

use tarishi_core::{DeviceState, Error, Event, Filter, NewOperation, protocol::AfterOn};

use crate::{Phone, charge, charge_of, sms};

fn field(error: Error) -> (String, String) {
    let Error::InvalidInput(problem) = error else { panic!("{error}") };
    (problem.code, problem.field.unwrap_or_default())
}

#[tokio::test]
async fn an_operation_survives_the_end_of_the_process() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1")).await;
    assert_eq!(stored.state, DeviceState::Pending);
    let phone = phone.restart();
    assert_eq!(phone.get(stored.id).await, stored);
}

#[tokio::test]
async fn a_bad_operation_is_refused_offline_with_its_field_named() {
    let phone = Phone::new();
    let refused = |new| async { field(phone.client.enqueue(new).await.unwrap_err()) };
    let named = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    assert_eq!(refused(charge_of("k", "12.50")).await, named("amount_not_whole", "payload.amount"));
    assert_eq!(refused(NewOperation::new("mpesa", "charge", "{")).await.0, "invalid_value");
    assert_eq!(refused(NewOperation::new("mpesa", "steal", "{}")).await, named("unknown_action", "action"));
    let keyless = NewOperation { key: None, ..charge("k") };
    assert_eq!(refused(keyless).await, named("key_required", "key"));
    assert_eq!(refused(sms("x").with_ttl(Duration::ZERO)).await, named("invalid_value", "ttl"));
    assert_eq!(refused(sms("x").with_ordering_key("")).await, named("invalid_value", "ordering_key"));
    let stranger = tarishi_core::protocol::OperationId::generate();
    assert_eq!(refused(sms("x").with_after(stranger, AfterOn::Ended)).await, named("not_found", "after.operation_id"));
    assert_eq!(phone.all().await, []);
}

#[tokio::test]
async fn an_adapter_unknown_here_takes_free_json() {
    let phone = Phone::new();
    let stored = phone.add(NewOperation::new("library", "lend", r#"{"book":"A-1"}"#).with_version(3)).await;
    phone.sync().await;
    assert_eq!(phone.server.requests()[0].operations[0].version, 3);
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn a_double_tap_is_one_operation() {
    let phone = Phone::new();
    let first = phone.add(charge("fee-1")).await;
    let spelled_otherwise =
        r#"{ "reference":"FEE-1","phone":"+254712345678", "amount":{"currency":"KES","amount":"1000.00"} }"#;
    let second = phone.add(NewOperation::new("mpesa", "charge", spelled_otherwise).with_key("fee-1")).await;
    assert_eq!(first, second);
    assert_eq!(phone.client.enqueue(charge_of("fee-1", "2000.00")).await, Err(Error::KeyReused));
    assert_eq!(phone.all().await.len(), 1);
}

#[tokio::test]
async fn the_stored_bytes_are_sent_verbatim() {
    let phone = Phone::new();
    let text = "{ \"to\" : \"+254711000111\",\n \"message\": \"\\u0041\" }";
    phone.add(NewOperation::new("sms", "send", text)).await;
    phone.sync().await;
    assert_eq!(phone.server.requests()[0].operations[0].payload.get(), text);
}

#[tokio::test]
async fn many_at_once_each_have_their_answer_and_one_bad_one_spoils_no_other() {
    let phone = Phone::new();
    phone.add(charge("fee-1")).await;
    let many = vec![sms("a"), charge_of("fee-1", "7"), sms(""), charge("fee-1"), sms("b")];
    let stored = phone.client.enqueue_many(many).await.unwrap();
    let good: Vec<_> = stored.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, false, true, true]);
    assert_eq!(stored[1], Err(Error::KeyReused));
    assert_eq!(phone.all().await.len(), 3);
}

#[tokio::test]
async fn a_full_queue_says_so_and_has_room_again_when_something_ends() {
    let phone = Phone::with(|mut options| {
        options.quota_operations = 2;
        options
    });
    let first = phone.add(sms("a")).await;
    phone.add(sms("b")).await;
    assert_eq!(phone.client.enqueue(sms("c")).await, Err(Error::QueueFull));
    let phone = phone.restart_with(|mut options| {
        options.quota_operations = 2;
        options
    });
    assert_eq!(phone.client.enqueue(sms("c")).await, Err(Error::QueueFull), "counted after a restart too");
    phone.client.cancel(first.id).await.unwrap();
    phone.add(sms("c")).await;
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let phone = Phone::with(|mut options| {
        options.quota_bytes = 100;
        options
    });
    phone.add(sms("a")).await;
    phone.add(sms("b")).await;
    assert_eq!(phone.client.enqueue(sms("c")).await, Err(Error::QueueFull));
}

#[tokio::test]
async fn a_dropped_future_does_not_undo_an_enqueue() {
    let phone = Phone::new();
    let mut enqueue = Box::pin(phone.client.enqueue(charge("fee-1")));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = enqueue.as_mut().poll(&mut context);
    drop(enqueue);
    // A command behind it in the writer's queue is answered after it.
    phone.add(sms("behind")).await;
    assert_eq!(phone.all().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_share_a_commit_do_not_undo_each_other() {
    let phone = Phone::new();
    let mut tasks = Vec::new();
    for n in 0..200_u32 {
        let client = phone.client.clone();
        // Every third is refused by the database (the key was used), in the middle of a group.
        let new = if n % 3 == 0 { charge_of("shared", &n.to_string()) } else { sms(&n.to_string()) };
        tasks.push(tokio::spawn(async move { (n, client.enqueue(new).await) }));
    }
    let mut stored = 0;
    for task in tasks {
        let (_, result) = task.await.unwrap();
        match result {
            Ok(_) => stored += 1,
            Err(error) => assert!(matches!(error, Error::KeyReused | Error::InvalidInput(_)), "{error}"),
        }
    }
    assert_eq!(phone.all().await.len(), stored);
    assert!(stored >= 133);
}

#[tokio::test]
async fn the_app_hears_of_what_changed() {
    let phone = Phone::new();
    let mut events = phone.client.events();
    let stored = phone.add(sms("a")).await;
    phone.sync().await;
    let mut states = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::OperationChanged { id, state } = event {
            assert_eq!(id, stored.id);
            states.push(state);
        }
    }
    assert_eq!(states, [DeviceState::Pending, DeviceState::InFlight, DeviceState::Accepted]);
}

#[tokio::test]
async fn a_list_comes_in_pages_and_by_what_is_asked() {
    let phone = Phone::new();
    for n in 0..5 {
        phone.add(sms(&n.to_string()).with_ordering_key(format!("k{}", n % 2))).await;
    }
    phone.add(charge("fee-1")).await;
    let page = |filter: Filter| async { phone.client.list(filter).await.unwrap() };
    let first = page(Filter { limit: Some(2), ..Filter::default() }).await;
    let second = page(Filter { limit: Some(9), after: Some(first[1].seq), ..Filter::default() }).await;
    assert_eq!((first.len(), second.len()), (2, 4));
    assert_eq!(page(Filter { ordering_key: Some("k0".to_owned()), ..Filter::default() }).await.len(), 3);
    assert_eq!(page(Filter { adapter: Some("mpesa".to_owned()), ..Filter::default() }).await.len(), 1);
    assert_eq!(page(Filter { states: vec![DeviceState::Dead], ..Filter::default() }).await.len(), 0);
    let stats = phone.client.stats().await.unwrap();
    assert_eq!((stats["pending"], stats["dead"], stats.len()), (6, 0, 11));
}

#[tokio::test]
async fn what_is_shown_as_json_holds_no_payload() {
    let phone = Phone::new();
    let stored = phone.add(charge("fee-1")).await;
    let json = serde_json::to_value(&stored).unwrap();
    for name in ["id", "key", "adapter", "action", "state", "ordering_key", "created_at", "outcome", "problem"] {
        assert!(json.get(name).is_some(), "{name}");
    }
    let text = format!("{json} {stored:?} {:?}", charge("fee-1"));
    assert!(!text.contains("254712345678"));
}
