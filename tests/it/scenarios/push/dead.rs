//! Tokens that die, only where the provider says so of the token; and whose a token is.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tarishi_core::DeviceState;

use super::{
    super::world::{World, ended, enqueue},
    IPHONE, fault, handset, messages, problem, ready, register, send, sent, shown, statuses, to,
};

fn tokens(world: &World) -> i64 {
    world.count("push_tokens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_removed_and_the_other_phones_are_reached() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-gone").await;
    handset(&world, "amina", "fcm", "fcm-alive").await;
    handset(&world, "amina", "apns", IPHONE).await;
    world.hosted.sandbox.add_fault(fault().matching("fcm-gone").result("UNREGISTERED"));
    world.hosted.sandbox.add_fault(fault().matching(IPHONE).result("Unregistered"));
    let (desk, record) = send(&world, ready(&to("amina"))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(statuses(&record), BTreeSet::from(["accepted".to_owned(), "dead".to_owned()]));
    assert_eq!((tokens(&world), sent(&world, "fcm-alive").len()), (1, 1));

    let record = enqueue(&desk, ready(&to("amina"))).await;
    assert_eq!(messages(&ended(&desk, record.id).await).len(), 1, "the dead are not tried again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_dies_of_no_other_code() {
    let world = World::start().await;
    let desk = world.phone("desk", "desk").await;
    for (index, (kind, code, dead)) in [
        ("fcm", "UNREGISTERED", true),
        ("fcm", "SENDER_ID_MISMATCH", true),
        ("fcm", "INVALID_ARGUMENT", true),
        ("fcm", "NOT_FOUND", false),
        ("fcm", "PERMISSION_DENIED", false),
        ("fcm", "THIRD_PARTY_AUTH_ERROR", false),
        ("apns", "Unregistered", true),
        ("apns", "ExpiredToken", true),
        ("apns", "DeviceTokenNotForTopic", true),
        ("apns", "Unregistered:old", false),
        ("apns", "BadCollapseId", false),
        ("apns", "PayloadTooLarge", false),
        ("apns", "InvalidProviderToken", false),
        ("apns", "TooManyProviderTokenUpdates", false),
    ]
    .into_iter()
    .enumerate()
    {
        let (account, token) = (format!("user-{index}"), format!("00{index:062}"));
        let before = tokens(&world);
        handset(&world, &account, kind, &token).await;
        let id = world.hosted.sandbox.add_fault(fault().matching(&token).result(code));
        let record = enqueue(&desk, ready(&to(&account))).await;
        let record = ended(&desk, record.id).await;
        let told = problem(&record);
        let wanted = code.strip_suffix(":old").unwrap_or(code);
        assert_eq!((record.state, told.1.as_deref()), (DeviceState::Failed, Some(wanted)), "{code}");
        assert_eq!(tokens(&world) - before, i64::from(!dead), "{code}");
        world.hosted.sandbox.remove_fault(id);
    }
    assert!(world.hosted.sandbox.ledger().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_apple_s_other_host_is_found_there_and_dies_only_if_it_is_at_neither() {
    let world = World::start().await;
    let development = format!("de5e{}", &IPHONE[4..]);
    handset(&world, "amina", "apns", &development).await;
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!((record.state, sent(&world, &development).len()), (DeviceState::Succeeded, 1));
    assert_eq!(tokens(&world), 1);

    world.hosted.sandbox.add_fault(fault().matching(&development).result("BadDeviceToken").times(1));
    let record = enqueue(&desk, ready(&to("amina"))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!(problem(&record).1.as_deref(), Some("BadDeviceToken"));
    assert_eq!((tokens(&world), sent(&world, &development).len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_registers_while_its_old_token_is_found_dead_keeps_the_new_one() {
    let world = World::start().await;
    let own = handset(&world, "amina", "fcm", "fcm-of-amina").await;
    world.hosted.sandbox.add_fault(fault().result("UNREGISTERED").delay_ms(700).times(1));
    let fault_sleeps = async {
        tokio::time::sleep(std::time::Duration::from_millis(350)).await;
        // The same token: some phones are given it anew.
        register(&world, &own, &json!({ "kind": "fcm", "token": "fcm-of-amina" })).await
    };
    let ((_, record), status) = tokio::join!(send(&world, ready(&to("amina"))), fault_sleeps);
    assert_eq!((record.state, status), (DeviceState::Failed, StatusCode::NO_CONTENT));
    assert_eq!(tokens(&world), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_belongs_to_one_account_and_goes_with_its_device() {
    let world = World::start().await;
    let app = world.hosted.server.app();
    handset(&world, "amina", "fcm", "the-shared-phone").await;
    // Another account signs in on the same phone.
    let baraka = handset(&world, "baraka", "fcm", "the-shared-phone").await;
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(problem(&record), ("provider_rejected".to_owned(), Some("no_device".to_owned())));
    let record = enqueue(&desk, ready(&to("baraka"))).await;
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(shown(&world, "the-shared-phone"), 1);

    let url = format!("{}/api/v2/devices/me/push-token", world.url());
    let answer = world.http.request(Method::DELETE, &url).bearer_auth(&baraka).send().await.unwrap();
    assert_eq!((answer.status(), tokens(&world)), (StatusCode::NO_CONTENT, 0));

    handset(&world, "chebet", "fcm", "fcm-of-chebet").await;
    let devices = app.store.devices("default", None, 100).await.unwrap();
    let device = devices.into_iter().find(|device| device.account == "chebet").unwrap();
    app.store.revoke_device("default", &device.device, app.clock.now_ms()).await.unwrap();
    assert_eq!(tokens(&world), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_s_users_are_nobody() {
    let world = World::start().await;
    let app = world.hosted.server.app();
    let other = tarishi_server::store::TenantRow { tenant: "other".to_owned(), ..app.store.tenants().await.unwrap().remove(0) };
    app.store.create_tenant(other).await.unwrap();
    let (device, token) = app.enrol("other", "amina", tarishi_server::store::Grants::default()).await.unwrap();
    assert_eq!(register(&world, &token, &json!({ "kind": "fcm", "token": "fcm-of-amina" })).await, StatusCode::NO_CONTENT);
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(problem(&record).1.as_deref(), Some("no_device"));
    let record = enqueue(&desk, ready(&json!({ "device": device.device }))).await;
    assert_eq!(problem(&ended(&desk, record.id).await).1.as_deref(), Some("no_device"));
    assert!(world.hosted.sandbox.ledger().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_is_none_is_refused_with_its_field() {
    let world = World::start().await;
    let own = world.token("amina", &["*:*"]).await;
    for (body, status) in [
        (json!({ "kind": "sms", "token": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "kind": "apns", "token": "not hex" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "kind": "fcm", "token": "" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "kind": "fcm", "token": "a\nb" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "kind": "fcm", "token": "x".repeat(4_097) }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(register(&world, &own, &body).await, status, "{body}");
    }
    let key = world.key("desk", &["*:*"]).await;
    let by_key = register(&world, &key, &json!({ "kind": "fcm", "token": "x" })).await;
    assert_eq!((by_key, tokens(&world)), (StatusCode::FORBIDDEN, 0));
}
