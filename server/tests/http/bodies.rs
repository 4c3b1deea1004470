//! Bodies are bounded as they travel and once they are unpacked; a body cut short is never read as a shorter one.

use reqwest::Method;
use tarishi_protocol::{
    codec::gzip,
    limits::{DECODED_BYTES_MAX, ENCODED_BYTES_MAX},
};

use crate::host::{Answer, Host, file, operation, send};

async fn post(host: &Host, token: &str, body: Vec<u8>, encoding: &str) -> Answer {
    let request = host.request(Method::POST, "/api/v2/sync", token).body(body);
    send(if encoding.is_empty() { request } else { request.header("content-encoding", encoding) }).await
}

/// An exchange of exactly this many bytes: JSON may end in spaces.
fn padded(host: &Host, bytes: usize) -> Vec<u8> {
    let mut body = host.exchange("acc", &[]).to_string().into_bytes();
    body.resize(bytes, b' ');
    body
}

fn too_large() -> (u16, String) {
    (413, "body_too_large".to_owned())
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;

    assert_eq!(post(&host, &token, padded(&host, ENCODED_BYTES_MAX), "").await.status, 200);
    assert_eq!(post(&host, &token, padded(&host, ENCODED_BYTES_MAX + 1), "").await.problem(), too_large());
}

#[tokio::test]
async fn the_largest_unpacked_body_is_taken_and_a_bomb_is_not() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;

    assert_eq!(post(&host, &token, gzip(&padded(&host, DECODED_BYTES_MAX)), "gzip").await.status, 200);
    assert_eq!(post(&host, &token, gzip(&padded(&host, DECODED_BYTES_MAX + 1)), "gzip").await.problem(), too_large());
    assert_eq!(post(&host, &token, gzip(&vec![0; 64 * 1024 * 1024]), "gzip").await.problem(), too_large());
}

#[tokio::test]
async fn a_packed_exchange_is_read_and_a_truncated_one_is_not() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let body = |name: &str| {
        gzip(host.exchange("acc", &[operation(name, "local_storage", "upload", &file(name))]).to_string().as_bytes())
    };
    let bad = (400, "bad_encoding".to_owned());

    assert_eq!(post(&host, &token, body("whole"), "gzip").await.json()["receipts"][0]["status"], "accepted");
    let mut cut = body("cut");
    cut.truncate(cut.len() - 5);
    assert_eq!(post(&host, &token, cut, "gzip").await.problem(), bad);
    assert_eq!(post(&host, &token, b"no gzip".to_vec(), "gzip").await.problem(), bad);
    assert_eq!(post(&host, &token, body("brotli"), "br").await.problem(), bad);
}

#[tokio::test]
async fn a_body_is_not_read_before_the_token_is_known() {
    let host = Host::start().await;
    let answer = post(&host, "td_default_aa_bb", gzip(&vec![0; 1024 * 1024]), "gzip").await;
    assert_eq!(answer.problem(), (401, "unauthorized".to_owned()));
}

#[tokio::test]
async fn a_webhook_has_a_limit_too() {
    let host = Host::start().await;
    let request = host.request(Method::POST, "/h/unknown", "").body(vec![b'x'; 3 * 1024 * 1024 + 1]);
    assert_eq!(send(request).await.problem(), too_large());
}

#[tokio::test]
async fn answers_above_512_bytes_are_packed_on_request() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    for name in ["a", "b", "c"] {
        host.upload(&key, name).await;
    }
    for path in ["/api/v2/integrations/logs", "/api/v2/operations"] {
        let plain = host.get(path, &key).await;
        assert!(plain.bytes.len() > 512);
        assert_eq!(plain.header("content-encoding"), "");

        let packed = send(host.request(Method::GET, path, &key).header("accept-encoding", "gzip")).await;

        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        assert!(packed.bytes.len() < plain.bytes.len());
        let unpacked = tarishi_protocol::codec::gunzip(&packed.bytes, DECODED_BYTES_MAX).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&unpacked).unwrap(), plain.json());
    }
    let small = send(host.request(Method::GET, "/health", "").header("accept-encoding", "gzip")).await;
    assert_eq!(small.header("content-encoding"), "");
}
