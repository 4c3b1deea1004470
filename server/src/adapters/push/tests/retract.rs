//! A push that another channel was faster than is taken back: nothing is shown, and what is to go is named.

use serde_json::{Value, json};
use tarishi_protocol::PushSend;
use uuid::Uuid;

use super::super::super::{
    Adapter as _, Chained, PushKind, Targets,
    contract::{Provider, Script},
};
use super::super::{Push, apns, config, wire};
use super::{push, stage, target};

const ID: Uuid = Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0017);

fn chained() -> Chained {
    Chained { id: ID, receipt_token: "rt-1".to_owned(), retracts: true }
}

fn whole() -> PushSend {
    PushSend { data: json!({ "screen": "fees" }).as_object().cloned(), ttl_s: Some(86_400), ..push() }
}

#[tokio::test]
async fn fcm_gets_data_alone_of_no_urgency_with_the_mark_of_what_is_to_go() {
    for shown_by in ["system", "app"] {
        let provider = Provider::start(vec![Script::text(200, include_str!("../fixtures/sent.json"))]).await;
        let mut stage = stage(whole(), &provider);
        stage.set("fcm_shown_by", shown_by);
        stage.targets = Targets::new(vec![target(PushKind::Fcm, "token-1")]);
        let chained = chained();
        let mut call = stage.call("send");
        call.notification = Some(&chained);
        Push::default().execute(&call).await.unwrap();
        let body: Value = serde_json::from_str(&provider.seen().remove(0).body).unwrap();
        let ntf = ID.simple().to_string();
        let message = &body["message"];
        assert_eq!(message["data"], json!({ "retract": ntf }));
        assert_eq!(message["android"], json!({ "priority": "normal", "ttl": "86400s" }));
        assert_eq!(message["notification"], Value::Null);
        let apns = &message["apns"];
        assert_eq!(apns["payload"], json!({ "aps": { "content-available": 1 }, "retract": ntf }));
        let header = |name: &str| apns["headers"][name].as_str().map(str::to_owned);
        assert_eq!(header("apns-push-type").as_deref(), Some("background"));
        assert_eq!((header("apns-priority").as_deref(), header("apns-collapse-id")), (Some("5"), Some(ntf)));
    }
}

#[tokio::test]
async fn apns_gets_a_background_push_that_takes_the_place_of_one_not_yet_shown() {
    let provider = Provider::start(Vec::new()).await;
    let stage = stage(whole(), &provider);
    let chained = chained();
    let mut call = stage.call("send");
    call.notification = Some(&chained);
    let send = whole();
    let push = wire::Push::of(&call, &send, 60);
    let settings = config::apns(&stage.settings).unwrap();
    let device = target(PushKind::Apns, "abc");
    let request = apns::request(&settings, &stage.outbound, "jwt", &device, &push, "our-id", false).build().unwrap();
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("apns-push-type").as_str(), header("apns-priority").as_str()), ("background", "5"));
    assert_eq!(header("apns-collapse-id"), ID.simple().to_string());
    let body: Value = serde_json::from_slice(request.body().unwrap().as_bytes().unwrap()).unwrap();
    assert_eq!(body, json!({ "aps": { "content-available": 1 }, "retract": ID.simple().to_string() }));
}
