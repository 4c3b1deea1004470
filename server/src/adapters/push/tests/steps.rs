//! Device after device, and what one provider's trouble means for the other's devices.

use serde_json::{Value, json};

use super::super::super::{AdapterError, Answer, Disposition, PushKind, PushTarget};
use super::super::{steps::Done, wire::Told};
use super::target;

fn taken(id: &str) -> Result<Told, AdapterError> {
    Ok(Told::Taken { id: id.to_owned() })
}

fn dead() -> Result<Told, AdapterError> {
    Ok(Told::Dead { code: "UNREGISTERED".to_owned(), meaning: "gone" })
}

fn failed(disposition: Disposition) -> Result<Told, AdapterError> {
    Err(AdapterError::new(disposition, "no").with_code("NO"))
}

fn list() -> Vec<PushTarget> {
    vec![target(PushKind::Fcm, "a"), target(PushKind::Apns, "b"), target(PushKind::Fid, "c")]
}

/// Plays the dispatcher: each memo is the next step's.
fn play(list: &[PushTarget], tolds: Vec<Result<Told, AdapterError>>) -> Result<Answer, AdapterError> {
    let (mut memo, mut tolds): (Option<Value>, _) = (None, tolds.into_iter());
    loop {
        let done = Done::read(memo.as_ref());
        let Some(next) = done.next(list) else { return Ok(done.ended()) };
        match done.told(list, next, tolds.next().unwrap(), false)? {
            Answer::Next { memo: next } => memo = Some(next),
            other => return Ok(other),
        }
    }
}

fn statuses(answer: &Answer) -> Vec<String> {
    let Answer::Succeeded { outcome, .. } = answer else { panic!("{answer:?}") };
    let messages = outcome["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| format!("{} {}", message["to"].as_str().unwrap(), message["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn each_device_is_told_of_by_its_own_name() {
    let answer = play(&list(), vec![taken("1"), dead(), taken("3")]).unwrap();
    assert_eq!(statuses(&answer), ["phone-of-a accepted", "phone-of-b dead", "phone-of-c accepted"]);
    let Answer::Succeeded { reference: Some(reference), .. } = answer else { panic!("sent") };
    assert_eq!((reference.id.as_str(), &reference.data["message_ids"]), ("1", &json!(["1", "3"])));
}

#[test]
fn it_has_failed_only_if_no_device_takes_it() {
    assert!(
        matches!(play(&list(), vec![dead(), dead(), dead()]).unwrap(), Answer::Failed { code, .. } if code == "UNREGISTERED")
    );
    assert!(matches!(play(&[], vec![]).unwrap(), Answer::Failed { code, .. } if code == "no_device"));
}

#[test]
fn a_provider_that_takes_nothing_from_us_does_not_hold_up_the_other() {
    let answer = play(&list(), vec![failed(Disposition::Misconfigured), taken("2")]).unwrap();
    assert_eq!(statuses(&answer), ["phone-of-a rejected", "phone-of-c rejected", "phone-of-b accepted"]);
    let error = play(&list()[..1], vec![failed(Disposition::Misconfigured)]).unwrap_err();
    assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Misconfigured, Some("NO")));
    let error = play(&list(), vec![failed(Disposition::Misconfigured), failed(Disposition::Misconfigured)]).unwrap_err();
    assert_eq!(error.disposition, Disposition::Misconfigured);
}

#[test]
fn what_may_pass_is_tried_again_with_the_same_device() {
    for disposition in [Disposition::Transient, Disposition::RateLimited, Disposition::Ambiguous, Disposition::Unauthorized] {
        let error = play(&list(), vec![taken("1"), failed(disposition)]).unwrap_err();
        assert_eq!(error.disposition, disposition);
    }
}

#[test]
fn the_other_host_is_tried_once_and_for_that_device_alone() {
    let other = || Ok(Told::OtherHost { code: "BadDeviceToken".to_owned() });
    let list = [target(PushKind::Apns, "a"), target(PushKind::Apns, "b")];
    let Ok(Answer::Next { memo }) = Done::default().told(&list, &list[0], other(), false) else { panic!("once more") };
    let done = Done::read(Some(&memo));
    assert!(done.other_host() && done.next(&list) == Some(&list[0]));
    let Ok(Answer::Next { memo }) = done.clone().told(&list, &list[0], taken("1"), false) else { panic!("the next") };
    assert!(!Done::read(Some(&memo)).other_host());
    let second = other().map(Told::by_second_host);
    assert!(matches!(second, Ok(Told::Dead { .. })));
    let refused = done.told(&list, &list[0], failed(Disposition::Misconfigured), false).unwrap();
    let Answer::Next { memo } = refused else { panic!("the other device is not given up") };
    assert_eq!(memo["messages"][0]["status"], "rejected", "which host the token is of is not known");
}

#[test]
fn a_device_that_registers_or_leaves_meanwhile_upsets_nothing() {
    let Ok(Answer::Next { memo }) = Done::default().told(&list(), &list()[0], taken("1"), false) else { panic!("two more") };
    let done = Done::read(Some(&memo));
    let late = [target(PushKind::Fcm, "0"), target(PushKind::Fcm, "a")];
    assert_eq!(done.next(&late), Some(&late[0]));
    assert_eq!(done.next(&late[1..]), None);
    assert!(matches!(done.ended(), Answer::Succeeded { .. }));
}
