//! Our requests are those of official clients, field by field; what differs is listed with its reason.

use tarishi_protocol::{Empty, Payload};

use super::super::super::{
    Adapter as _,
    contract::{ENCODINGS, Provider, Recorded, Script, Seen, USER_AGENT},
};
use super::super::{WhatsApp, config::Config};
use super::{settings, stage, template, text};

const CALLBACK: (&str, &str) = ("body.biz_opaque_callback_data", "an echo of the caller's choice: ours is the attempt");

async fn sent(payload: Payload, version: &str) -> Seen {
    let provider = Provider::start(vec![Script::text(200, include_str!("../fixtures/accepted.json"))]).await;
    let mut stage = stage(payload, &provider);
    stage.settings.0.insert("graph_version".to_owned(), version.to_owned());
    WhatsApp::default().execute(&stage.call("send")).await.unwrap();
    provider.seen().remove(0)
}

#[tokio::test]
async fn a_text_is_what_pywa_sends() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_text_pywa.json"));
    let ours = sent(Payload::MessageSend(text(&["+254711000111"])), "v26.0").await;
    recorded.assert_differs_only(&ours, &[USER_AGENT, ENCODINGS, CALLBACK]);
    let host = Config::read(&settings()).unwrap().graph;
    assert_eq!(host, format!("https://{}/v26.0", recorded.host));
}

#[tokio::test]
async fn a_template_is_what_pywa_sends() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_template_pywa.json"));
    let ours = sent(Payload::MessageSend(template(&["+254711000111"])), "v26.0").await;
    recorded.assert_differs_only(&ours, &[USER_AGENT, ENCODINGS, CALLBACK]);
}

#[tokio::test]
async fn a_text_is_what_great_detail_sends() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_text_great_detail.json"));
    let ours = sent(Payload::MessageSend(text(&["+254711000111"])), "v23.0").await;
    let reasons = [
        USER_AGENT,
        ENCODINGS,
        CALLBACK,
        ("header.accept-language", "the fetch of node sends it"),
        ("header.sec-fetch-mode", "the fetch of node sends it"),
        ("body.text.preview_url", "false is said, as pywa does"),
    ];
    recorded.assert_differs_only(&ours, &reasons);
}

#[tokio::test]
async fn the_question_about_the_number_asks_for_some_of_pywa_s_fields() {
    let recorded = Recorded::read(include_str!("../fixtures/recorded_number_pywa.json"));
    let provider = Provider::start(vec![Script::text(200, r#"{"id":"100000000000001"}"#)]).await;
    let stage = stage(Payload::Balance(Empty {}), &provider);
    assert!(WhatsApp::default().health(&stage.health()).await.ok);
    let ours = provider.seen().remove(0);
    recorded
        .assert_differs_only(&ours, &[USER_AGENT, ENCODINGS, ("query.fields", "only what health reads, in the same names")]);
    let fields = |query: &str| {
        let (_, fields) = form_urlencoded::parse(query.as_bytes()).into_owned().find(|(name, _)| name == "fields").unwrap();
        fields.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let theirs = fields(recorded.path.split_once('?').unwrap().1);
    assert!(fields(&ours.query).iter().all(|field| theirs.contains(field)), "{:?}", ours.query);
}
