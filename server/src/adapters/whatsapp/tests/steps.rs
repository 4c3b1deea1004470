//! A list goes out one by one, and what is known survives a lost answer.

use serde_json::json;
use tarishi_protocol::Payload;

use super::super::super::{Adapter as _, AdapterError, Answer, Disposition, MessageNews};
use super::super::{WhatsApp, steps::Done, wire::Told};
use super::{phones, text};

const TO: [&str; 3] = ["+254711000111", "+254733000222", "+254711000333"];

fn taken(id: &str) -> Result<Told, AdapterError> {
    Ok(Told::Taken { id: id.to_owned(), held: None })
}

fn refused() -> Result<Told, AdapterError> {
    Ok(Told::Refused { code: 131_026, meaning: "undeliverable" })
}

/// Plays the dispatcher: each memo is the next step's.
fn play(tolds: Vec<Result<Told, AdapterError>>) -> Result<Answer, AdapterError> {
    let mut memo = None;
    let mut tolds = tolds.into_iter();
    loop {
        match Done::read(memo.as_ref()).told(&phones(&TO), tolds.next().unwrap())? {
            Answer::Next { memo: next } => memo = Some(next),
            other => return Ok(other),
        }
    }
}

#[test]
fn each_recipient_is_told_of_in_the_order_asked() {
    let Answer::Succeeded { outcome, reference, receipt: None } =
        play(vec![taken("wamid.1"), refused(), taken("wamid.3")]).unwrap()
    else {
        panic!("sent")
    };
    let messages = json!([
        { "to": TO[0], "id": "wamid.1", "status": "accepted" },
        { "to": TO[1], "status": "rejected", "reason": "131026: undeliverable" },
        { "to": TO[2], "id": "wamid.3", "status": "accepted" },
    ]);
    assert_eq!(outcome["messages"], messages);
    let reference = reference.unwrap();
    assert_eq!((reference.id.as_str(), &reference.data["message_ids"]), ("wamid.1", &json!(["wamid.1", "wamid.3"])));
}

#[test]
fn a_list_that_is_refused_to_the_last_has_failed() {
    let failed = play(vec![refused(), refused(), refused()]).unwrap();
    assert!(matches!(failed, Answer::Failed { code, .. } if code == "131026"));
    let one = Done::default().told(&phones(&TO[..1]), refused()).unwrap();
    assert!(matches!(one, Answer::Failed { code, .. } if code == "131026"));
}

#[test]
fn an_account_that_fails_in_the_middle_does_not_hide_what_was_sent() {
    let account = || Err(AdapterError::new(Disposition::Misconfigured, "WhatsApp: the account cannot pay"));
    assert_eq!(play(vec![account()]).unwrap_err().disposition, Disposition::Misconfigured);
    let Answer::Succeeded { outcome, .. } = play(vec![taken("wamid.1"), account()]).unwrap() else { panic!("one was sent") };
    let statuses: Vec<&str> = outcome["messages"].as_array().unwrap().iter().map(|m| m["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["accepted", "rejected", "rejected"]);
    // What is unclear or comes later is about the one whose turn it is.
    for disposition in [Disposition::Ambiguous, Disposition::Transient, Disposition::RateLimited] {
        let error = play(vec![taken("wamid.1"), Err(AdapterError::new(disposition, "x"))]).unwrap_err();
        assert_eq!(error.disposition, disposition);
    }
}

#[test]
fn a_report_of_a_lost_call_ends_its_step() {
    let news = |id: &str| MessageNews {
        id: id.to_owned(),
        status: "delivered".to_owned(),
        rank: 3,
        to: None,
        reason: None,
        cost: None,
    };
    let one = Payload::MessageSend(text(&TO[..1]));
    let Some(Answer::Succeeded { outcome, reference, .. }) = WhatsApp::default().reported(&one, None, &news("wamid.9")) else {
        panic!("the message is there")
    };
    assert_eq!(outcome["messages"], json!([{ "to": TO[0], "id": "wamid.9", "status": "delivered" }]));
    assert_eq!(reference.unwrap().data["ranks"], json!({ "wamid.9": 3 }));

    let list = Payload::MessageSend(text(&TO));
    let Answer::Next { memo } = Done::default().told(&phones(&TO), taken("wamid.1")).unwrap() else { panic!("more to do") };
    let Some(Answer::Next { memo }) = WhatsApp::default().reported(&list, Some(&memo), &news("wamid.2")) else {
        panic!("one to do")
    };
    let last = Done::read(Some(&memo)).told(&phones(&TO), taken("wamid.3")).unwrap();
    let Answer::Succeeded { outcome, reference, .. } = last else { panic!("all sent") };
    assert_eq!(outcome["messages"][1], json!({ "to": TO[1], "id": "wamid.2", "status": "delivered" }));
    let reference = reference.unwrap();
    assert_eq!(reference.data["ranks"], json!({ "wamid.2": 3 }));
    assert_eq!(reference.data["message_ids"], json!(["wamid.1", "wamid.2", "wamid.3"]));
}
