//! A new master key while everything goes on: consents, phones and uploads work as before, also after a restart.

use reqwest::Method;
use serde_json::json;
use tarishi_core::DeviceState;
use tarishi_sandbox::{Adapter, Call, Effect, Fault};
use tarishi_server::{rotation, store::SealedKind, vault::Vault};

use super::{
    google_drive::{connect, effects, upload},
    push::{handset, ready, sent, to},
    world::{World, ended, enqueue, eventually},
};

/// Rotates, and sees that what was sealed before is sealed anew and that the old key opens nothing of it.
async fn rotate(world: &World) {
    let app = world.hosted.server.app();
    let old = Vault::new(app.vault.ring(), None);
    let done = rotation::rotate(app, true, &mut |_| Ok(())).await.unwrap();
    let rows = app.store.sealed_otherwise(0, None, 100).await.unwrap();
    for kind in [SealedKind::AuthToken, SealedKind::OAuthGrant, SealedKind::PushToken] {
        assert!(rows.iter().any(|row| row.kind == kind), "{kind:?}");
    }
    for row in rows {
        let purpose = row.kind.purpose(&row.name);
        assert_eq!(row.sealed[0], done.current, "{row:?}");
        assert!(old.open(&row.tenant, &purpose, &row.sealed).is_err(), "{row:?}");
        assert!(app.vault.open(&row.tenant, &purpose, &row.sealed).is_ok(), "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_and_a_consent_work_after_a_rotation_and_a_restart() {
    let world = World::start().await;
    connect(&world).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let desk = world.phone("desk", "desk").await;
    let both = async |world: &World, name: &str, times: usize| {
        for new in [ready(&to("amina")), upload(name)] {
            let record = enqueue(&desk, new).await;
            let record = ended(&desk, record.id).await;
            assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
        }
        assert_eq!((sent(world, "fcm-of-amina").len(), effects(world, Effect::File, name).len()), (times, 1));
    };
    both(&world, "before.txt", 1).await;

    rotate(&world).await;
    both(&world, "after.txt", 2).await;

    let World { hosted, intents, folder, http } = world;
    let world = World { hosted: hosted.restart().await.unwrap(), intents, folder, http };
    both(&world, "restarted.txt", 3).await;
    assert_eq!(world.hosted.sandbox.push_tokens().0, 1, "the access token was kept");
    let key = world.key("backend", &["admin"]).await;
    let url = format!("{}/api/v2/integrations/google_drive", world.url());
    let shown = world.http.request(Method::GET, url).bearer_auth(key).send().await.unwrap();
    assert_eq!(shown.json::<serde_json::Value>().await.unwrap()["oauth"]["status"], json!("active"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_has_begun_is_one_file_after_a_rotation() {
    let world = World::start().await;
    connect(&world).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, ready(&to("amina"))).await;
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    // The bytes arrive, the answer does not: what is known of the session is in the books.
    let lost = world.hosted.sandbox.add_fault(Fault::on(Adapter::GoogleDrive, Call::Chunk).timeout_after().times(1));
    let record = enqueue(&desk, upload("a.txt")).await;
    let meanwhile = async {
        eventually("its bytes are there", async || effects(&world, Effect::File, "a.txt").len() == 1).await;
        rotate(&world).await;
    };
    let (record, ()) = tokio::join!(ended(&desk, record.id), meanwhile);

    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    assert!(!world.hosted.sandbox.remove_fault(lost), "the answer was lost");
    assert_eq!(effects(&world, Effect::File, "a.txt").len(), 1);
}
