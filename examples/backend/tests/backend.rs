//! The program as it is started, beside a real server: a phone is enrolled, and deliveries are taken as Tarishi makes them.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tarishi_server::{
    Config, Server,
    clock::Clock,
    store::{Grants, TenantRow},
};
use tempfile::TempDir;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Nobody listens there: no provider is needed.
const NO_SANDBOX: &str = "http://127.0.0.1:9";

/// Everything here happens sooner.
const SOON: Duration = Duration::from_secs(30);

/// The program; it is gone when this is.
struct Backend {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Fails when it has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Backend {
    fn start(server: &str, key: &str, secret: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tarishi-backend"));
        command.env_clear().env("TARISHI_SERVER", server).env("TARISHI_KEY", key);
        command.envs(secret.map(|secret| ("TARISHI_WEBHOOK_SECRET", secret)));
        let mut child = command.env("BACKEND_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || out.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// What follows these words on the next line it prints.
    fn told(&self, words: &str) -> String {
        let line = self.lines.recv_timeout(SOON).unwrap();
        line.strip_prefix(words).unwrap_or_else(|| panic!("{line}")).to_owned()
    }
}

async fn server() -> (Server, String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Config::for_tests(folder.path(), NO_SANDBOX)).await.unwrap();
    let app = server.app();
    app.store.create_tenant(TenantRow { tenant: "school".into(), name: "School".into(), created_at: 0 }).await.unwrap();
    let grants = Grants { scopes: vec!["admin".to_owned(), "local_storage:upload".to_owned()], ..Grants::default() };
    let key = app.make_api_key("school", "backend", grants).await.unwrap();
    (server, key, folder)
}

/// The only client of these tests.
#[expect(clippy::disallowed_methods, reason = "plays Tarishi and the phone")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One delivery, as Tarishi makes it; the status of the answer.
async fn deliver(url: &str, id: &str, timestamp: i64, body: &Value, secret: &str) -> u16 {
    let body = body.to_string();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let request = client()
        .post(url)
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    request.body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_enrolled_for_what_it_may_do() {
    let (server, key, _folder) = server().await;
    let backend = Backend::start(&server.url(), &key, Some(SECRET));

    let token = backend.told("phone ");

    let me = client().get(format!("{}/api/v2/devices/me", server.url())).bearer_auth(token);
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    assert_eq!((&me["tenant"], &me["account"]), (&json!("school"), &json!("amina")), "{me}");
    assert_eq!(me["scopes"], json!(["mpesa:charge", "local_storage:upload"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_event_is_printed_once_and_a_forged_one_never() {
    let (server, key, _folder) = server().await;
    let backend = Backend::start(&server.url(), &key, Some(SECRET));
    backend.told("phone ");
    let url = backend.told("events at ");
    let now = Clock::system().now().timestamp();
    let event = |kind: &str| json!({ "id": "evt_1", "type": kind, "created_at": "2026-11-24T08:00:00Z", "data": {} });
    let (succeeded, failed) = (event("operation.succeeded"), event("operation.failed"));

    let other = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(deliver(&url, "msg_0", now, &failed, other).await, 401, "signed by a stranger");
    assert_eq!(deliver(&url, "msg_0", now - 3_600, &failed, SECRET).await, 401, "played back an hour later");
    assert_eq!(client().post(&url).body(failed.to_string()).send().await.unwrap().status().as_u16(), 401, "not signed");
    assert_eq!(deliver(&url, "msg_1", now, &succeeded, SECRET).await, 204);
    assert_eq!(deliver(&url, "msg_1", now, &succeeded, SECRET).await, 204, "the same again");
    assert_eq!(deliver(&url, "msg_2", now, &failed, SECRET).await, 204);

    assert_eq!(backend.told("event "), "\"operation.succeeded\" msg_1");
    assert_eq!(backend.told("event "), "\"operation.failed\" msg_2", "nothing was printed between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_at_the_server_is_told_to_the_backend_that_subscribed() {
    let (server, key, _folder) = server().await;
    let backend = Backend::start(&server.url(), &key, None);
    backend.told("phone ");
    backend.told("events at ");

    let file = json!({ "destination": "report.txt", "content_base64": "aGVsbG8=" });
    let request = client().post(format!("{}/api/v2/integrations/local_storage/upload", server.url())).bearer_auth(&key);
    let ended = request.header("idempotency-key", "k1").json(&file).send().await.unwrap();

    let ended: Value = ended.json().await.unwrap();
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert!(backend.told("event ").starts_with("\"operation.succeeded\" "));
}
