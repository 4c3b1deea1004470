//! A new master key: everything is sealed anew, beside a running server, and a rotation that died is gone on with.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead as _, BufReader, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use clap::Parser as _;
use serde_json::json;
use tarishi_protocol::OperationId;
use tarishi_server::{
    App, Config,
    clock::Clock,
    commands::{Cli, run_with},
    config::{MasterKey, Sources},
    integrations::Change,
    rotation::{self, PAGE, RotationError},
    store::{AuthTokenRow, SealedKind, TenantRow},
    vault::{KeyRing, Vault},
};
use uuid::Uuid;

use crate::host::Host;

/// More than two pages of credentials.
const TENANTS: u32 = 2 * PAGE + 20;

/// A pipe that breaks after so many lines.
struct Pipe {
    lines_left: u32,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lines_left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.lines_left -= u32::from(bytes.contains(&b'\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn rotate(folder: &Path, master_key: Option<&str>, lines: u32) -> (ExitCode, String) {
    let database = folder.join("tarishi.db");
    let arguments = [
        "tarishi-server",
        "--database",
        database.to_str().unwrap(),
        "--sandbox",
        "http://127.0.0.1:9",
        "--json",
        "credentials",
        "rotate",
    ];
    let empty = folder.join("none.toml");
    std::fs::write(&empty, "").unwrap();
    let environment: BTreeMap<_, _> =
        master_key.map(|key| ("TARISHI_MASTER_KEY".to_owned(), key.to_owned())).into_iter().collect();
    let sources = Sources { file: Some(empty), environment, ..Sources::default() };
    let (mut out, mut err) = (Vec::new(), Pipe { lines_left: lines });
    let code = run_with(Cli::try_parse_from(arguments).unwrap(), Some(sources), &mut out, &mut err).await;
    (code, String::from_utf8(out).unwrap())
}

async fn fill(app: &App) {
    for tenant in 0..TENANTS {
        let tenant = format!("t{tenant:03}");
        let row = TenantRow { tenant: tenant.clone(), name: tenant.clone(), created_at: 1 };
        app.store.create_tenant(row).await.unwrap();
        let settings = BTreeMap::from([("api_key".to_owned(), Some(format!("secret-of-{tenant}")))]);
        app.change_integration(&tenant, "sms", Change { settings, ..Change::default() }).await.unwrap();
    }
    let sealed = app.vault.seal("t000", &SealedKind::AuthToken.purpose("mpesa"), b"token");
    let row = AuthTokenRow { tenant: "t000".to_owned(), adapter: "mpesa".to_owned(), sealed, expires_at: 9 };
    app.store.put_auth_token(row).await.unwrap();
}

/// How many values lie under each key.
async fn under(app: &App, key: u8) -> u32 {
    let all = app.store.sealed_otherwise(0, None, 10_000).await.unwrap();
    u32::try_from(all.iter().filter(|row| row.sealed[0] == key).count()).unwrap()
}

async fn every_secret_opens(app: &App) {
    for tenant in 0..TENANTS {
        let tenant = format!("t{tenant:03}");
        let row = app.store.integration(&tenant, "sms").await.unwrap().unwrap();
        let plain = app.vault.open(&tenant, "credentials:sms", &row.credentials.unwrap()).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), json!({ "api_key": format!("secret-of-{tenant}") }).to_string());
    }
    let token = app.store.auth_token("t000", "mpesa").await.unwrap().unwrap();
    assert_eq!(app.vault.open("t000", "auth_token:mpesa", &token.sealed).unwrap(), b"token");
}

fn names(vault: &Vault) -> BTreeSet<String> {
    let (operation, attempt) = (OperationId(Uuid::from_u128(1)), Uuid::from_u128(2));
    BTreeSet::from([
        vault.effect_key("t000", operation, 0),
        vault.callback_token("t000", attempt),
        vault.cursor("t000", "logs", attempt),
        vault.next_secret("t000", "device", "secret", 1),
    ])
}

fn ring(folder: &Path) -> KeyRing {
    MasterKey::Beside.ring(&folder.join("tarishi.db")).unwrap()
}

#[tokio::test]
async fn a_rotation_that_dies_in_the_middle_loses_nothing_and_is_gone_on_with_beside_the_server() {
    let host = Host::start().await;
    let (app, folder) = (host.server.app(), host.folder.path());
    fill(app).await;
    let before = names(&app.vault);
    let old = ring(folder);

    let (code, _) = rotate(folder, None, 1).await;
    assert_eq!(code, ExitCode::FAILURE);
    let (first, second) = (under(app, 1).await, under(app, 2).await);
    assert_eq!((first, second), (TENANTS + 1 - 2 * PAGE, 2 * PAGE));
    every_secret_opens(app).await;
    assert_eq!(ring(folder).ids().collect::<Vec<_>>(), [1, 2]);

    let (code, out) = rotate(folder, None, 100).await;
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(out.trim(), json!({ "key": 2, "old_key_removed": true, "resealed": first }).to_string());
    assert_eq!((under(app, 1).await, under(app, 2).await), (0, TENANTS + 1));
    every_secret_opens(app).await;
    assert_eq!(names(&app.vault), before);
    assert_eq!(ring(folder).ids().collect::<Vec<_>>(), [2]);
    assert_ne!(ring(folder).get(2), old.get(1));

    let config = app.config.clone();
    let Host { server, folder, .. } = host;
    server.stop().await;
    let again = tarishi_server::server::beside(config, None).await.unwrap();
    every_secret_opens(&again).await;
    assert_eq!(names(&again.vault), before);
    again.store.close().await;
    drop(folder);
}

#[tokio::test]
async fn a_rotation_that_is_killed_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::for_tests(folder.path(), "http://127.0.0.1:9");
    let app = tarishi_server::server::beside(config, None).await.unwrap();
    fill(&app).await;
    let before = names(&app.vault);

    let mut killed = Command::new(env!("CARGO_BIN_EXE_tarishi-server"))
        .args(["--database", "tarishi.db", "credentials", "rotate"])
        .current_dir(folder.path())
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(killed.stderr.take().unwrap()).read_line(&mut line).unwrap();
    // SIGKILL, on Unix.
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(line.contains("sealed anew"), "{line}");
    assert!(under(&app, 2).await >= PAGE);
    every_secret_opens(&app).await;

    assert_eq!(rotate(folder.path(), None, 100).await.0, ExitCode::SUCCESS);
    every_secret_opens(&app).await;
    let key = ring(folder.path());
    assert!(!key.has_older());
    assert_eq!(under(&app, key.current()).await, TENANTS + 1);
    assert_eq!(names(&app.vault), before);
    app.store.close().await;
}

#[tokio::test]
async fn keys_of_the_environment_rotate_once_the_server_knows_the_new_one() {
    let (old, new) = (KeyRing::one([3; 32]), KeyRing::one([3; 32]).with_new([4; 32]));
    let texts = (old.to_text().replace('\n', ","), new.to_text().replace('\n', ","));
    let host = Host::start_with(Clock::system(), |config| config.master_key = MasterKey::Given(old.clone())).await;
    let (app, folder) = (host.server.app(), host.folder.path());
    fill(app).await;
    let before = names(&app.vault);

    assert_eq!(rotate(folder, Some(&texts.0), 100).await.0, ExitCode::from(2), "there is no new key");
    assert_eq!(rotate(folder, Some(&texts.1), 100).await.0, ExitCode::FAILURE, "the server does not know it");
    assert_eq!(under(app, 1).await, TENANTS + 1);

    let mut config = app.config.clone();
    let Host { server, folder, .. } = host;
    server.stop().await;
    config.master_key = MasterKey::Given(new.clone());
    let server = tarishi_server::Server::start(config.clone()).await.unwrap();
    let (code, out) = rotate(folder.path(), Some(&texts.1), 100).await;
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(out.contains("\"old_key_removed\":false"), "{out}");
    every_secret_opens(server.app()).await;
    server.stop().await;

    config.master_key = MasterKey::Given(new.without_older());
    let app = tarishi_server::server::beside(config.clone(), None).await.unwrap();
    every_secret_opens(&app).await;
    assert_eq!(names(&app.vault), before);
    app.store.close().await;
    config.master_key = MasterKey::Given(old);
    let error = tarishi_server::server::beside(config, None).await.unwrap_err();
    assert!(error.to_string().contains("not this database's"), "{error}");
}

#[tokio::test]
async fn nothing_is_stored_under_a_key_that_is_on_its_way_out() {
    let host = Host::start_with(Clock::system(), |config| config.master_key = MasterKey::Given(KeyRing::one([3; 32]))).await;
    let admin = host.key("school", &["admin"]).await;
    host.server.app().store.require_key(2).await.unwrap();

    let body = json!({ "credentials": { "api_key": "late-secret" } });
    let answer = host.put("/api/v2/integrations/sms", &admin, &body).await;

    assert_eq!(answer.problem(), (500, "internal".to_owned()));
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("late-secret"));
    assert!(host.server.app().store.integration("school", "sms").await.unwrap().is_none());
    assert_eq!(host.put("/api/v2/integrations/sms", &admin, &json!({ "enabled": false })).await.status, 200);
}

#[tokio::test]
async fn a_value_that_does_not_open_is_named_and_keeps_the_old_key() {
    let host = Host::start().await;
    let app = host.server.app();
    fill(app).await;
    let mut row = app.store.integration("t007", "sms").await.unwrap().unwrap();
    *row.credentials.as_mut().unwrap().last_mut().unwrap() ^= 1;
    app.store.put_integration(row).await.unwrap();

    let error = rotation::rotate(app, false, &mut |_| Ok(())).await.unwrap_err();

    let RotationError::Unreadable(1, name) = error else { panic!("{error}") };
    assert_eq!(name, "tenant t007, credentials:sms");
    assert_eq!((under(app, 1).await, under(app, 2).await), (1, TENANTS));
    assert!(ring(host.folder.path()).has_older());
}
