//! Who else may knock at WhatsApp's webhook, and Meta's own handshake.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tarishi_protocol::State;
use tarishi_sandbox::CallbackFault;
use tarishi_server::{config::WHATSAPP_WEBHOOK_TOKEN, store::TenantRow};

use super::{
    super::world::{World, eventually},
    AMINA, fault, send, sent, set, template,
};

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn status_body(wamid: &str, word: &str) -> String {
    let status = json!({ "id": wamid, "status": word, "timestamp": "1795486800" });
    let value = json!({ "metadata": { "phone_number_id": "100000000000001" }, "statuses": [status] });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }] })
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_meta_did_not_sign_for_us_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().callback(CallbackFault::Lost));
    let (_, record) = send(&world, template(&json!(AMINA))).await;
    let wamid = sent(&world, AMINA)[0].provider_id.clone().unwrap();
    let app = world.hosted.server.app();
    let tenant = TenantRow { tenant: "other".to_owned(), ..app.store.tenants().await.unwrap().remove(0) };
    app.store.create_tenant(tenant).await.unwrap();
    let (other, secret) = ("b".repeat(40), "another-secret");
    let credentials = [
        ("webhook_token", other.as_str()),
        ("app_secret", secret),
        ("verify_token", "v"),
        ("access_token", "t"),
        ("phone_number_id", "2"),
    ];
    set(&world, "other", &credentials).await;
    let before = (world.count("webhooks"), world.count("webhook_events"));

    let body = status_body(&wamid, "read");
    let good = signature("sandbox-whatsapp-secret", &body);
    let large = format!("{body}{}", " ".repeat(3 * 1024 * 1024));
    for (token, body, header, status) in [
        (WHATSAPP_WEBHOOK_TOKEN, &status_body(&wamid, "failed"), Some(good.as_str()), 403),
        (WHATSAPP_WEBHOOK_TOKEN, &body, None, 401),
        (WHATSAPP_WEBHOOK_TOKEN, &body, Some("sha256=00"), 403),
        (WHATSAPP_WEBHOOK_TOKEN, &large, Some(&signature("sandbox-whatsapp-secret", &large)), 413),
        (&"0".repeat(40), &body, Some(&good), 404),
        (&other, &body, Some(&good), 403),
    ] {
        let mut request = world.http.post(format!("{}/h/{token}", world.url())).body(body.clone());
        request = header.into_iter().fold(request, |request, header| request.header("X-Hub-Signature-256", header));
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{header:?}");
    }
    // Another tenant that signs with its own secret cannot speak of our messages either.
    let own = status_body(&wamid, "failed").replace("100000000000001", "2");
    let request = world.http.post(format!("{}/h/{other}", world.url())).header("X-Hub-Signature-256", signature(secret, &own));
    assert_eq!(request.body(own).send().await.unwrap().status().as_u16(), 200);

    eventually("the other tenant's is kept apart", async || world.count("webhooks") == before.0 + 1).await;
    let row = world.row(record.id).await;
    assert_eq!((row.state, &row.outcome.unwrap()["messages"][0]["status"]), (State::Succeeded, &json!("accepted")));
    assert_eq!(world.count("webhook_events"), before.1 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handshake_gives_meta_s_challenge_back() {
    let world = World::start().await;
    let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";
    for path in
        [format!("/h/{WHATSAPP_WEBHOOK_TOKEN}"), format!("/api/v2/integrations/whatsapp/webhook/{WHATSAPP_WEBHOOK_TOKEN}")]
    {
        let url = format!("{}{path}?{query}", world.url());
        let answer = world.http.get(format!("{url}sandbox-whatsapp-verify")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.text().await.unwrap(), "1158201444");
        assert_eq!(world.http.get(format!("{url}guess")).send().await.unwrap().status().as_u16(), 403);
    }
}
