//! Credentials that a tenant's admin sets come out nowhere: not in answers, problems, logs or `Debug`.

use std::{fs, sync::Mutex};

use reqwest::{Method, header};
use serde_json::{Map, Value, json};
use tarishi_server::{
    adapters::{Descriptor, registry},
    integrations::Change,
};
use tracing_subscriber::filter::LevelFilter;

use crate::host::{Answer, Host, send};

/// In every secret of these tests.
const CANARY: &str = "cAnArY";

/// A text in every secret; `shape` decides what else is in it, since an adapter may say why it does not like one.
fn secrets(descriptor: &Descriptor, shape: &str) -> Map<String, Value> {
    let secret = descriptor.settings.iter().filter(|spec| spec.secret);
    secret.map(|spec| (spec.name.to_owned(), json!(shape.replace("NAME", &format!("{CANARY}-{}", spec.name))))).collect()
}

/// Something in every setting that is no secret, so that the settings are whole and are looked at.
fn others(descriptor: &Descriptor) -> Map<String, Value> {
    let open = descriptor.settings.iter().filter(|spec| !spec.secret && spec.required);
    open.map(|spec| (spec.name.to_owned(), json!("600123"))).collect()
}

struct Seen(Vec<String>);

impl Seen {
    fn answer(&mut self, what: &str, answer: &Answer) {
        let headers = format!("{:?}", answer.headers);
        self.text(what, &format!("{headers} {}", String::from_utf8_lossy(&answer.bytes)));
    }

    fn text(&mut self, what: &str, text: &str) {
        if let Some(at) = text.find(CANARY) {
            let around: String = text[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
            self.0.push(format!("{what}: …{around}{CANARY}…"));
        }
    }
}

#[tokio::test]
async fn no_credential_comes_out_again_whatever_is_wrong_with_the_request() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let into = Mutex::new(log.reopen().unwrap());
    // All of this test runs in this thread, the server with it.
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(into).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let host = Host::start().await;
    let admin = host.key("school", &["admin", "logs:read", "*:*"]).await;
    let weak = host.key("school", &["*:*"]).await;
    let mut seen = Seen(Vec::new());
    let (mut stored, mut kept) = (0, 0);

    for (name, adapter) in registry() {
        let path = format!("/api/v2/integrations/{name}");
        let descriptor = adapter.descriptor();
        // The plain one comes last: it is what lies in the database at the end.
        for shape in [
            "",
            "NAME with spaces\nand lines",
            "{\"private_key\": \"NAME\"}",
            "-----BEGIN PRIVATE KEY-----\nNAME\n-----END",
            "NAME",
        ] {
            let credentials = secrets(descriptor, shape);
            let bodies = [
                json!({ "credentials": credentials }),
                json!({ "credentials": credentials, "settings": others(descriptor) }),
                json!({ "credentials": credentials, "settings": others(descriptor), "enabled": true }),
                json!({ "settings": credentials }),
                json!({ "credentials": credentials, "settings": { "colour": "red" } }),
                json!({ "credentials": credentials, "paused": ["fly"] }),
                json!({ "credentials": [format!("{CANARY}-in-a-list")] }),
                json!({ "credentials": { "api_key": { "deep": format!("{CANARY}-deep") } } }),
                json!({ "credentials": { "api_key": [1, format!("{CANARY}-list")] } }),
                json!({ "credentials": format!("{CANARY}-as-text") }),
                json!({ "enabled": format!("{CANARY}-as-a-switch") }),
                json!({ "paused": format!("{CANARY}-as-pause") }),
            ];
            for body in &bodies {
                let answer = host.put(&path, &admin, body).await;
                stored += u32::from(answer.status == 200);
                seen.answer(&format!("PUT {name}"), &answer);
                seen.answer(&format!("PUT {name} without the scope"), &host.put(&path, &weak, body).await);
            }
        }
        for text in [format!("{{\"credentials\": {{\"api_key\": \"{CANARY}"), CANARY.to_owned(), format!("[\"{CANARY}\"]")] {
            let request = host.request(Method::PUT, &path, &admin).header(header::CONTENT_TYPE, "application/json").body(text);
            seen.answer(&format!("PUT {name} of no JSON"), &send(request).await);
        }
        for (what, key) in [("admin", &admin), ("weak", &weak)] {
            seen.answer(&format!("GET {name} as {what}"), &host.get(&path, key).await);
            seen.answer(&format!("status of {name} as {what}"), &host.get(&format!("{path}/status"), key).await);
        }
        let effective = host.server.app().effective("school", name).await.unwrap().unwrap();
        kept += usize::from(effective.settings.0.values().any(|text| text.contains(CANARY)));
        seen.text("Debug of what is in effect", &format!("{effective:?}"));
        let row = host.server.app().store.integration("school", name).await.unwrap();
        seen.text("Debug of the row", &format!("{row:?}"));
        let lies = row.and_then(|row| row.credentials).unwrap_or_default();
        seen.text("the row's bytes", &String::from_utf8_lossy(&lies));
    }
    for path in
        ["/api/v2/integrations", "/api/v2/integrations/logs", "/api/v2/operations", "/openapi.json", "/metrics", "/health"]
    {
        seen.answer(path, &host.get(path, &admin).await);
    }
    let settings = [("api_key".to_owned(), Some(format!("{CANARY}-change")))].into();
    seen.text("Debug of a change", &format!("{:?}", Change { settings, ..Change::default() }));
    seen.text("Debug of the app", &format!("{:?} {:?}", host.server, host.server.app()));
    let database = fs::read(host.folder.path().join("tarishi.db")).unwrap();
    seen.text("the database", &String::from_utf8_lossy(&database));
    let wal = fs::read(host.folder.path().join("tarishi.db-wal")).unwrap_or_default();
    seen.text("the database's log", &String::from_utf8_lossy(&wal));
    host.server.stop().await;
    drop(guard);

    let log = fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("answered"), "the log was not caught");
    seen.text("the log", &log);
    assert!(kept >= 4, "only {kept} adapters hold secrets at the end");
    assert!(stored >= 6, "{stored} changes were stored");
    assert!(seen.0.is_empty(), "{}", seen.0.join("\n"));
}
