//! Webhooks that are read again from the store.

use axum::{Json, Router, http::StatusCode};
use reqwest::Method;
use serde_json::{Value, json};
use tarishi_server::{
    adapters::Hook,
    clock::Clock,
    config::{PESAPAL_WEBHOOK_TOKEN, WHATSAPP_WEBHOOK_TOKEN},
    store::WebhookRow,
};

use crate::{
    commands,
    host::{Host, send},
};

/// A provider of messages that takes every one.
async fn provider() -> String {
    let recipient = json!({
        "statusCode": 101, "number": "+254712345678", "status": "Success", "cost": "KES 0.8000", "messageId": "ATXid_1",
    });
    let body = json!({ "SMSMessageData": { "Message": "Sent to 1/1", "Recipients": [recipient] } });
    let answer = async move || (StatusCode::CREATED, Json(body));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

async fn reprocess(host: &Host) -> Value {
    commands::run(host.folder.path(), &["--json", "webhooks", "reprocess"]).await.json()
}

#[tokio::test]
async fn a_webhook_that_nobody_understood_is_read_again_and_settled_once() {
    let url = provider().await;
    let host = Host::start_with(Clock::system(), |config| config.sandbox = Some(url)).await;
    let key = host.key("default", &["*:*"]).await;
    let request = host.request(Method::POST, "/api/v2/integrations/sms/send", &key).header("idempotency-key", "k1");
    let sent = send(request.json(&json!({ "to": "+254712345678", "message": "hello" }))).await.json();
    assert_eq!((&sent["state"], &sent["outcome"]["messages"][0]["status"]), (&json!("succeeded"), &json!("accepted")));
    // As a version left it that knew no such report.
    let webhook = WebhookRow {
        tenant: "default".to_owned(),
        adapter: "sms".to_owned(),
        attempt: None,
        path: "/dlr".to_owned(),
        query: String::new(),
        body: b"id=ATXid_1&status=Success&phoneNumber=%2B254712345678".to_vec(),
        received_at: host.server.app().clock.now_ms(),
    };
    host.server.app().store.store_webhook(webhook, Vec::new()).await.unwrap();

    let first = reprocess(&host).await;
    let again = reprocess(&host).await;

    assert_eq!(first, json!({ "webhooks": 1, "unreadable": 0, "news": 1 }));
    assert_eq!(again, json!({ "webhooks": 0, "unreadable": 0, "news": 0 }), "what was settled is left alone");
    let shown = host.get(&format!("/api/v2/operations/{}", sent["id"].as_str().unwrap()), &key).await.json();
    assert_eq!(shown["outcome"]["messages"][0]["status"], "delivered");
}

#[tokio::test]
async fn what_says_nothing_to_us_is_kept_and_can_be_read_again() {
    let host = Host::start().await;
    let told = "OrderTrackingId=b945e4af-80a5-4ec1-8706-e03f8332fb04&OrderMerchantReference=another-shop&OrderNotificationType=IPNCHANGE";
    let shake = "hub.mode=subscribe&hub.verify_token=sandbox-whatsapp-verify&hub.challenge=1158201444";
    assert_eq!(host.get(&format!("/h/{PESAPAL_WEBHOOK_TOKEN}/ipn?{told}"), "").await.status, 200);
    assert_eq!(host.get(&format!("/h/{WHATSAPP_WEBHOOK_TOKEN}?{shake}"), "").await.bytes, b"1158201444");

    let book = rusqlite::Connection::open(&host.server.app().config.database).unwrap();
    let mut kept = book.prepare("SELECT adapter, query FROM webhooks ORDER BY webhook_id").unwrap();
    let kept = kept.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let kept: Vec<(String, String)> = kept.map(Result::unwrap).collect();

    let is = |adapter: &str, query: &str| (adapter.to_owned(), query.to_owned());
    assert_eq!(kept, [is("pesapal", told), is("whatsapp", "")], "a handshake's query holds a secret and tells nothing");
    assert_eq!(reprocess(&host).await, json!({ "webhooks": 1, "unreadable": 0, "news": 0 }));
    book.execute("UPDATE webhooks SET query = 'nothing=1'", []).unwrap();
    assert_eq!(reprocess(&host).await, json!({ "webhooks": 0, "unreadable": 2, "news": 0 }));
}

/// The store keeps no signatures and no addresses, so what was verified when it came is believed.
#[tokio::test]
async fn a_stored_webhook_needs_no_signature_and_any_other_does() {
    let host = Host::start().await;
    let app = host.server.app();
    for (adapter, rest, body) in [
        ("mpesa", "", include_str!("../../src/adapters/mpesa/fixtures/callback_paid.json")),
        ("sms", "/dlr", "id=ATXid_1&status=Success&phoneNumber=%2B254712345678"),
        ("whatsapp", "", include_str!("../../src/adapters/whatsapp/fixtures/webhook_status_delivered.json")),
        ("flutterwave", "", include_str!("../../src/adapters/flutterwave/fixtures/webhook_paid.json")),
    ] {
        let mut settings = app.effective("default", adapter).await.unwrap().unwrap().settings;
        for name in ["callback_allowed_ips", "webhook_allowed_ips"] {
            settings.0.insert(name.to_owned(), "196.201.214.200".to_owned());
        }
        let hook = Hook {
            attempt_id: (adapter == "mpesa").then(uuid::Uuid::nil),
            action: (adapter == "mpesa").then_some("charge"),
            rest,
            query: "",
            headers: &[],
            peer: None,
            body: body.as_bytes(),
            verified: true,
            settings: &settings,
            now: app.clock.now(),
        };
        assert!(app.adapters[adapter].read_webhook(&hook).is_ok(), "{adapter}");
        assert!(app.adapters[adapter].read_webhook(&Hook { verified: false, ..hook }).is_err(), "{adapter}");
    }
}
