//! Strangers at the webhooks' door. Findings 19 and 27's quiet side.

mod every;
mod rows;

use tarishi_core::DeviceState;
use tarishi_server::config::SMS_WEBHOOK_TOKEN;

use super::world::{World, ended, enqueue};

/// Finding 19: path token before anything; nothing of a stranger's is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_with_a_wrong_token_is_not_found_and_leaves_nothing() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    let attempt = world.row(record.id).await.attempt_id.unwrap().simple().to_string();
    let before = (world.count("webhooks"), world.count("webhook_events"));

    let wrong = "0".repeat(32);
    for path in [
        format!("/h/{wrong}/dlr"),
        format!("/k/{attempt}/{wrong}"),
        format!("/k/{}/{wrong}", uuid::Uuid::new_v4().simple()),
        format!("/k/nonsense/{wrong}"),
        format!("/api/v2/integrations/sms/webhook/{wrong}"),
        format!("/api/v2/integrations/mpesa/webhook/{SMS_WEBHOOK_TOKEN}/dlr"),
    ] {
        let answer = world.http.post(format!("{}{path}", world.url())).body("id=1&status=Success").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }

    assert_eq!((world.count("webhooks"), world.count("webhook_events")), before);
    assert_eq!(world.row(record.id).await.state, tarishi_protocol::State::Succeeded);
}

/// Finding 19: the older path is the default tenant's own, with its token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_path_takes_the_token_of_its_own_adapter() {
    let world = World::start().await;
    let url = format!("{}/api/v2/integrations/sms/webhook/{SMS_WEBHOOK_TOKEN}/dlr", world.url());
    let form = [("id", "ATXid_unknown"), ("status", "Success"), ("phoneNumber", "+254711000111")];

    let answer = world.http.post(url).form(&form).send().await.unwrap();

    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(world.count("webhooks"), 1);
}
