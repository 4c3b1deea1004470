//! The wire, frozen. Each file under `golden/v1` is read into its type and written back equal; a file is never edited.
//!
//! A change that makes one of these fail would break phones in the field: it needs a new version beside the old one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tarishi_protocol::{
    AfterOn, BalanceOutcome, Charge, ChargeOutcome, Code, CreateCourse, CreateCourseOutcome, DownloadOutcome, Empty, Enroll,
    EnrollOutcome, FileRef, Fingerprint, Interim, ListFiles, ListOutcome, MessageQuery, MessageSend, MessagesOutcome, Notify,
    NotifyOutcome, OnFailure, Operation, PaymentQuery, PaymentQueryOutcome, Problem, PushSend, ReceiptStatus, Refund,
    RefundOutcome, State, SyncCourses, SyncCoursesOutcome, SyncGrades, SyncGradesOutcome, SyncRequest, SyncResponse, Upload,
    UploadOutcome, check_envelope, check_payload,
};

/// Every golden file; the folder must hold these and no other.
const FILES: [&str; 40] = [
    "after",
    "codes",
    "fingerprints",
    "interim",
    "outcome_balance",
    "outcome_charge",
    "outcome_create_course",
    "outcome_download",
    "outcome_enroll",
    "outcome_list",
    "outcome_messages",
    "outcome_notify",
    "outcome_payment_query",
    "outcome_refund",
    "outcome_sync_courses",
    "outcome_sync_grades",
    "outcome_upload",
    "payload_balance",
    "payload_charge",
    "payload_create_course",
    "payload_delete",
    "payload_download",
    "payload_enroll",
    "payload_list",
    "payload_message_query",
    "payload_message_send",
    "payload_notify",
    "payload_payment_query",
    "payload_push_send",
    "payload_push_send_options",
    "payload_refund",
    "payload_sync_courses",
    "payload_sync_grades",
    "payload_upload",
    "problem",
    "states",
    "sync_request",
    "sync_request_least",
    "sync_response",
    "sync_response_least",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()
}

fn value(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

fn written_back<T: DeserializeOwned + Serialize>(value: &Value) -> Value {
    let read: T = serde_json::from_str(&value.to_string()).unwrap();
    serde_json::to_value(read).unwrap()
}

fn whole<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let golden = value(name);
    assert_eq!(written_back::<T>(&golden), golden, "{name}");
    serde_json::from_str(&text(name)).unwrap()
}

fn each<T: DeserializeOwned + Serialize>(name: &str) {
    let golden = value(name);
    let cases = golden.as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(written_back::<T>(case), *case, "{name}");
    }
}

/// The typed payload is written back equal, and passes the checks of both sides.
fn payload<T: DeserializeOwned + Serialize>(name: &str) {
    for case in value(name).as_array().unwrap() {
        let (adapter, action) = (case["adapter"].as_str().unwrap(), case["action"].as_str().unwrap());
        assert_eq!(written_back::<T>(&case["payload"]), case["payload"], "{name}");
        check_payload(adapter, action, 1, &case["payload"].to_string()).unwrap();
        let mut wrong = case["payload"].clone();
        wrong["a_field_nobody_knows"] = true.into();
        let problem = check_payload(adapter, action, 1, &wrong.to_string()).unwrap_err();
        assert!(problem.is(Code::UnknownField), "{name}: {problem}");
    }
}

#[test]
fn every_golden_file_has_its_test() {
    let found: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, FILES.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn a_request_with_every_field_is_read_and_written_back_equal() {
    let request: SyncRequest = whole("sync_request");
    let first: &Operation = &request.operations[0];
    check_envelope(first).unwrap();
    assert_eq!((request.exchange, request.wait_secs, request.cursor.as_deref()), (412, 25, Some("9f1c03aa51d2.17")));
    assert_eq!(first.on_failure, OnFailure::Halt);
    assert_eq!(first.after.unwrap().on, AfterOn::Succeeded);
    assert!(first.held_before && first.age_exact && first.extra.contains_key("a_field_of_a_newer_device"));
}

#[test]
fn the_payload_travels_byte_for_byte() {
    let request: SyncRequest = serde_json::from_str(&text("sync_request")).unwrap();
    let payload = request.operations[0].payload.get();
    assert!(text("sync_request").contains(payload));
    assert!(serde_json::to_string(&request).unwrap().contains(payload));
}

#[test]
fn a_request_with_the_least_fields_means_the_defaults() {
    let request: SyncRequest = serde_json::from_str(&text("sync_request_least")).unwrap();
    let only = &request.operations[0];
    assert!(request.cancellations.is_empty() && request.notification_receipts.is_empty() && request.wait_secs == 0);
    assert_eq!((only.version, only.age_ms, only.age_exact, only.on_failure), (1, 0, false, OnFailure::Continue));
    assert!(only.ordering_key.is_none() && only.after.is_none() && only.ttl_ms.is_none() && !only.held_before);
}

#[test]
fn an_answer_with_every_field_is_read_and_written_back_equal() {
    let response: SyncResponse = whole("sync_response");
    let statuses: Vec<_> = response.receipts.iter().map(|receipt| receipt.status).collect();
    let all = [ReceiptStatus::Accepted, ReceiptStatus::Duplicate, ReceiptStatus::Refused, ReceiptStatus::Later];
    assert_eq!(statuses, all);
    assert_eq!(response.cancellations.len(), 2);
    assert!(response.reset && response.more);
}

#[test]
fn an_answer_with_the_least_fields_means_the_defaults() {
    let response: SyncResponse = serde_json::from_str(&text("sync_response_least")).unwrap();
    assert!(response.receipts.is_empty() && response.changes.is_empty() && !response.reset && !response.more);
    assert_eq!(response.limits.operations, tarishi_protocol::limits::OPERATIONS_MAX);
    assert!(response.token.is_none() && response.retry_after_secs.is_none());
}

#[test]
fn a_status_of_a_newer_server_means_later() {
    let mut newer = value("sync_response");
    newer["receipts"][0]["status"] = "postponed".into();
    newer["a_field_of_a_newer_server"] = 1.into();
    let response: SyncResponse = serde_json::from_value(newer).unwrap();
    assert_eq!(response.receipts[0].status, ReceiptStatus::Later);
}

#[test]
fn problems_are_read_and_written_back_equal() {
    each::<Problem>("problem");
}

#[test]
fn codes_keep_their_words_statuses_and_retryability() {
    let now: Vec<Value> = Code::ALL
        .iter()
        .map(|code| serde_json::json!({ "code": code.as_str(), "status": code.status(), "retryable": code.retryable() }))
        .collect();
    for golden in value("codes").as_array().unwrap() {
        assert!(now.contains(golden), "{golden}");
    }
}

#[test]
fn words_are_read_and_written_back_equal() {
    let words =
        |name: &str| value(name).as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(words("states"), State::ALL.map(|state| state.as_str().to_owned()));
    for word in words("states") {
        assert_eq!(serde_json::to_value(State::from_word(&word).unwrap()).unwrap(), word);
    }
    for word in words("after") {
        assert_eq!(AfterOn::from_word(&word).unwrap().as_str(), word);
    }
}

#[test]
fn payloads_are_read_and_written_back_equal() {
    payload::<Charge>("payload_charge");
    payload::<PaymentQuery>("payload_payment_query");
    payload::<Refund>("payload_refund");
    payload::<MessageSend>("payload_message_send");
    payload::<PushSend>("payload_push_send");
    payload::<PushSend>("payload_push_send_options");
    payload::<MessageQuery>("payload_message_query");
    payload::<Empty>("payload_balance");
    payload::<Upload>("payload_upload");
    payload::<FileRef>("payload_download");
    payload::<FileRef>("payload_delete");
    payload::<ListFiles>("payload_list");
    payload::<Enroll>("payload_enroll");
    payload::<SyncGrades>("payload_sync_grades");
    payload::<SyncCourses>("payload_sync_courses");
    payload::<CreateCourse>("payload_create_course");
    payload::<Notify>("payload_notify");
}

#[test]
fn outcomes_are_read_and_written_back_equal() {
    each::<ChargeOutcome>("outcome_charge");
    each::<PaymentQueryOutcome>("outcome_payment_query");
    each::<RefundOutcome>("outcome_refund");
    each::<MessagesOutcome>("outcome_messages");
    each::<BalanceOutcome>("outcome_balance");
    each::<UploadOutcome>("outcome_upload");
    each::<DownloadOutcome>("outcome_download");
    each::<ListOutcome>("outcome_list");
    each::<EnrollOutcome>("outcome_enroll");
    each::<SyncGradesOutcome>("outcome_sync_grades");
    each::<SyncCoursesOutcome>("outcome_sync_courses");
    each::<CreateCourseOutcome>("outcome_create_course");
    each::<NotifyOutcome>("outcome_notify");
    each::<Interim>("interim");
}

#[test]
fn fingerprints_stay_what_they_are() {
    for case in value("fingerprints").as_array().unwrap() {
        let word = |name: &str| case[name].as_str().unwrap();
        let fingerprint = Fingerprint::of(word("adapter"), word("action"), &case["payload"].to_string()).unwrap();
        assert_eq!(format!("{fingerprint:?}"), word("sha256"));
    }
}
