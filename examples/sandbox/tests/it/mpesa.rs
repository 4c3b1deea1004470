//! M-Pesa as its documentation has it, and as it fails.

use serde_json::{Value, json};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, SandboxOptions};

use crate::host::{Host, metadata, quick};

const PHONE: &str = "254712000001";

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::Mpesa, call)
}

async fn paid(host: &mut Host, token: &str, phone: &str, amount: u64) -> String {
    host.charge(token, phone, amount).await;
    let hook: Value = serde_json::from_str(&host.hook().await.body).unwrap();
    metadata(&hook, "MpesaReceiptNumber").as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_charge_is_a_prompt_then_money_then_one_webhook() {
    let mut host = Host::new().await;
    let token = host.token().await;
    let accepted = host.charge(&token, PHONE, 1250).await;
    assert_eq!(accepted["ResponseCode"], "0");
    let hook = host.hook().await;
    assert_eq!(hook.path, "/k/1/abc");
    assert_eq!(hook.headers["businessshortcode"], "600123");
    assert!(hook.body.contains(r#"{"Name":"Amount","Value":1250.00}"#), "{}", hook.body);
    let body: Value = serde_json::from_str(&hook.body).unwrap();
    assert_eq!(body["Body"]["stkCallback"]["ResultCode"], 0);
    assert_eq!(body["Body"]["stkCallback"]["CheckoutRequestID"], accepted["CheckoutRequestID"]);
    assert_eq!(metadata(&body, "PhoneNumber"), "0712000***");
    let ledger = host.sandbox.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0].effect, Effect::MoneyIn);
    assert_eq!(ledger[0].to.as_deref(), Some(PHONE));
    assert_eq!(ledger[0].amount.as_deref(), Some("1250.00"));
    let receipt = metadata(&body, "MpesaReceiptNumber");
    assert_eq!(ledger[0].provider_id.as_deref(), receipt.as_str());
    assert_eq!(receipt.as_str().unwrap().len(), 10);
    assert_eq!(host.query(&token, &accepted).await["ResultCode"], "0");
    assert!(host.no_hook());
}

#[tokio::test]
async fn each_token_request_ends_the_token_before_it() {
    let host = Host::new().await;
    let first = host.token().await;
    let second = host.token().await;
    let refused = host.charge(&first, PHONE, 10).await;
    assert_eq!(refused["errorCode"], "404.001.03");
    assert_eq!(host.charge(&second, PHONE, 10).await["ResponseCode"], "0");
}

#[tokio::test]
async fn a_bad_field_is_named_and_a_wrong_secret_is_refused() {
    let host = Host::new().await;
    let token = host.token().await;
    let cases = [
        ("Amount", json!("10.5"), "400.002.02", "Amount"),
        ("Amount", json!(0), "400.002.02", "Amount"),
        ("PhoneNumber", json!("0712000001"), "400.002.02", "PhoneNumber"),
        ("CallBackURL", json!("http://example.org/k"), "400.002.02", "CallBackURL"),
        ("AccountReference", json!("THIRTEEN-CHAR"), "400.002.02", "AccountReference"),
        ("TransactionDesc", json!("fourteen chars"), "400.002.02", "TransactionDesc"),
        ("BusinessShortCode", json!("600124"), "500.001.1001", "Merchant does not exist"),
        ("Timestamp", json!("20261124101501"), "500.001.1001", "Wrong credentials"),
    ];
    for (field, value, code, word) in cases {
        let mut body = host.charge_body(PHONE, 10);
        body[field] = value;
        let answer = host.mpesa("stkpush/v1/processrequest", &token, &body).send().await.unwrap();
        assert_eq!(answer.status().as_str(), &code[..3]);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["errorCode"], code, "{field}");
        assert!(answer["errorMessage"].as_str().unwrap().contains(word), "{field}");
    }
    let wrong = host.token_request("wrong").send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(host.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn a_timeout_before_has_no_effect_and_a_timeout_after_has() {
    let mut host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).matching(PHONE).timeout_before().times(1));
    let body = host.charge_body(PHONE, 10);
    let send = || host.mpesa("stkpush/v1/processrequest", &token, &body).send();
    assert!(send().await.is_err());
    host.sandbox.add_fault(fault(Call::Charge).matching(PHONE).timeout_after().times(1));
    assert!(send().await.is_err());
    let hook = host.hook().await;
    assert!(hook.body.contains("MpesaReceiptNumber"));
    assert_eq!(host.sandbox.ledger().len(), 1);
    assert!(host.no_hook());
}

#[tokio::test]
async fn a_status_or_an_error_code_is_answered_without_effect() {
    let host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).status(503).times(1));
    host.sandbox.add_fault(fault(Call::Charge).result("500.003.02").times(1));
    let body = host.charge_body(PHONE, 10);
    let page = host.mpesa("stkpush/v1/processrequest", &token, &body).send().await.unwrap();
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().starts_with("<html>"));
    assert_eq!(host.charge(&token, PHONE, 10).await["errorCode"], "500.003.02");
    assert!(host.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn a_refusing_payer_is_heard_by_webhook_and_by_query() {
    let mut host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).result("1032").times(1));
    let accepted = host.charge(&token, PHONE, 10).await;
    let hook: Value = serde_json::from_str(&host.hook().await.body).unwrap();
    assert_eq!(hook["Body"]["stkCallback"]["ResultCode"], 1032);
    assert!(hook["Body"]["stkCallback"].get("CallbackMetadata").is_none());
    assert_eq!(host.query(&token, &accepted).await["ResultCode"], "1032");
    assert!(host.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn a_prompt_nobody_answers_stays_under_way() {
    let host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).result("4999"));
    let accepted = host.charge(&token, PHONE, 10).await;
    assert_eq!(host.query(&token, &accepted).await["ResultCode"], "4999");
    let unknown = json!({ "CheckoutRequestID": "ws_CO_none" });
    assert_eq!(host.query(&token, &unknown).await["errorCode"], "500.001.1001");
}

#[tokio::test]
async fn a_lost_webhook_never_comes_and_a_double_comes_twice() {
    let mut host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).matching("254712000002").callback(CallbackFault::Lost));
    host.sandbox.add_fault(fault(Call::Charge).matching("254712000003").callback(CallbackFault::Double));
    let lost = host.charge(&token, "254712000002", 10).await;
    host.charge(&token, "254712000003", 20).await;
    let (first, second) = (host.hook().await, host.hook().await);
    assert_eq!(first.body, second.body);
    assert!(first.body.contains("20.00"));
    assert_eq!(host.query(&token, &lost).await["ResultCode"], "0");
    assert_eq!(host.sandbox.ledger().len(), 2);
    assert!(host.no_hook());
}

#[tokio::test]
async fn a_late_webhook_comes_after_the_query_knows() {
    let mut host = Host::new().await;
    let token = host.token().await;
    host.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Late).delay_ms(1_500));
    let accepted = host.charge(&token, PHONE, 10).await;
    while host.query(&token, &accepted).await["ResultCode"] != "0" {}
    assert!(host.no_hook());
    assert!(host.hook().await.body.contains("MpesaReceiptNumber"));
}

#[tokio::test]
async fn the_same_charge_twice_moves_money_twice_unless_rule_17_is_on() {
    let mut host = Host::new().await;
    let token = host.token().await;
    assert_ne!(paid(&mut host, &token, PHONE, 10).await, paid(&mut host, &token, PHONE, 10).await);
    let mut strict = Host::with(SandboxOptions { rule_17: true, ..quick() }).await;
    let token = strict.token().await;
    paid(&mut strict, &token, PHONE, 10).await;
    strict.charge(&token, PHONE, 10).await;
    assert!(strict.hook().await.body.contains(r#""ResultCode":17"#));
    assert_eq!(strict.sandbox.ledger().len(), 1);
}

async fn reverse(host: &mut Host, token: &str, receipt: &str, amount: u64) -> Value {
    let body = host.reversal_body(receipt, amount);
    let ack: Value = host.mpesa("reversal/v1/request", token, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(ack["ResponseCode"], "0", "{ack}");
    let hook = host.hook().await;
    assert_eq!(hook.path, "/k/2/result");
    let result: Value = serde_json::from_str(&hook.body).unwrap();
    assert_eq!(result["Result"]["OriginatorConversationID"], ack["OriginatorConversationID"]);
    result["Result"].clone()
}

#[tokio::test]
async fn a_payment_is_reversed_once() {
    let mut host = Host::new().await;
    let token = host.token().await;
    let receipt = paid(&mut host, &token, PHONE, 10).await;
    assert_eq!(reverse(&mut host, &token, &receipt, 10).await["ResultCode"], 0);
    assert_eq!(reverse(&mut host, &token, &receipt, 10).await["ResultCode"], "R000001");
    assert_eq!(reverse(&mut host, &token, "NOSUCH0000", 10).await["ResultCode"], "R000002");
    let ledger = host.sandbox.ledger();
    assert_eq!(ledger.len(), 2);
    assert_eq!(ledger[1].effect, Effect::MoneyOut);
    assert_eq!(ledger[1].request_id.as_deref(), Some(receipt.as_str()));
}

#[tokio::test]
async fn a_transaction_says_whether_it_is_reversed() {
    let mut host = Host::new().await;
    let token = host.token().await;
    let receipt = paid(&mut host, &token, PHONE, 10).await;
    for state in ["Completed", "Reversed"] {
        let mut body = host.reversal_body(&receipt, 10);
        body["CommandID"] = "TransactionStatusQuery".into();
        body["PartyA"] = "600123".into();
        body["IdentifierType"] = "4".into();
        host.mpesa("transactionstatus/v1/query", &token, &body).send().await.unwrap();
        let hook = host.hook().await.body;
        assert!(hook.contains(&receipt) && hook.contains(state), "{hook}");
        if state == "Completed" {
            reverse(&mut host, &token, &receipt, 10).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_path_gets_the_error_of_the_gateway() {
    let host = Host::new().await;
    let answer = host.mpesa("nowhere", "x", &json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.json::<Value>().await.unwrap()["errorCode"], "404.001.01");
}
