//! The providers' tables, row by row, our requests beside recorded ones, and whole calls against a scripted provider.

mod recorded;
mod retract;
mod steps;
mod tables;
mod tokens;

use std::sync::Arc;

use serde_json::json;
use tarishi_protocol::{Audience, MessageQuery, Payload, PushSend};

use super::super::{
    Adapter as _, Answer, Disposition, HealthCall, PushKind, PushTarget, Reference, Related, Settings, Targets,
    contract::{self, Provider, Sample, Script, Stage, Subject, phone},
};
use super::{DESCRIPTOR, Push};
use crate::Config;

pub(in crate::adapters) fn subject() -> Subject {
    let query = MessageQuery { operation_id: Some(sent().operation_id), message_id: None };
    Subject {
        adapter: Arc::new(Push::default()),
        settings: settings(),
        calls: vec![
            Sample::new("send", Payload::PushSend(push())),
            Sample::new("query", Payload::MessageQuery(query)).about(sent()),
        ],
        speaks_http: true,
        effects: &["/v1/projects/sandbox-project/messages:send"],
        known: Reference::new("projects/sandbox-project/messages/0:1"),
        folder: None,
    }
}

/// The sandbox's keys, without its address.
fn settings() -> Settings {
    let config = Config { sandbox: Some("http://127.0.0.1:9".to_owned()), ..Config::default() };
    let mut settings = config.adapter_settings(&DESCRIPTOR, true);
    settings.remove("base_url");
    Settings(settings)
}

fn push() -> PushSend {
    PushSend {
        to: Audience::User("amina".to_owned()),
        title: "T".to_owned(),
        body: "B".to_owned(),
        data: None,
        ttl_s: None,
        priority: None,
        collapse_key: None,
    }
}

fn sent() -> Related {
    let messages = json!([
        { "to": "phone-1", "id": "projects/p/messages/1", "status": "accepted" },
        { "to": "phone-2", "status": "dead", "reason": "UNREGISTERED: gone" },
    ]);
    contract::sent(messages)
}

fn stage(send: PushSend, provider: &Provider) -> Stage {
    Stage::at(provider.url(), Payload::PushSend(send), settings())
}

fn target(kind: PushKind, token: &str) -> PushTarget {
    phone(kind, token, "2026-11-24T07:00:00Z".parse().unwrap())
}

async fn step(stage: &Stage) -> Answer {
    Push::default().execute(&stage.call("send")).await.unwrap()
}

#[tokio::test]
async fn a_token_is_reported_dead_only_where_the_provider_says_so_of_the_token() {
    let unregistered = include_str!("fixtures/unregistered.json");
    let no_detail = r#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}"#;
    for (status, body, dead) in
        [(404, unregistered, 1), (404, no_detail, 0), (404, "", 0), (400, "{}", 0), (500, unregistered, 1)]
    {
        let provider = Provider::start(vec![Script::text(status, body)]).await;
        let stage = stage(push(), &provider);
        let _ = Push::default().execute(&stage.call("send")).await;
        assert_eq!(stage.targets.dead().len(), dead, "{status} {body}");
    }
}

#[tokio::test]
async fn every_device_gets_its_own_call_with_the_same_id() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/sent.json"))]).await;
    let mut stage = stage(push(), &provider);
    stage.targets = Targets::new(vec![target(PushKind::Fcm, "one"), target(PushKind::Fid, "two")]);
    let Answer::Next { memo } = step(&stage).await else { panic!("one more") };
    stage.memo = Some(memo);
    let Answer::Succeeded { outcome, .. } = step(&stage).await else { panic!("both") };
    assert_eq!(outcome["messages"].as_array().unwrap().len(), 2);
    let seen = provider.seen();
    let message = |index: usize| seen[index].json()["message"].clone();
    assert_eq!((message(0)["token"].clone(), message(1)["fid"].clone()), (json!("one"), json!("two")));
    assert_eq!(message(0)["data"]["ntf"], "00000000000000000000000000000007");
    assert_eq!(message(0)["data"], message(1)["data"]);
}

#[tokio::test]
async fn a_repeat_is_the_same_and_lives_no_longer_than_the_first() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/sent.json"))]).await;
    let mut stage = stage(PushSend { ttl_s: Some(100), ..push() }, &provider);
    step(&stage).await;
    stage.now += chrono::TimeDelta::seconds(40);
    stage.repeats_unknown = true;
    let Answer::Succeeded { outcome, .. } = step(&stage).await else { panic!("sent") };
    assert_eq!(outcome["messages"][0]["reason"], "possible_duplicate");
    stage.now += chrono::TimeDelta::seconds(4_000);
    step(&stage).await;
    let seen = provider.seen();
    let mut messages: Vec<_> = seen.iter().map(|seen| seen.json()["message"].clone()).collect();
    let ttl: Vec<_> = messages.iter_mut().map(|message| message["android"]["ttl"].take()).collect();
    assert_eq!(ttl, ["100s", "60s", "0s"]);
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
    assert_eq!(messages[0]["apns"]["headers"]["apns-expiration"], (stage.first_opened_at.timestamp() + 100).to_string());
}

#[tokio::test]
async fn data_are_texts_and_marks_are_the_app_s_where_it_names_one() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/sent.json"))]).await;
    let data = json!({ "count": 7, "deep": { "a": [1] }, "text": "x", "yes": true }).as_object().cloned();
    let own = PushSend { data, collapse_key: Some("fees-881".to_owned()), ttl_s: Some(0), ..push() };
    let own = PushSend { priority: Some(tarishi_protocol::PushPriority::Normal), ..own };
    step(&stage(own, &provider)).await;
    let message = provider.seen()[0].json()["message"].clone();
    let data = json!({
        "count": "7", "deep": r#"{"a":[1]}"#, "text": "x", "yes": "true", "ntf": "00000000000000000000000000000007",
    });
    assert_eq!(message["data"], data);
    let android = json!({
        "priority": "normal", "ttl": "0s", "collapse_key": "fees-881", "notification": { "tag": "fees-881" },
    });
    assert_eq!(message["android"], android);
    let headers = json!({
        "apns-priority": "5", "apns-push-type": "alert", "apns-expiration": "0", "apns-collapse-id": "fees-881",
    });
    assert_eq!(message["apns"]["headers"], headers);
}

#[tokio::test]
async fn an_app_that_draws_by_itself_gets_data_alone() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/sent.json"))]).await;
    let mut stage = stage(push(), &provider);
    stage.set("fcm_shown_by", "app");
    step(&stage).await;
    let message = provider.seen()[0].json()["message"].clone();
    assert!(message.get("notification").is_none() && message["android"].get("notification").is_none());
    assert_eq!((message["data"]["title"].clone(), message["data"]["body"].clone()), (json!("T"), json!("B")));
    assert_eq!(message["apns"]["payload"]["aps"]["alert"]["title"], "T", "an iPhone draws it as ever");
}

#[tokio::test]
async fn nobody_with_a_device_is_a_failure_that_says_so() {
    let provider = Provider::start(vec![Script::text(200, "{}")]).await;
    let mut stage = stage(push(), &provider);
    stage.targets = Targets::default();
    assert!(matches!(step(&stage).await, Answer::Failed { code, .. } if code == "no_device"));
    assert!(provider.seen().is_empty());
}

#[test]
fn one_provider_is_enough_and_a_bad_setting_is_named() {
    let check = |settings: &Settings| Push::default().check_settings(settings).map_err(|error| error.message);
    let without = |names: &[&str]| {
        let mut settings = settings();
        settings.0.retain(|name, _| !names.contains(&name.as_str()));
        settings
    };
    for (names, complete) in [
        (&["apns_key_p8"][..], true),
        (&["fcm_service_account_json"], true),
        (&["apns_key_p8", "fcm_service_account_json"], false),
    ] {
        let settings = without(names);
        assert_eq!((check(&settings).is_ok(), Push::default().is_complete(&settings)), (complete, complete), "{names:?}");
    }
    for name in ["apns_key_id", "apns_team_id", "apns_bundle_id"] {
        assert!(check(&without(&[name])).unwrap_err().contains(name));
    }
    for (name, bad) in [
        ("fcm_service_account_json", "{}"),
        ("fcm_service_account_json", "/no/such/file"),
        ("fcm_project_id", "a/b"),
        ("fcm_analytics_label", "a label"),
        ("fcm_shown_by", "nobody"),
        ("apns_key_p8", "/no/such/file"),
        ("apns_key_id", "short"),
        ("apns_bundle_id", "a b"),
        ("apns_env", "test"),
        ("default_ttl_s", "2419201"),
        ("base_url", "http://a.example"),
    ] {
        let message = check(&settings().with(name, bad)).unwrap_err();
        assert!(message.contains(name) && !message.contains("PRIVATE"), "{name}: {message}");
    }
    let settings = settings().with("apns_key_p8", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
    assert!(check(&settings).unwrap_err().contains("P-256"));
}

#[tokio::test]
async fn health_is_a_dry_run() {
    let denied = r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}"#;
    for (status, body, ok) in [(200, r#"{"name":"projects/p/messages/1"}"#, true), (403, denied, false), (200, "{}", false)] {
        let provider = Provider::start(vec![Script::text(status, body)]).await;
        let stage = stage(push(), &provider);
        let call = HealthCall { access_token: Some("ya29.lab"), ..stage.health() };
        assert_eq!(Push::default().health(&call).await.ok, ok, "{body}");
        assert_eq!(provider.seen()[0].json(), json!({ "message": { "topic": "health" }, "validate_only": true }));
    }
    let provider = Provider::start(vec![Script::text(500, "")]).await;
    let mut stage = stage(push(), &provider);
    stage.settings.0.remove("fcm_service_account_json");
    assert!(Push::default().health(&stage.health()).await.ok && provider.seen().is_empty());
}

#[tokio::test]
async fn an_action_that_is_none_is_unsupported() {
    let provider = Provider::start(vec![Script::text(200, "{}")]).await;
    let stage = stage(push(), &provider);
    let error = Push::default().execute(&stage.call("balance")).await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Unsupported);
}
