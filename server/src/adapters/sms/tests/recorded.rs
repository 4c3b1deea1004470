//! Our requests are those of Africa's Talking's own clients, field by field; what differs is listed with its reason.

use super::super::super::contract::Recorded;
use super::*;

const USER_AGENT: (&str, &str) = ("header.user-agent", "names the client");
const ENCODINGS: (&str, &str) = ("header.accept-encoding", "what the HTTP library can unpack");
const ENQUEUE: (&str, &str) = ("body.enqueue", "always said: the answer comes sooner, and less of it can be lost");
const CHARSET: (&str, &str) = ("header.content-type", "forms are UTF-8 without being told");

/// The recorded clients' accounts, by their user name.
fn account(recorded: &Recorded, provider: &Provider) -> Settings {
    let fields = if recorded.body.is_empty() { recorded.path.split_once('?').unwrap().1 } else { &recorded.body };
    let username = form_urlencoded::parse(fields.as_bytes()).find(|(name, _)| name == "username").unwrap().1.into_owned();
    let key = recorded.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("apikey")).unwrap().1.clone();
    let mut settings = Settings::default();
    for (name, text) in [("username", username), ("api_key", key)] {
        settings.0.insert(name.to_owned(), text);
    }
    assert_eq!(Config::read(&settings).unwrap().base_url, format!("https://{}", recorded.host));
    settings.0.insert("base_url".to_owned(), provider.url().to_owned());
    settings
}

fn payload(recorded: &Recorded) -> (&'static str, Payload) {
    if recorded.body.is_empty() {
        return ("balance", Payload::Balance(Empty {}));
    }
    let field = |wanted: &str| {
        let found = form_urlencoded::parse(recorded.body.as_bytes()).find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.into_owned())
    };
    let to = field("to").unwrap();
    let to: Vec<&str> = to.split(',').collect();
    ("send", Payload::MessageSend(MessageSend { message: field("message"), from: field("from"), ..send(&to) }))
}

#[tokio::test]
async fn a_send_and_a_question_for_the_balance_are_what_the_official_clients_send() {
    let lines: Vec<Recorded> = include_str!("../fixtures/recorded.jsonl").lines().map(Recorded::read).collect();
    assert_eq!(lines.len(), 9, "two clients, and the sandbox's account beside the real one");
    for recorded in lines {
        let (action, payload) = payload(&recorded);
        let script =
            if action == "send" { include_str!("../fixtures/mixed.json") } else { include_str!("../fixtures/balance.json") };
        let provider = Provider::start(vec![Script::text(201, script)]).await;
        let stage = Stage::new(payload, account(&recorded, &provider));
        Sms::default().execute(&stage.call(action)).await.unwrap();
        let mut reasons = vec![USER_AGENT, ENCODINGS];
        if action == "send" && !recorded.body.contains("enqueue=1") {
            reasons.push(ENQUEUE);
        }
        if recorded.headers.iter().any(|(_, value)| value.ends_with("charset=utf-8")) {
            reasons.push(CHARSET);
        }
        recorded.assert_differs_only(&provider.seen().remove(0), &reasons);
    }
}
