//! The command line, beside a running server and alone.

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use serde_json::Value;
use tarishi_server::{
    commands::{Cli, run_with},
    config::Sources,
};

use crate::host::{Host, file, operation};

pub(crate) struct Ran {
    pub(crate) code: ExitCode,
    out: String,
    err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().next().unwrap_or_else(|| panic!("{}", self.err))).unwrap()
    }
}

pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let database = folder.join("tarishi.db");
    let start = ["tarishi-server", "--database", database.to_str().unwrap(), "--sandbox", "http://127.0.0.1:9"];
    let cli = Cli::try_parse_from(start.iter().chain(arguments)).unwrap();
    let empty = folder.join("none.toml");
    std::fs::write(&empty, "").unwrap();
    let sources = Sources { file: Some(empty), ..Sources::default() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run_with(cli, Some(sources), &mut out, &mut err).await;
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

#[tokio::test]
async fn a_device_is_enrolled_beside_a_running_server() {
    let host = Host::start().await;

    let ran = run(host.folder.path(), &["device", "enrol", "--account", "acc_1"]).await;

    let made = ran.json();
    let fields: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["account", "device", "tenant", "token"]);
    assert!(ran.err.contains("*:*"));
    let token = made["token"].as_str().unwrap();
    assert_eq!(host.get("/api/v2/devices/me", token).await.json()["account"], "acc_1");

    assert_eq!(run(host.folder.path(), &["device", "revoke", made["device"].as_str().unwrap()]).await.code, ExitCode::SUCCESS);
    assert_eq!(host.get("/api/v2/devices/me", token).await.status, 401);
}

#[tokio::test]
async fn a_key_is_of_its_tenant() {
    let host = Host::start().await;
    let folder = host.folder.path();
    assert_eq!(run(folder, &["tenant", "key", "--tenant", "school"]).await.code, ExitCode::FAILURE);
    assert_eq!(run(folder, &["tenant", "create", "school", "--name", "Green Hill"]).await.code, ExitCode::SUCCESS);
    assert_eq!(run(folder, &["tenant", "create", "school"]).await.code, ExitCode::FAILURE);
    assert_eq!(run(folder, &["tenant", "create", "Not An Id"]).await.code, ExitCode::from(2));

    let key = run(folder, &["tenant", "key", "--tenant", "school", "--scopes", "logs:read"]).await.json();

    let key = key["key"].as_str().unwrap();
    assert_eq!(host.get("/api/v2/integrations/logs", key).await.status, 200);
    assert_eq!(run(folder, &["tenant", "revoke-key", key, "--tenant", "school"]).await.code, ExitCode::SUCCESS);
    assert_eq!(host.get("/api/v2/integrations/logs", key).await.status, 401);
}

#[tokio::test]
async fn execute_performs_it_alone_where_nobody_serves() {
    let folder = tempfile::tempdir().unwrap();
    let payload = file("a").to_string();
    let execute = ["execute", "local_storage", "upload", &payload, "--key", "k1", "--json"];

    let first = run(folder.path(), &execute).await;
    let again = run(folder.path(), &execute).await;

    assert_eq!(first.code, ExitCode::SUCCESS, "{}", first.err);
    assert_eq!(first.json()["state"], "succeeded");
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert!(folder.path().join("files/default/a.txt").exists());
    let listed = run(folder.path(), &["operations", "list", "--json"]).await;
    assert_eq!(listed.json()["account"], "operator");
    assert_eq!(listed.out.lines().count(), 1);
    assert_eq!(run(folder.path(), &["logs", "--json"]).await.json()["result"], "succeeded");
    assert_eq!(run(folder.path(), &["execute", "local_storage", "upload", &payload]).await.code, ExitCode::from(2));
    assert_eq!(run(folder.path(), &["execute", "nobody", "x", "{}", "--key", "k"]).await.code, ExitCode::FAILURE);
}

#[tokio::test]
async fn execute_waits_for_the_server_that_serves() {
    let host = Host::start().await;
    let ran =
        run(host.folder.path(), &["execute", "local_storage", "upload", &file("a").to_string(), "--key", "k1", "--json"]).await;
    assert_eq!(ran.json()["state"], "succeeded", "{}", ran.err);
}

#[tokio::test]
async fn an_adapter_is_set_and_paused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();

    assert_eq!(run(folder, &["adapter", "set", "mpesa", "shortcode=600999", "passkey=hidden"]).await.code, ExitCode::SUCCESS);
    assert_eq!(run(folder, &["adapter", "set", "mpesa", "colour=red"]).await.code, ExitCode::FAILURE);
    assert_eq!(run(folder, &["adapter", "pause", "mpesa", "charge"]).await.code, ExitCode::SUCCESS);
    assert_eq!(run(folder, &["adapter", "disable", "sms"]).await.code, ExitCode::SUCCESS);

    let shown = run(folder, &["adapter", "show", "mpesa"]).await.out;
    assert!(shown.contains("600999") && !shown.contains("hidden"), "{shown}");
    let listed = run(folder, &["adapter", "list", "--json"]).await.out;
    assert!(listed.contains("\"paused\":[\"charge\"]"), "{listed}");
    assert!(listed.lines().any(|line| line.contains("\"sms\"") && line.contains("\"enabled\":false")), "{listed}");
}

#[tokio::test]
async fn a_webhook_address_is_made_for_the_provider() {
    let host = Host::start().await;
    let ran = run(host.folder.path(), &["adapter", "webhook-url", "sms", "--json"]).await;
    let url = ran.json()["url"].as_str().unwrap().to_owned();
    let token = url.rsplit('/').next().unwrap();
    let known = host.server.app().store.webhook_token(tarishi_server::vault::Vault::token_hash(token)).await.unwrap();
    assert_eq!(known, Some(("default".to_owned(), "sms".to_owned())));
    assert_eq!(run(host.folder.path(), &["adapter", "webhook-url", "local_storage"]).await.code, ExitCode::FAILURE);
}

#[tokio::test]
async fn a_held_operation_is_cancelled_from_the_command_line() {
    let host = Host::start().await;
    let device = host.device("acc", &["*:*"]).await;
    let message = |text: &str| serde_json::json!({ "to": "+254712345678", "message": text });
    let mut batch = [operation("a", "sms", "send", &message("a")), operation("b", "sms", "send", &message("b"))];
    batch.iter_mut().for_each(|operation| operation["ordering_key"] = "class".into());
    host.sync(&device, "acc", &batch).await;
    let id = batch[1]["id"].as_str().unwrap();

    assert_eq!(run(host.folder.path(), &["operations", "cancel", id]).await.code, ExitCode::SUCCESS);

    assert_eq!(run(host.folder.path(), &["operations", "show", id, "--json"]).await.json()["state"], "cancelled");
    assert_eq!(run(host.folder.path(), &["redrive", id]).await.code, ExitCode::FAILURE);
    assert_eq!(run(host.folder.path(), &["resolve", id, "--failed", "x"]).await.code, ExitCode::FAILURE);
    assert_eq!(run(host.folder.path(), &["resolve", id, "--succeeded", "no json"]).await.code, ExitCode::from(2));
}

#[tokio::test]
async fn migrate_doctor_and_restore_say_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(run(folder, &["migrate"]).await.code, ExitCode::SUCCESS);
    let doctor = run(folder, &["doctor"]).await;
    assert_eq!(doctor.code, ExitCode::SUCCESS, "{}{}", doctor.out, doctor.err);
    let restored = run(folder, &["restore", "--json"]).await;
    assert!(!restored.json()["store_id"].as_str().unwrap().is_empty());
    let health = run(folder, &["health", "local_storage", "--json"]).await;
    assert_eq!(health.json()["status"], "ok", "{}", health.err);
    assert_eq!(run(folder, &["health", "mpesa"]).await.code, ExitCode::FAILURE);
}

#[tokio::test]
async fn restore_is_refused_while_somebody_serves() {
    let host = Host::start().await;
    let ran = run(host.folder.path(), &["restore"]).await;
    assert_eq!(ran.code, ExitCode::FAILURE);
    assert!(ran.err.contains("lock"), "{}", ran.err);
}
