//! Enrolment: who and what is meant, and the whole state each time.

use serde_json::json;
use tarishi_protocol::Code;

use super::super::super::Disposition;
use super::*;

fn amina() -> Script {
    ok(&json!([{ "id": 101, "username": "amina", "email": "amina@school.example" }]))
}

fn math() -> Script {
    courses(&json!([{ "id": 7, "idnumber": "MATH-4B" }]))
}

#[tokio::test]
async fn the_whole_state_is_sent_and_null_is_success() {
    let (end, seen) = run("enroll", Payload::Enroll(enroll()), vec![amina(), math(), Script::text(200, "null")]).await;
    assert_eq!(outcome(end), json!({ "enrolled": true }));
    assert_eq!(field(&seen[0], "values[0]").as_deref(), Some("amina"), "user names are lower case at Moodle");
    for (name, value) in
        [("roleid", "5"), ("userid", "101"), ("courseid", "7"), ("timestart", "1704067200"), ("timeend", "0"), ("suspend", "0")]
    {
        assert_eq!(field(&seen[2], &format!("enrolments[0][{name}]")).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_role_a_suspension_and_an_end_are_told() {
    let payload =
        Enroll { role: Some("teacher".to_owned()), suspend: Some(true), end: "2026-11-27T00:00:00Z".parse().ok(), ..enroll() };
    let (end, seen) = run("enroll", Payload::Enroll(payload), vec![amina(), math(), Script::text(200, "null")]).await;
    assert_eq!(outcome(end), json!({ "enrolled": false }));
    for (name, value) in [("roleid", "4"), ("timeend", "1795737600"), ("suspend", "1")] {
        assert_eq!(field(&seen[2], &format!("enrolments[0][{name}]")).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn anything_but_null_is_no_success_of_an_enrolment() {
    for answer in
        [ok(&json!([])), ok(&json!({})), ok(&json!("")), ok(&json!(true)), Script::text(200, ""), Script::text(200, "<html>")]
    {
        let (end, _) = run("enroll", Payload::Enroll(enroll()), vec![amina(), math(), answer]).await;
        assert_eq!(end.unwrap_err().disposition, Disposition::Ambiguous);
    }
    let (end, _) = run("enroll", Payload::Enroll(enroll()), vec![amina(), math(), exception("wsusercannotassign")]).await;
    let error = end.unwrap_err();
    assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Misconfigured, Some("wsusercannotassign")));
    assert!(!error.message.contains("Amina"));
}

#[tokio::test]
async fn who_is_not_found_or_not_told_apart_is_not_enrolled() {
    let twice = ok(&json!([{ "id": 1, "username": "amina" }, { "id": 2, "username": "amina" }]));
    let another = ok(&json!([{ "id": 1, "username": "juma" }]));
    for (script, problem, code, disposition) in [
        (vec![ok(&json!([]))], Some(Code::NotFound), None, Disposition::Rejected),
        (vec![twice], Some(Code::InvalidValue), Some("AMBIGUOUS_USER"), Disposition::Rejected),
        (vec![another], None, None, Disposition::Transient),
        (vec![ok(&json!(["x"]))], None, None, Disposition::Transient),
        (vec![amina(), courses(&json!([]))], Some(Code::NotFound), None, Disposition::Rejected),
        // Moodle's front page is a course to itself alone.
        (vec![amina(), courses(&json!([{ "id": 1 }]))], Some(Code::NotFound), None, Disposition::Rejected),
        (
            vec![amina(), courses(&json!([{ "id": 7 }, { "id": 8 }]))],
            Some(Code::InvalidValue),
            Some("DUPLICATE_COURSES"),
            Disposition::Rejected,
        ),
    ] {
        let steps = script.len();
        let (end, seen) = run("enroll", Payload::Enroll(enroll()), script).await;
        let error = end.unwrap_err();
        assert_eq!((error.problem, error.code.as_deref(), error.disposition), (problem, code, disposition));
        assert_eq!(seen.len(), steps);
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_never_sent() {
    let start = "2026-01-01T00:00:00Z".parse().ok();
    for bad in [
        Enroll { user: look_up("phone", "x"), ..enroll() },
        Enroll { user: look_up("id", "x"), ..enroll() },
        Enroll { user: look_up("email", " "), ..enroll() },
        Enroll { role: Some("manager".to_owned()), ..enroll() },
        Enroll { start, end: "2025-01-01T00:00:00Z".parse().ok(), ..enroll() },
        Enroll { start: "1960-01-01T00:00:00Z".parse().ok(), ..enroll() },
    ] {
        let (end, seen) = run("enroll", Payload::Enroll(bad), vec![Script::HangUp]).await;
        assert_eq!((end.unwrap_err().problem, seen.len()), (Some(Code::InvalidValue), 0));
    }
    let bad = Enroll { course: look_up("fullname", "x"), ..enroll() };
    let (end, seen) = run("enroll", Payload::Enroll(bad), vec![amina()]).await;
    assert_eq!((end.unwrap_err().problem, seen.len()), (Some(Code::InvalidValue), 1));
}
