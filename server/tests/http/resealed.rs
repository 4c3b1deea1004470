//! Every place where something is sealed moves to a new master key: a place that is added belongs in this list.

use reqwest::Method;
use serde_json::json;
use tarishi_server::{
    App,
    config::MasterKey,
    rotation::{self, RotationError},
    store::{AuthTokenRow, Error, GrantStatus, OAuthGrantRow, OAuthStateRow, SealedKind, SubscriptionRow},
    vault::{KeyRing, Vault, VaultError},
};

use crate::host::{Host, send};

const TENANT: &str = "default";
const HASH: [u8; 32] = [9; 32];

fn grant(vault: &Vault) -> OAuthGrantRow {
    OAuthGrantRow {
        tenant: TENANT.to_owned(),
        adapter: "google_drive".to_owned(),
        status: GrantStatus::Active,
        sealed: vault.seal(TENANT, "oauth_grant:google_drive", b"grant"),
        refresh_at: 1,
        expires_at: 1,
        version: 0,
        updated_at: 1,
    }
}

fn state(vault: &Vault) -> OAuthStateRow {
    OAuthStateRow {
        state_hash: HASH,
        tenant: TENANT.to_owned(),
        adapter: "google_drive".to_owned(),
        browser_hash: None,
        sealed: vault.seal(TENANT, "oauth_state:google_drive", b"state"),
        expires_at: 1_000,
    }
}

fn token(vault: &Vault) -> AuthTokenRow {
    let sealed = vault.seal(TENANT, "auth_token:push/fcm:school", b"token");
    AuthTokenRow { tenant: TENANT.to_owned(), adapter: "push/fcm:school".to_owned(), sealed, expires_at: 9 }
}

fn subscription(vault: &Vault) -> SubscriptionRow {
    SubscriptionRow {
        tenant: TENANT.to_owned(),
        id: "5ab5c71b".to_owned(),
        url: "https://school.example.org/hooks".to_owned(),
        types: vec!["payment.received".to_owned()],
        sealed: vault.seal(TENANT, "subscription:5ab5c71b", b"signing"),
        created_at: 1,
        disabled_at: None,
    }
}

/// One value in every place, put there as the server puts it.
async fn fill(host: &Host) {
    let app = host.server.app();
    let admin = host.key(TENANT, &["admin"]).await;
    let phone = host.device("amina", &["*:*"]).await;
    let body = json!({ "credentials": { "api_key": "secret" } });
    assert_eq!(host.put("/api/v2/integrations/sms", &admin, &body).await.status, 200);
    let body = json!({ "kind": "fcm", "token": "fcm-of-amina" });
    assert_eq!(host.put("/api/v2/devices/me/push-token", &phone, &body).await.status, 204);
    app.store.put_oauth_grant(grant(&app.vault), None).await.unwrap();
    app.store.put_oauth_state(state(&app.vault), 1).await.unwrap();
    app.store.put_auth_token(token(&app.vault)).await.unwrap();
    assert!(app.store.create_subscription(subscription(&app.vault), 1).await.unwrap());
}

/// What lies in each place, opened.
async fn opened(app: &App) -> Vec<(SealedKind, String, String)> {
    let rows = app.store.sealed_otherwise(0, None, 100).await.unwrap();
    let open = |kind: SealedKind, name: &str, sealed: &[u8]| app.vault.open(TENANT, &kind.purpose(name), sealed).unwrap();
    rows.into_iter()
        .map(|row| {
            let plain = String::from_utf8(open(row.kind, &row.name, &row.sealed)).unwrap();
            (row.kind, row.name, plain)
        })
        .collect()
}

#[tokio::test]
async fn every_place_is_sealed_anew_and_the_old_key_opens_none_of_them() {
    let host = Host::start().await;
    let app = host.server.app();
    let old = app.vault.ring();
    fill(&host).await;
    let before = opened(app).await;
    let kinds: Vec<_> = before.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, SealedKind::ALL);
    let plain: Vec<_> = before.iter().map(|(_, _, plain)| plain.as_str()).collect();
    assert_eq!(plain, [r#"{"api_key":"secret"}"#, "token", "grant", "state", "fcm-of-amina", "signing"]);

    let done = rotation::rotate(app, true, &mut |_| Ok(())).await.unwrap();

    assert_eq!(done.resealed, SealedKind::ALL.len());
    assert_eq!(opened(app).await, before);
    assert!(app.store.sealed_otherwise(done.current, None, 100).await.unwrap().is_empty());
    let lost = Vault::new(old.clone(), None);
    // The same number with the old bytes is no way in either.
    let forged = Vault::new(KeyRing::one([0; 32]).with_new(*old.get(old.current()).unwrap()), None);
    for row in app.store.sealed_otherwise(0, None, 100).await.unwrap() {
        let purpose = row.kind.purpose(&row.name);
        assert_eq!(lost.open(TENANT, &purpose, &row.sealed), Err(VaultError::UnknownKey(done.current)));
        assert_eq!(forged.open(TENANT, &purpose, &row.sealed), Err(VaultError::DoesNotOpen));
    }
    let taken = app.store.take_oauth_state("google_drive", HASH, None, 2).await.unwrap().unwrap();
    assert_eq!(app.vault.open(TENANT, "oauth_state:google_drive", &taken.sealed).unwrap(), b"state");
}

#[tokio::test]
async fn no_place_takes_what_is_sealed_with_a_key_on_its_way_out() {
    let host = Host::start().await;
    let app = host.server.app();
    app.store.require_key(2).await.unwrap();
    let old = Vault::new(app.vault.ring(), None);

    let refused = [
        app.store.put_oauth_grant(grant(&old), None).await.map(drop),
        app.store.put_oauth_state(state(&old), 1).await,
        app.store.put_auth_token(token(&old)).await,
        app.store.create_subscription(subscription(&old), 1).await.map(drop),
        app.store.reseal_subscription(TENANT, "5ab5c71b", Vec::new(), subscription(&old).sealed).await.map(drop),
    ];

    assert!(refused.iter().all(|refused| matches!(refused, Err(Error::Key(_)))), "{refused:?}");
    let phone = host.device("amina", &["*:*"]).await;
    let request = host.request(Method::PUT, "/api/v2/devices/me/push-token", &phone);
    let answer = send(request.json(&json!({ "kind": "fcm", "token": "late" }))).await;
    assert_eq!(answer.problem(), (500, "internal".to_owned()));
    assert!(app.store.sealed_otherwise(0, None, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_does_not_open_is_named_by_its_place_but_a_state_is_begun_anew() {
    let host = Host::start().await;
    let app = host.server.app();
    fill(&host).await;
    let book = rusqlite::Connection::open(&app.config.database).unwrap();
    for table in ["oauth_grants", "oauth_states", "push_tokens"] {
        book.execute(&format!("UPDATE {table} SET sealed = substr(sealed, 1, 40)"), []).unwrap();
    }

    let error = rotation::rotate(app, true, &mut |_| Ok(())).await.unwrap_err();

    let RotationError::Unreadable(2, names) = error else { panic!("{error}") };
    let phone = book.query_row("SELECT device_id FROM push_tokens", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(names, format!("tenant default, oauth_grant:google_drive, tenant default, push_token of {phone}"));
    assert!(MasterKey::Beside.ring(&app.config.database).unwrap().has_older(), "the old key is kept");
}
