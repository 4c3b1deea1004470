//! Our requests are those of official clients, field by field; what differs is listed with its reason.

use serde_json::Value;
use tarishi_protocol::PushSend;

use super::super::super::{
    Adapter as _, HealthCall, PushKind, Settings, Targets,
    contract::{ENCODINGS, Provider, Recorded, Script, Seen, Stage, USER_AGENT},
};
use super::super::{Push, apns, config, wire};
use super::{push, settings, stage, target};

const SENT: &str = include_str!("../fixtures/sent.json");
const API_CLIENT: (&str, &str) = ("header.x-goog-api-client", "names the client");
/// Of every message of a Firebase client.
const FIREBASE: &[(&str, &str)] = &[USER_AGENT, ENCODINGS, API_CLIENT, ("header.x-firebase-client", "names the client")];
const FORMAT: (&str, &str) = ("header.x-goog-api-format-version", "optional: asks for the error format that v1 has anyway");
const ASSERTION: (&str, &str) = ("body.assertion", "signed over another time, key and scope: compared part by part below");
const NTF: (&str, &str) = ("body.message.data.ntf", "an id of ours: the operation's");
const IN_PAYLOAD: (&str, &str) = ("body.message.apns.payload.ntf", "an iPhone's extension tells doubles by it too");
const PUSH_TYPE: (&str, &str) = ("body.message.apns.headers.apns-push-type", "said, as APNs wants it");

/// What the recorded clients were asked to send.
fn order() -> PushSend {
    PushSend { collapse_key: Some("order-17".to_owned()), ttl_s: Some(120), ..push() }
}

fn firebase(stage: &mut Stage) {
    let mut account: Value = serde_json::from_str(stage.settings.get("fcm_service_account_json").unwrap()).unwrap();
    account["project_id"] = "demo-project".into();
    account["private_key_id"] = "0123456789abcdef0123456789abcdef01234567".into();
    account["client_email"] = "firebase-adminsdk-test@demo-project.iam.gserviceaccount.com".into();
    stage.set("fcm_service_account_json", &account.to_string());
}

async fn sent(send: PushSend, kind: PushKind, token: &str, settings: &[(&str, &str)]) -> Seen {
    let provider = Provider::start(vec![Script::text(200, SENT)]).await;
    let mut stage = stage(send, &provider);
    firebase(&mut stage);
    stage.settings.0.extend(Settings::of(settings).0);
    stage.targets = Targets::new(vec![target(kind, token)]);
    let mut call = stage.call("send");
    call.access_token = Some("ya29.lab");
    Push::default().execute(&call).await.unwrap();
    provider.seen().remove(0)
}

#[tokio::test]
async fn a_message_is_what_firebase_admin_for_python_sends() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_send_python.json"));
    let data = serde_json::json!({ "kind": "order" }).as_object().cloned();
    let own = [("fcm_android_channel_id", "orders"), ("fcm_analytics_label", "order")];
    let ours = sent(PushSend { data, ..order() }, PushKind::Fcm, "fcm-registration-token-1", &own).await;
    let reasons = [
        FIREBASE,
        &[
            FORMAT,
            NTF,
            IN_PAYLOAD,
            PUSH_TYPE,
            ("body.message.android.ttl", "whole seconds, as 120s"),
            ("body.message.apns.headers.apns-expiration", "now and the ttl"),
        ],
    ]
    .concat();
    recorded.assert_differs_only(&ours, &reasons);
    let settings = settings().with("fcm_project_id", "demo-project");
    assert_eq!(config::fcm(&settings).unwrap().send_url, format!("https://{}{}", recorded.host, recorded.path));
}

#[tokio::test]
async fn a_message_is_what_firebase_admin_for_node_sends() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_send_node.json"));
    let ours = sent(order(), PushKind::Fcm, "fcm-registration-token-1", &[]).await;
    let reasons = [
        FIREBASE,
        &[
            NTF,
            IN_PAYLOAD,
            PUSH_TYPE,
            ("header.accept", "what every client of ours says: anything"),
            ("header.access_token_auth", "a flag of that client's own"),
            ("header.content-type", "JSON is UTF-8 without being told"),
            ("body.message.android.ttl", "whole seconds, as 120s"),
            ("body.message.android.notification", "the tag, by which a repeat takes the first one's place"),
            ("body.message.apns.headers.apns-expiration", "now and the ttl; the client left it out"),
            ("body.message.apns.headers.apns-collapse-id", "by which a repeat takes the first one's place"),
        ],
    ]
    .concat();
    recorded.assert_differs_only(&ours, &reasons);
}

#[tokio::test]
async fn an_installation_s_id_goes_where_firebase_admin_for_python_puts_it() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_fid_python.json"));
    let data = serde_json::json!({ "k": "v" }).as_object().cloned();
    let ours = sent(PushSend { data, ..push() }, PushKind::Fid, "cFidExample", &[]).await;
    let reasons = [
        FIREBASE,
        &[
            FORMAT,
            NTF,
            ("body.message.android", "ours has a title: this recording is of data alone"),
            ("body.message.apns", "ours has a title: this recording is of data alone"),
            ("body.message.notification", "ours has a title: this recording is of data alone"),
        ],
    ]
    .concat();
    recorded.assert_differs_only(&ours, &reasons);
}

/// One of many, which the clients send one by one as well; recorded with nothing but data.
#[tokio::test]
async fn each_of_many_is_a_message_of_its_own_as_the_clients_send_it() {
    let bare = "ours has a title, a time to live and a mark: this recording is of data alone";
    let of_node = [
        ("header.accept", "what every client of ours says: anything"),
        ("header.access_token_auth", "a flag of its own"),
        ("header.content-type", "JSON is UTF-8 without being told"),
    ];
    for (text, only) in [
        (include_str!("../fixtures/recorded_each_python.json"), vec![FORMAT]),
        (include_str!("../fixtures/recorded_each_node.json"), of_node.to_vec()),
    ] {
        let data = serde_json::json!({ "k": "1" }).as_object().cloned();
        let ours = sent(PushSend { data, ..push() }, PushKind::Fcm, "a", &[]).await;
        let whole = [("body.message.android", bare), ("body.message.apns", bare), ("body.message.notification", bare)];
        let reasons = [FIREBASE, &[NTF], &whole, &only].concat();
        Recorded::read(text).assert_differs_only(&ours, &reasons);
    }
}

#[tokio::test]
async fn health_is_the_dry_run_of_firebase_admin_for_python_to_nobody() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_dry_run_python.json"));
    let provider = Provider::start(vec![Script::text(200, SENT)]).await;
    let mut stage = stage(push(), &provider);
    firebase(&mut stage);
    let call = HealthCall { access_token: Some("ya29.lab"), ..stage.health() };
    assert!(Push::default().health(&call).await.ok);
    let nobody = "there is no message: credentials, project and API are what is asked about";
    let reasons = [
        FIREBASE,
        &[
            FORMAT,
            ("body.message.android", nobody),
            ("body.message.apns", nobody),
            ("body.message.data", nobody),
            ("body.message.fcm_options", nobody),
            ("body.message.notification", nobody),
            ("body.message.token", nobody),
            ("body.message.topic", "the target of a dry run"),
        ],
    ]
    .concat();
    recorded.assert_differs_only(&provider.seen().remove(0), &reasons);
}

async fn token_request() -> Seen {
    let provider = Provider::start(vec![Script::text(200, r#"{"access_token":"a"}"#)]).await;
    let mut stage = stage(push(), &provider);
    firebase(&mut stage);
    Push::default().fetch_token("fcm:0", &stage.settings, &stage.outbound, stage.now).await.unwrap();
    provider.seen().remove(0)
}

fn assertion(seen: &Seen) -> [Value; 2] {
    let form: Vec<(String, String)> = form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
    let (_, token) = form.into_iter().find(|(name, _)| name == "assertion").unwrap();
    [jwt_part(&token, 0), jwt_part(&token, 1)]
}

fn jwt_part(token: &str, index: usize) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The names of the fields whose values differ.
fn differing(theirs: &Value, ours: &Value) -> Vec<String> {
    let mut names: Vec<String> = [theirs, ours].iter().flat_map(|value| value.as_object().unwrap().keys().cloned()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| theirs.get(name) != ours.get(name));
    names
}

#[tokio::test]
async fn the_token_call_is_that_of_firebase_admin() {
    let ours = token_request().await;
    let python = include_str!("../fixtures/recorded_token_python.json");
    let recorded = Recorded::read(python);
    recorded.assert_differs_only(&ours, &[USER_AGENT, ENCODINGS, API_CLIENT, ASSERTION]);
    let decoded = |text: &str| serde_json::from_str::<Value>(text).unwrap()["assertion_decoded"].clone();
    let [header, claims] = assertion(&ours);
    let theirs = decoded(python);
    assert!(differing(&theirs["jwt_header"], &header).is_empty());
    // The times are of another day; the scope is the least that sends messages.
    assert_eq!(differing(&theirs["jwt_claims"], &claims), ["exp", "iat", "scope"]);
    let life = |claims: &Value| claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life(&theirs["jwt_claims"]), life(&claims));
    assert_eq!(config::fcm(&settings()).unwrap().token_url, format!("https://{}{}", recorded.host, recorded.path));

    let node = include_str!("../fixtures/recorded_token_node.json");
    let reasons = [
        USER_AGENT,
        ENCODINGS,
        API_CLIENT,
        ASSERTION,
        ("header.accept", "what every client of ours says: anything"),
        ("header.content-type", "a form is UTF-8 without being told"),
    ];
    Recorded::read(node).assert_differs_only(&ours, &reasons);
    // Node leaves out typ and kid; Google takes both.
    assert_eq!(differing(&decoded(node)["jwt_header"], &header), ["kid", "typ"]);
    assert_eq!(differing(&decoded(node)["jwt_claims"], &claims), ["exp", "iat", "scope"]);
}

#[test]
fn the_token_for_apns_has_the_parts_of_the_clients_tokens() {
    let settings = settings().with("apns_key_id", "ABC1234567").with("apns_team_id", "DEF1234567");
    let stage = Stage::new(tarishi_protocol::Payload::PushSend(order()), settings);
    let token = apns::provider_token(&stage.settings, stage.now).unwrap().token;
    let [header, claims] = [0, 1].map(|index| jwt_part(&token, index));
    for recorded in [include_str!("../fixtures/recorded_apns_node.json"), include_str!("../fixtures/recorded_apns_python.json")]
    {
        let theirs = serde_json::from_str::<Value>(recorded).unwrap()["authorization_decoded"].clone();
        let differs = differing(&theirs["jwt_header"], &header);
        // aioapns names no typ; Apple takes both.
        assert!(differs.iter().all(|name| name == "typ" && theirs["jwt_header"].get(name).is_none()), "{differs:?}");
        assert_eq!(differing(&theirs["jwt_claims"], &claims), ["iat"], "made at another time");
    }
}

/// Our request to APNs as it is built; the scripted provider does not speak HTTP/2.
fn apns_request(sandbox: bool) -> (Seen, String) {
    let env = if sandbox { "sandbox" } else { "production" };
    let settings = settings().with("apns_bundle_id", "com.example.app").with("apns_env", env);
    let stage = Stage::new(tarishi_protocol::Payload::PushSend(order()), settings);
    let config = config::apns(&stage.settings).unwrap();
    let order = order();
    let push = wire::Push::of(&stage.call("send"), &order, 0);
    let token = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
    let target = target(PushKind::Apns, token);
    let request =
        apns::request(&config, &stage.outbound, "<jwt>", &target, &push, "123e4567-e89b-12d3-a456-426614174000", false);
    let request = request.build().unwrap();
    let headers = request.headers().iter().map(|(name, value)| format!("{name}:{}", value.to_str().unwrap()));
    let seen = Seen {
        method: request.method().to_string(),
        path: request.url().path().to_owned(),
        query: String::new(),
        headers: headers.collect(),
        body: String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap(),
    };
    (seen, request.url().host_str().unwrap().to_owned())
}

#[test]
fn a_notification_to_apns_is_that_of_node_apn_and_aioapns() {
    let (ours, host) = apns_request(true);
    let reasons = [
        ("header.apns-expiration", "now and the ttl"),
        ("body.ntf", "an id of ours: the operation's"),
        ("body.aps.mutable-content", "the app's extension may see it before it is shown"),
    ];
    let node = Recorded::read(include_str!("../fixtures/recorded_apns_node.json"));
    node.assert_differs_only(&ours, &reasons);
    assert_eq!(host, node.host);
    // aioapns goes to the sandbox by its older name; its fields are the same.
    Recorded::read(include_str!("../fixtures/recorded_apns_python.json")).assert_differs_only(&ours, &reasons);
    assert_eq!(apns_request(false).1, "api.push.apple.com");
}
