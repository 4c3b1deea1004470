//! Daraja's own list of payments.

use serde_json::{Value, json};

use super::super::super::{
    Adapter as _, AdapterError, Disposition, Errand, Period, StatementLine,
    contract::{Provider, Script, Seen},
};
use super::super::Mpesa;
use super::*;

async fn list(from: &str, until: &str, script: Vec<Script>) -> (Result<Vec<StatementLine>, AdapterError>, Vec<Seen>) {
    let provider = Provider::start(script).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    let errand = Errand {
        settings: &stage.settings,
        access_token: Some("abc"),
        base_url: "",
        now: stage.now,
        outbound: &stage.outbound,
    };
    let lines =
        Mpesa::default().statement(&errand, Period { from: from.parse().unwrap(), until: until.parse().unwrap() }).await;
    (lines, provider.seen())
}

fn item(number: usize, date: &str) -> Value {
    json!({ "transactionId": format!("UKO{number:07}"), "trxDate": date, "msisdn": "254712000001", "transactiontype": "c2b-pay-bill-debit",
        "billreference": if number == 1 { "" } else { "ADM-0042" }, "amount": "1250.00", "organizationname": "A School" })
}

const FROM: &str = "2026-11-23T21:00:00Z";
const UNTIL: &str = "2026-11-24T21:00:00Z";

#[tokio::test]
async fn all_pages_are_read_whatever_they_are_wrapped_in() {
    let page: Vec<Value> = (1..=100).map(|number| item(number, "2026-11-24 09:15:19")).collect();
    let rest = vec![item(100, "2026-11-24 09:15:19"), item(101, "2026-11-24T09:15:20+03:00"), item(102, "2026-11-22 09:00:00")];
    let script = vec![
        Script::text(200, &json!({ "ResponseCode": "1000", "Response": [page] }).to_string()),
        Script::text(200, &json!({ "ResponseCode": 1000, "Response": rest }).to_string()),
    ];
    let (lines, seen) = list(FROM, UNTIL, script).await;
    let lines = lines.unwrap();
    assert_eq!(lines.len(), 101, "one of another day and one told twice are left out");
    assert_eq!((lines[0].reference.as_deref(), lines[1].reference.as_deref()), (None, Some("ADM-0042")));
    assert_eq!((&lines[0].amount, lines[100].at), (&kes("1250"), "2026-11-24T06:15:20Z".parse().ok()));
    let bodies: Vec<Value> = seen.iter().map(Seen::json).collect();
    assert_eq!(
        bodies[0],
        json!({
            "ShortCode": "600123", "StartDate": "2026-11-24 00:00:00", "EndDate": "2026-11-24 10:15:00", "OffSetValue": "0",
        })
    );
    assert_eq!((&bodies[1]["OffSetValue"], seen[0].path.as_str()), (&json!("100"), "/pulltransactions/v1/query"));
}

#[tokio::test]
async fn an_empty_list_is_one_and_what_is_no_list_is_an_error() {
    let (lines, _) = list(FROM, UNTIL, vec![Script::text(200, r#"{"ResponseCode":"1000","Response":[]}"#)]).await;
    assert_eq!(lines.unwrap(), []);
    for (script, disposition) in [
        (Script::HangUp, Disposition::Transient),
        (Script::text(200, "<html>"), Disposition::Transient),
        (Script::text(200, r#"{"Response":[]}"#), Disposition::Transient),
        (Script::text(200, r#"{"ResponseCode":"1001"}"#), Disposition::Rejected),
        (
            Script::text(200, r#"{"ResponseCode":"1000","Response":[{"transactionId":"A","amount":"x"}]}"#),
            Disposition::Transient,
        ),
        (Script::text(400, r#"{"errorCode":"400.002.02","errorMessage":"Bad Request"}"#), Disposition::Rejected),
    ] {
        assert_eq!(list(FROM, UNTIL, vec![script]).await.0.unwrap_err().disposition, disposition);
    }
}

#[tokio::test]
async fn a_day_that_daraja_has_forgotten_is_said_to_be_one() {
    let (lines, seen) = list("2026-11-21T21:00:00Z", "2026-11-22T21:00:00Z", vec![Script::HangUp]).await;
    assert_eq!((lines.unwrap_err().disposition, seen.len()), (Disposition::Unsupported, 0));
}
