//! OAuth over real HTTP: begun by a backend, consented to at the provider, finished by the browser; and everything that a
//! stranger may try with it. Finding 39.

use reqwest::{Method, StatusCode, Url, header};
use serde_json::{Value, json};
use tarishi_core::DeviceState;
use tarishi_sandbox::{Call, Effect, Fault};
use tarishi_server::store::{Grants, TenantRow};

use super::{World, done, effects, ended, enqueue, fault, upload};

const PATH: &str = "/api/v2/integrations/google_drive/oauth";

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) cookie: String,
    pub(super) body: String,
}

pub(super) async fn ask(world: &World, method: Method, url: &str, key: &str, cookie: &str) -> Answer {
    let mut request = world.http.request(method, url);
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, cookie);
    }
    let answer = request.send().await.unwrap();
    let text = |name| {
        answer.headers().get(name).map(|value: &header::HeaderValue| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (location, cookie) = (text(header::LOCATION), text(header::SET_COOKIE));
    Answer { status: answer.status(), location, cookie, body: answer.text().await.unwrap() }
}

impl Answer {
    fn problem(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }
}

/// As far as the address that the provider sends the browser back to.
async fn consent(world: &World, more: &str) -> (String, String) {
    let key = world.key("backend", &["admin"]).await;
    let begun = ask(world, Method::GET, &format!("{}{PATH}/authorize{more}", world.url()), &key, "").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let body: Value = serde_json::from_str(&begun.body).unwrap();
    assert_eq!(body["authorize_url"], begun.location.as_str());
    let page = ask(world, Method::GET, &begun.location, "", "").await;
    assert_eq!(page.status, StatusCode::FOUND, "{}", page.body);
    (page.location, begun.cookie)
}

async fn back(world: &World, address: &str) -> Answer {
    ask(world, Method::GET, address, "", "").await
}

/// Connects an account.
pub(in crate::scenarios) async fn connect(world: &World) {
    let (address, _) = consent(world, "").await;
    let finished = back(world, &address).await;
    assert_eq!(finished.status, StatusCode::OK, "{}", finished.body);
}

pub(super) async fn shown(world: &World) -> Value {
    let key = world.key("backend", &["admin"]).await;
    let answer = ask(world, Method::GET, &format!("{}/api/v2/integrations/google_drive", world.url()), &key, "").await;
    serde_json::from_str::<Value>(&answer.body).unwrap()["oauth"].clone()
}

/// Writes into the server's books, as only a test does.
pub(super) fn books(world: &World, sql: &str) -> usize {
    let conn = rusqlite::Connection::open(&world.hosted.server.app().config.database).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    conn.execute(sql, []).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_connected_and_used() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    assert_eq!(shown(&world).await, json!({ "status": "from_settings" }));
    let (address, cookie) = consent(&world, "?login_hint=amina%40example.org").await;
    assert!(cookie.is_empty());
    let finished = back(&world, &address).await;
    assert_eq!((finished.status, finished.body.contains("connected")), (StatusCode::OK, true));
    let shown = shown(&world).await;
    assert_eq!((&shown["status"], &shown["scope"]), (&json!("active"), &json!("https://www.googleapis.com/auth/drive.file")));
    done(&phone, upload("a.txt")).await;
    assert_eq!(effects(&world, Effect::File, "a.txt").len(), 1);

    // Nothing that opens anything is on disk or in an answer in the clear.
    let folder = world.hosted.server.app().config.database.parent().unwrap().to_path_buf();
    let state = Url::parse(&address).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end.to_string_lossy().starts_with("db")) {
            read += 1;
            let bytes = std::fs::read(&path).unwrap();
            for secret in ["ya29.", "1//0g", "4/0A", "upload_id=", "code_verifier", "sandbox-drive", state.as_str()] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} in {path:?}");
            }
        }
    }
    assert!(read >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_none_used_too_old_or_of_another_place_is_refused() {
    let world = World::start().await;
    let stale = (400, "malformed".to_owned());
    let with = |address: &str, name: &str, value: &str| {
        let mut url = Url::parse(address).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        if !value.is_empty() {
            url.query_pairs_mut().append_pair(name, value);
        }
        url.to_string()
    };
    let (address, _) = consent(&world, "").await;
    for wrong in [
        with(&address, "state", "0123"),
        with(&address, "state", ""),
        address.replace("state=", "state=0"),
        address.replace("/google_drive/", "/mpesa/"),
        address.replace("/google_drive/", "/nobody/"),
    ] {
        assert_eq!(back(&world, &wrong).await.problem(), stale, "{wrong}");
    }
    // A preview of the link uses nothing up.
    let preview = ask(&world, Method::HEAD, &address, "", "").await;
    assert_eq!(preview.status, StatusCode::METHOD_NOT_ALLOWED);
    // A code that was changed on the way, and with it the state is used up.
    assert_eq!(back(&world, &with(&address, "code", "4/0Astolen")).await.problem(), (502, "provider_rejected".to_owned()));
    assert_eq!(back(&world, &address).await.problem(), stale, "used");

    let (address, _) = consent(&world, "").await;
    assert_eq!(back(&world, &address).await.status, StatusCode::OK);
    assert_eq!(back(&world, &address).await.problem(), stale, "a double click");

    let (address, _) = consent(&world, "").await;
    assert!(books(&world, "UPDATE oauth_states SET expires_at = 1 WHERE used_at IS NULL") >= 1);
    assert_eq!(back(&world, &address).await.problem(), stale, "too old");

    // Another's code under our state: the verifier is not the one it was made for.
    let ((ours, _), (theirs, _)) = (consent(&world, "").await, consent(&world, "").await);
    let code = Url::parse(&theirs).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert_eq!(back(&world, &with(&ours, "code", &code)).await.problem(), (502, "provider_rejected".to_owned()));
    let (address, _) = consent(&world, "").await;
    let other = format!("{address}&iss=https%3A%2F%2Fevil.example.org");
    assert_eq!(back(&world, &other).await.problem(), (403, "forbidden".to_owned()), "another issuer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_that_was_begun_in_a_browser_ends_in_it() {
    let world = World::start().await;
    let (address, cookie) = consent(&world, "?browser=true").await;
    for part in ["HttpOnly", "SameSite=Lax", "Path=/api/v2/integrations/google_drive/oauth", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    for wrong in ["", "tarishi_oauth=0123", "other=1"] {
        assert_eq!(ask(&world, Method::GET, &address, "", wrong).await.problem(), (400, "malformed".to_owned()));
    }
    let finished = ask(&world, Method::GET, &address, "", &format!("a=b; {cookie}")).await;
    assert_eq!(finished.status, StatusCode::OK, "a stranger's try used nothing up: {}", finished.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_admin_of_the_tenant_begins_and_ends_consent() {
    let world = World::start().await;
    let device = world.token("amina", &["*:*"]).await;
    let key = world.key("backend", &["logs:read", "*:*"]).await;
    for (method, path) in [(Method::GET, "/authorize"), (Method::DELETE, "")] {
        let url = format!("{}{PATH}{path}", world.url());
        assert_eq!(ask(&world, method.clone(), &url, "", "").await.problem().0, 401);
        for credential in [&device, &key] {
            assert_eq!(ask(&world, method.clone(), &url, credential, "").await.problem().0, 403);
        }
    }
    assert_eq!(world.count("oauth_states"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_that_is_refused_or_too_little_or_gives_no_tokens_keeps_nothing() {
    let world = World::start().await;
    for (fault, wanted) in [
        (fault(Call::Authorize).result("access_denied"), (403, "forbidden")),
        (fault(Call::Authorize).result("unticked"), (403, "forbidden")),
        (fault(Call::Token).status(503), (502, "provider_rejected")),
        (fault(Call::Token).timeout_before(), (502, "provider_rejected")),
        (fault(Call::Token).timeout_after(), (502, "provider_rejected")),
        (fault(Call::Token).result("invalid_client"), (502, "provider_rejected")),
        (fault(Call::Token).result("no_refresh_token"), (502, "provider_rejected")),
    ] {
        world.hosted.sandbox.add_fault(fault.clone().times(1));
        let (address, _) = consent(&world, "").await;
        let finished = back(&world, &address).await;
        assert_eq!(finished.problem(), (wanted.0, wanted.1.to_owned()), "{fault:?}");
        assert_eq!(back(&world, &address).await.problem(), (400, "malformed".to_owned()), "a code is never tried twice");
        assert_eq!(world.count("oauth_grants"), 0, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnected_account_is_used_no_more_and_operations_wait_for_the_next() {
    let world = World::start().await;
    let key = world.key("backend", &["admin"]).await;
    let url = format!("{}{PATH}", world.url());
    connect(&world).await;
    world.hosted.sandbox.add_fault(Fault { times: Some(1), ..fault(Call::Revoke).status(503) });
    let told = async || serde_json::from_str::<Value>(&ask(&world, Method::DELETE, &url, &key, "").await.body).unwrap();
    assert_eq!(told().await, json!({ "status": "revoked", "provider_told": false }));
    assert_eq!(shown(&world).await["status"], "revoking");
    tarishi_server::oauth::tell_of_revoked(world.hosted.server.app()).await;
    assert_eq!(shown(&world).await["status"], "revoked", "it is told again by itself");
    assert_eq!(told().await, json!({ "status": "revoked", "provider_told": true }));

    let phone = world.phone("phone", "amina").await;
    let waiting = enqueue(&phone, upload("late.txt")).await;
    phone.sync(std::time::Duration::from_secs(5), None).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let row = world.row(waiting.id).await;
    assert_eq!((row.state.as_str(), row.attempts), ("ready", 0), "it waits, and no call is on record");
    connect(&world).await;
    let record = ended(&phone, waiting.id).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(effects(&world, Effect::File, "late.txt").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_belongs_to_the_tenant_that_began_it() {
    let world = World::start().await;
    let app = world.hosted.server.app();
    let tenant = TenantRow { tenant: "school".to_owned(), name: "School".to_owned(), created_at: 0 };
    app.store.create_tenant(tenant).await.unwrap();
    let grants = Grants { scopes: vec!["admin".to_owned()], ..Grants::default() };
    let key = app.make_api_key("school", "backend", grants).await.unwrap();
    let begun = ask(&world, Method::GET, &format!("{}{PATH}/authorize", world.url()), &key, "").await;
    let page = ask(&world, Method::GET, &begun.location, "", "").await;
    assert_eq!(back(&world, &page.location).await.status, StatusCode::OK);
    let grant = |tenant| app.store.oauth_grant(tenant, "google_drive");
    assert!(grant("school").await.unwrap().is_some() && grant("default").await.unwrap().is_none());
    // A tenant cannot send its codes and our client's secret elsewhere.
    for name in ["token_url", "auth_url", "revoke_url"] {
        let url = format!("{}/api/v2/integrations/google_drive", world.url());
        let body = json!({ "settings": { name: "https://evil.example.org" } });
        assert_eq!(world.http.put(url).bearer_auth(&key).json(&body).send().await.unwrap().status().as_u16(), 403);
    }
}
