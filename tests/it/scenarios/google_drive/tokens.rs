//! Access tokens: refreshed ahead of their end, by one worker alone, and never lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use reqwest::Method;
use tarishi_core::DeviceState;
use tarishi_sandbox::{Call, Effect};
use tarishi_server::{App, adapters::Disposition, app::DEFAULT_TENANT, dispatch::tokens};

use super::{
    World,
    consent::{ask, books, connect, shown},
    done, effects, ended, enqueue, eventually, fault, upload,
};

const EXPIRE: &str = "UPDATE oauth_grants SET refresh_at = 0, expires_at = 0";

async fn token(app: &App) -> Result<String, tarishi_server::adapters::AdapterError> {
    let settings = app.effective(DEFAULT_TENANT, "google_drive").await.unwrap().unwrap().settings;
    let token = tokens::errand_token(app, DEFAULT_TENANT, &*app.adapters["google_drive"], &settings).await?;
    Ok(token.unwrap())
}

async fn version(world: &World) -> i64 {
    world.hosted.server.app().store.oauth_grant(DEFAULT_TENANT, "google_drive").await.unwrap().unwrap().version
}

/// Another process on the same books.
async fn replica(world: &World) -> Arc<App> {
    Arc::new(tarishi_server::server::beside(world.hosted.server.app().config.clone(), None).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_with_many_callers_refresh_once_and_the_replaced_token_is_kept() {
    let world = World::start().await;
    connect(&world).await;
    let other = replica(&world).await;
    for round in 1..=3 {
        // Slow, and the refresh token is replaced; a second refresh would meet the second.
        let first = fault(Call::Token).result("rotate").delay_ms(300).times(1);
        let [first, second] =
            [first, fault(Call::Token).delay_ms(1).times(1)].map(|fault| world.hosted.sandbox.add_fault(fault));
        assert_eq!(books(&world, EXPIRE), 1);
        let before = version(&world).await;
        let mut callers = tokio::task::JoinSet::new();
        for app in [world.hosted.server.app(), &other] {
            for _ in 0..4 {
                let app = Arc::clone(app);
                callers.spawn(async move { token(&app).await.unwrap() });
            }
        }
        let tokens: BTreeSet<String> = callers.join_all().await.into_iter().collect();
        assert_eq!((tokens.len(), version(&world).await), (1, before + 1), "round {round}");
        assert!(!world.hosted.sandbox.remove_fault(first), "it was refreshed");
        assert!(world.hosted.sandbox.remove_fault(second), "once");
    }
    assert_eq!(shown(&world).await["status"], "active");
    let phone = world.phone("phone", "amina").await;
    done(&phone, upload("a.txt")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_token_is_kept_although_its_caller_is_gone() {
    let world = World::start().await;
    connect(&world).await;
    let before = version(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Token).result("rotate").delay_ms(500).times(1));
    books(&world, EXPIRE);
    let app = Arc::clone(world.hosted.server.app());
    let caller = tokio::spawn(async move { token(&app).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    caller.abort();
    eventually("it is stored", async || version(&world).await == before + 1).await;
    books(&world, EXPIRE);
    token(world.hosted.server.app()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_refreshed_ahead_of_its_end_and_outlives_an_outage_of_the_token_address() {
    let world = World::start().await;
    connect(&world).await;
    let app = world.hosted.server.app();
    let first = token(app).await.unwrap();
    assert_eq!(token(app).await.unwrap(), first);
    books(&world, "UPDATE oauth_grants SET refresh_at = 0");
    world.hosted.sandbox.add_fault(fault(Call::Token).status(503).times(3));
    assert_eq!(token(app).await.unwrap(), first, "it is good for a while still");
    assert_ne!(token(app).await.unwrap(), first);

    books(&world, EXPIRE);
    world.hosted.sandbox.add_fault(fault(Call::Token).status(503).times(3));
    assert_eq!(token(app).await.unwrap_err().disposition, Disposition::Transient);
    world.hosted.sandbox.add_fault(fault(Call::Token).timeout_after().times(1));
    token(app).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_was_taken_back_makes_operations_wait_until_somebody_consents_anew() {
    let world = World::start().await;
    connect(&world).await;
    let phone = world.phone("phone", "amina").await;
    books(&world, EXPIRE);
    world.hosted.sandbox.add_fault(fault(Call::Token).result("invalid_grant").times(1));
    let record = enqueue(&phone, upload("late.txt")).await;
    phone.sync(Duration::from_secs(5), None).await.unwrap();
    eventually("a human is wanted", async || shown(&world).await["status"] == "needs_consent").await;
    eventually("it waits", async || world.row(record.id).await.state.as_str() == "ready").await;
    let another = enqueue(&phone, upload("later.txt")).await;
    phone.sync(Duration::from_secs(5), None).await.unwrap();
    let key = world.key("backend", &["admin"]).await;
    let health = format!("{}/api/v2/integrations/health/google_drive", world.url());
    let health: serde_json::Value = serde_json::from_str(&ask(&world, Method::GET, &health, &key, "").await.body).unwrap();
    assert_eq!((&health["status"], health["message"].as_str().unwrap().contains("connect anew")), (&"down".into(), true));

    connect(&world).await;
    for (id, path) in [(record.id, "late.txt"), (another.id, "later.txt")] {
        assert_eq!(ended(&phone, id).await.state, DeviceState::Succeeded);
        assert_eq!(effects(&world, Effect::File, path).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_refused_is_the_operator_s() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    world.hosted.sandbox.add_fault(fault(Call::Token).result("invalid_client").times(1));
    let record = enqueue(&phone, upload("a.txt")).await;
    let problem = ended(&phone, record.id).await.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.provider_code.as_deref()), ("misconfigured", Some("invalid_client")));
    assert!(problem.detail.contains("client_secret"), "{}", problem.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_drive_refuses_is_replaced_at_once() {
    let world = World::start().await;
    connect(&world).await;
    let phone = world.phone("phone", "amina").await;
    let before = version(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Chunk).status(401).times(1));
    done(&phone, upload("a.txt")).await;
    assert_eq!(version(&world).await, before + 2, "marked, then refreshed");
    assert_eq!(effects(&world, Effect::File, "a.txt").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refresh_token_in_the_settings_serves_until_an_account_is_connected() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    done(&phone, upload("a.txt")).await;
    assert_eq!(shown(&world).await["status"], "from_settings");
    world.hosted.sandbox.add_fault(fault(Call::Token).result("invalid_grant").times(1));
    books(&world, EXPIRE);
    let app = world.hosted.server.app();
    assert_eq!(token(app).await.unwrap_err().disposition, Disposition::RateLimited);
    connect(&world).await;
    token(app).await.unwrap();
    done(&phone, upload("b.txt")).await;
}
