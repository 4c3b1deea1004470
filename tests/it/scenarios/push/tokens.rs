//! Access tokens and provider tokens: fetched once, kept, renewed; what happens when none can be had.

use serde_json::json;
use tarishi_core::DeviceState;
use tarishi_sandbox::{Adapter, Call, Fault};
use tarishi_server::integrations::Change;

use super::{
    super::world::{World, ended, enqueue},
    IPHONE, fault, handset, messages, problem, ready, send, sent, statuses, to,
};

fn token_fault() -> Fault {
    Fault::on(Adapter::Push, Call::Token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sends_at_once_ask_for_one_token_of_each_kind() {
    let world = World::start().await;
    let desk = world.phone("desk", "desk").await;
    world.hosted.sandbox.add_fault(token_fault().delay_ms(300));
    let mut records = Vec::new();
    for index in 0..10 {
        let (account, token) = (format!("user-{index}"), format!("00{index:062}"));
        handset(&world, &account, if index % 2 == 0 { "fcm" } else { "apns" }, &token).await;
        records.push(enqueue(&desk, ready(&to(&account))).await);
    }
    for record in records {
        assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    }
    assert_eq!((world.hosted.sandbox.push_tokens(), world.hosted.sandbox.ledger().len()), ((1, 1), 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_goes_on_with_the_tokens_it_had() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    handset(&world, "amina", "apns", IPHONE).await;
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    let World { hosted, intents, folder, http } = world;
    let world = World { hosted: hosted.restart().await.unwrap(), intents, folder, http };
    let record = enqueue(&desk, ready(&to("amina"))).await;

    // Apple refuses all provider tokens of a key for a while when they change within 20 minutes.
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(world.hosted.sandbox.push_tokens(), (1, 1));
    assert_eq!((sent(&world, "fcm-of-amina").len(), sent(&world, IPHONE).len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_that_ends_before_its_time_is_renewed_once() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let (desk, _) = send(&world, ready(&to("amina"))).await;
    world.hosted.sandbox.revoke_push_tokens();
    let record = enqueue(&desk, ready(&to("amina"))).await;
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    assert_eq!((world.hosted.sandbox.push_tokens().0, sent(&world, "fcm-of-amina").len()), (2, 2));

    // One that is refused again is no matter of its age.
    world.hosted.sandbox.add_fault(fault().result("UNAUTHENTICATED"));
    let record = enqueue(&desk, ready(&to("amina"))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!(problem(&record), ("misconfigured".to_owned(), Some("UNAUTHENTICATED".to_owned())));
    assert_eq!((world.hosted.sandbox.push_tokens().0, sent(&world, "fcm-of-amina").len()), (3, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_that_ends_between_two_tries_is_renewed_too() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let (desk, _) = send(&world, ready(&to("amina"))).await;
    world.hosted.sandbox.add_fault(fault().timeout_after().times(1));
    world.hosted.sandbox.add_fault(fault().timeout_before().times(1));
    world.hosted.sandbox.add_fault(fault().result("UNAUTHENTICATED").times(1));
    let record = enqueue(&desk, ready(&to("amina"))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!((record.state, world.hosted.sandbox.push_tokens().0), (DeviceState::Succeeded, 2));
    assert_eq!(messages(&record)[0]["reason"], "possible_duplicate");
    assert_eq!(sent(&world, "fcm-of-amina").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_provider_token_that_apple_calls_expired_is_kept_and_the_clock_is_named() {
    let world = World::start().await;
    handset(&world, "amina", "apns", IPHONE).await;
    world.hosted.sandbox.add_fault(fault().result("ExpiredProviderToken").times(1));
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(problem(&record), ("misconfigured".to_owned(), Some("ExpiredProviderToken".to_owned())));
    assert!(record.problem.unwrap().detail.contains("clock"));
    let record = enqueue(&desk, ready(&to("amina"))).await;
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(world.hosted.sandbox.push_tokens().1, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_call_that_fails_for_now_is_made_again() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    world.hosted.sandbox.add_fault(token_fault().status(503).times(1));
    world.hosted.sandbox.add_fault(token_fault().timeout_before().times(1));
    world.hosted.sandbox.add_fault(token_fault().timeout_after().times(1));
    world.hosted.sandbox.add_fault(token_fault().result("internal_failure").times(1));
    let (_, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert!(messages(&record)[0].get("reason").is_none(), "nothing was sent that could be doubled");
    assert_eq!(sent(&world, "fcm-of-amina").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_that_google_refuses_does_not_hold_up_iphones() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    world.hosted.sandbox.add_fault(token_fault().result("invalid_grant"));
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(problem(&record), ("misconfigured".to_owned(), Some("invalid_grant".to_owned())));

    handset(&world, "amina", "apns", IPHONE).await;
    let record = enqueue(&desk, ready(&to("amina"))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(statuses(&record).into_iter().collect::<Vec<_>>(), ["accepted", "rejected"]);
    assert_eq!((sent(&world, "fcm-of-amina").len(), sent(&world, IPHONE).len()), (0, 1));
    assert_eq!(world.count("push_tokens"), 2, "no token is dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_a_provider_that_is_not_set_up_says_which_setting_is_missing() {
    let world = World::start().await;
    handset(&world, "amina", "apns", IPHONE).await;
    let settings = [("apns_key_id".to_owned(), Some(String::new()))].into_iter().collect();
    let change = Change { settings, ..Change::default() };
    let refused = world.hosted.server.app().change_integration("default", "push", change).await.unwrap_err();
    assert!(refused.to_string().contains("apns_key_id"), "{refused}");

    let settings = [("apns_key_p8".to_owned(), Some(String::new()))].into_iter().collect();
    let change = Change { settings, ..Change::default() };
    world.hosted.server.app().change_integration("default", "push", change).await.unwrap();
    let (_, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(problem(&record).0, "misconfigured");
    assert!(record.problem.unwrap().detail.contains("apns_key_p8"));
    assert_eq!(json!(world.hosted.sandbox.ledger().len()), json!(0));
}
