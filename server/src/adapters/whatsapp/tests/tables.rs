//! Every row of the error table.

use std::time::Duration;

use serde_json::json;

use super::super::super::{AdapterError, Disposition, contract::http, http::HttpAnswer};
use super::super::wire::{self, Told};

fn read(status: u16, body: &str) -> Result<Told, AdapterError> {
    wire::read_send(&http(status, body))
}

fn error(status: u16, code: i64) -> Result<Told, AdapterError> {
    let error =
        json!({ "message": "(#0) about +254711000111", "type": "OAuthException", "code": code, "fbtrace_id": "A4O5a8R" });
    read(status, &json!({ "error": error }).to_string())
}

#[test]
fn every_code_of_a_refused_message_refuses_it() {
    for code in [
        33, 100, 130_472, 130_497, 131_008, 131_009, 131_021, 131_026, 131_030, 131_047, 131_048, 131_049, 131_050, 131_051,
        131_052, 131_053, 131_062, 131_063, 131_064, 132_000, 132_001, 132_005, 132_007, 132_008, 132_012, 132_015, 132_016,
        132_021, 132_068, 137_000, 139_200,
    ] {
        // The HTTP status decides nothing.
        for status in [400, 404, 500] {
            let Ok(Told::Refused { code: told, meaning }) = error(status, code) else { panic!("{code}") };
            assert_eq!(told, code);
            assert!(!meaning.is_empty() && !meaning.contains("254711"));
        }
    }
}

#[test]
fn every_other_code_allows_what_the_table_says() {
    for (code, disposition, wait) in [
        (0, Disposition::Misconfigured, 0),
        (190, Disposition::Misconfigured, 0),
        (3, Disposition::Misconfigured, 0),
        (10, Disposition::Misconfigured, 0),
        (200, Disposition::Misconfigured, 0),
        (299, Disposition::Misconfigured, 0),
        (131_005, Disposition::Misconfigured, 0),
        (368, Disposition::Misconfigured, 0),
        (131_031, Disposition::Misconfigured, 0),
        (131_037, Disposition::Misconfigured, 0),
        (131_042, Disposition::Misconfigured, 0),
        (131_044, Disposition::Misconfigured, 0),
        (131_045, Disposition::Misconfigured, 0),
        (133_010, Disposition::Misconfigured, 0),
        (2, Disposition::Transient, 0),
        (131_000, Disposition::Transient, 0),
        (131_016, Disposition::Transient, 0),
        (131_056, Disposition::Transient, 6),
        (132_069, Disposition::Transient, 3_600),
        (130_429, Disposition::RateLimited, 2),
        (131_057, Disposition::RateLimited, 60),
        (4, Disposition::RateLimited, 120),
        (80_007, Disposition::RateLimited, 120),
        (1, Disposition::Ambiguous, 0),
        (135_000, Disposition::Ambiguous, 0),
        (133_016, Disposition::Ambiguous, 0),
        (999_999, Disposition::Ambiguous, 0),
    ] {
        let error = error(400, code).unwrap_err();
        assert_eq!(error.disposition, disposition, "{code}");
        assert_eq!(error.retry_after.map_or(0, |wait| wait.as_secs()), wait, "{code}");
        assert_eq!(error.code.as_deref(), Some(code.to_string().as_str()));
        assert!(!error.message.contains("254711"));
    }
    assert_eq!(error(500, 999_999).unwrap_err().disposition, Disposition::Transient);
    assert_eq!(read(400, include_str!("../fixtures/pair_rate.json")).unwrap_err().disposition, Disposition::Transient);
}

#[test]
fn an_answer_without_an_error_of_the_graph_api_is_not_believed() {
    let html = "<html>Bad Gateway</html>";
    for (status, disposition) in [
        (200, Disposition::Ambiguous),
        (302, Disposition::Ambiguous),
        (400, Disposition::Ambiguous),
        (500, Disposition::Ambiguous),
        (502, Disposition::Ambiguous),
        (503, Disposition::Ambiguous),
        (504, Disposition::Ambiguous),
        (401, Disposition::Misconfigured),
        (403, Disposition::Misconfigured),
        (404, Disposition::Misconfigured),
        (429, Disposition::RateLimited),
    ] {
        assert_eq!(read(status, html).unwrap_err().disposition, disposition, "{status}");
        // `error_data` and the error itself may be plain text.
        assert_eq!(read(status, r#"{"error":"busy"}"#).unwrap_err().disposition, disposition, "{status}");
    }
    let id = r#"{"messages":[{"id":"wamid.1"}]}"#;
    assert_eq!(read(503, id).unwrap_err().disposition, Disposition::Ambiguous);
    assert_eq!(read(200, r#"{"messages":[{"id":""}]}"#).unwrap_err().disposition, Disposition::Ambiguous);
}

#[test]
fn a_taken_message_keeps_its_id_and_says_when_it_is_held_back() {
    let taken = |id: &str, held: Option<&str>| Told::Taken { id: id.to_owned(), held: held.map(str::to_owned) };
    let id = "wamid.HBgMMjU0NzExMDAwMTExFQIAERgSOEY0";
    assert_eq!(read(200, include_str!("../fixtures/accepted.json")).unwrap(), taken(id, None));
    for held in ["held_for_quality_assessment", "paused"] {
        let body = json!({ "messages": [{ "id": "wamid.1", "message_status": held }] }).to_string();
        assert_eq!(read(200, &body).unwrap(), taken("wamid.1", Some(held)));
    }
}

#[test]
fn a_wait_that_meta_names_is_kept() {
    let body = json!({ "error": { "code": 131_056 } }).to_string().into_bytes();
    let answer = HttpAnswer { status: 429, retry_after: Some(Duration::from_secs(40)), body };
    assert_eq!(wire::read_send(&answer).unwrap_err().retry_after, Some(Duration::from_secs(40)));
}
