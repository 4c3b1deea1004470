//! The door of FCM and APNs: who has no good token gets nothing through. What goes through is tested with the server.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::host::Host;

/// Three parts, and no signature of anybody's.
const FORGED: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IlNBTkRCT1hLRVkifQ.eyJpc3MiOiJTQU5EQk9YT1JHIiwiaWF0IjoxfQ.AAAA";

#[expect(clippy::disallowed_methods, reason = "a client that speaks as APNs wants it")]
fn http2() -> Client {
    Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

async fn told(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn apns_is_spoken_over_http2_alone() {
    let host = Host::new().await;
    let url = format!("{}/push/3/device/00fc", host.sandbox.url());
    assert_eq!(told(host.client.post(&url).body("{}")).await.0, 505);
    assert_eq!(told(http2().post(&url).body("{}")).await, (403, json!({ "reason": "MissingProviderToken" })));
    let forged = http2().post(&url).header("authorization", format!("bearer {FORGED}")).body("{}");
    assert_eq!(told(forged).await, (403, json!({ "reason": "InvalidProviderToken" })));
    assert!(host.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn google_gives_no_token_for_an_assertion_that_is_not_signed() {
    let host = Host::new().await;
    let url = format!("{}/push/token", host.sandbox.url());
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    for (grant, assertion, error) in
        [(grant, FORGED, "invalid_grant"), (grant, "", "invalid_grant"), ("password", FORGED, "unsupported_grant_type")]
    {
        let (status, body) = told(host.client.post(&url).form(&[("grant_type", grant), ("assertion", assertion)])).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)));
    }
    assert_eq!(host.sandbox.push_tokens(), (0, 0));
}

#[tokio::test]
async fn fcm_takes_nothing_without_a_token_it_gave() {
    let host = Host::new().await;
    let url = format!("{}/push/v1/projects/sandbox-project/messages:send", host.sandbox.url());
    for request in [host.client.post(&url), host.client.post(&url).bearer_auth("ya29.mine")] {
        let (status, body) = told(request.json(&json!({ "message": { "token": "a" } }))).await;
        assert_eq!((status, &body["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
    }
    assert!(host.sandbox.ledger().is_empty());
}
