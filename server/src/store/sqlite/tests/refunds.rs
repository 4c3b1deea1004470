//! Whose payment is given back, how much of a cap that uses up, and that one payment is given back by one refund at a time.

use serde_json::{Value, json};
use tarishi_protocol::{Operation, OperationId, Receipt, ReceiptStatus, State};

use super::{
    answers::{MONEY, waiting},
    desk::{Desk, START, T},
};
use crate::{
    adapters::Answer,
    store::{Caps, EventRow, Evidence, PAYMENT_RECEIVED, Source, Store as _},
};

const RECEIPT: &str = "TKL1";

fn kes(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "KES" })
}

fn paid(receipt: &str, amount: &Value) -> Answer {
    let outcome = json!({ "receipt": receipt, "amount": amount, "paid_at": null });
    Answer::Succeeded { outcome, reference: None, receipt: Some(receipt.to_owned()) }
}

/// A payment of 100 that this device's account made.
async fn charged(desk: &Desk, device: &str, receipt: &str) -> OperationId {
    let charge = desk.charge(&format!("fee-{receipt}"), &format!("FEE-{receipt}"));
    desk.send(device, &charge).await;
    desk.run(charge.id, paid(receipt, &kes("100.00"))).await;
    charge.id
}

/// A payment of 700 that nobody asked for.
async fn told(desk: &Desk, receipt: &str, of: Option<OperationId>) {
    let mut data = json!({ "adapter": "mpesa", "receipt": receipt, "amount": kes("700.00") });
    if let Some(operation) = of {
        data["operation_id"] = json!(operation);
    }
    let fact = format!("mpesa:{PAYMENT_RECEIVED}:{receipt}");
    let event = EventRow { seq: 0, tenant: T.to_owned(), fact, kind: PAYMENT_RECEIVED.to_owned(), data, at: START };
    assert!(desk.store.record_event(event).await.unwrap());
}

fn said(receipt: &Receipt) -> (ReceiptStatus, &str, Option<&str>) {
    let problem = receipt.problem.as_ref();
    (receipt.status, problem.map_or("", |problem| problem.code.as_str()), problem.and_then(|problem| problem.field.as_deref()))
}

const UNKNOWN_AMOUNT: (ReceiptStatus, &str, Option<&str>) = (ReceiptStatus::Refused, "missing_field", Some("payload.amount"));
const TOO_MUCH: (ReceiptStatus, &str, Option<&str>) = (ReceiptStatus::Refused, "cap_exceeded", Some("payload.amount"));

async fn capped(caps: Caps) -> Desk {
    let desk = Desk::open().await;
    desk.enrol_under("capped", "amina", &["*:*"], caps).await;
    desk
}

fn by_id(desk: &Desk, id: OperationId) -> Operation {
    desk.refund(&json!({ "operation_id": id, "reason": "paid twice" }))
}

fn by_receipt(desk: &Desk, receipt: &str) -> Operation {
    desk.refund(&json!({ "receipt": receipt, "reason": "paid twice" }))
}

#[tokio::test]
async fn a_refund_of_all_counts_what_was_paid_against_the_cap_of_one_operation() {
    let desk = capped(Caps { amount_per_operation: Some(9_999), ..Caps::default() }).await;
    let id = charged(&desk, "d1", RECEIPT).await;
    told(&desk, "TKC2B", None).await;

    for refund in [by_id(&desk, id), by_receipt(&desk, RECEIPT), by_receipt(&desk, "TKC2B")] {
        assert_eq!(said(&desk.send("capped", &refund).await), TOO_MUCH);
    }
    let part = desk.refund(&json!({ "operation_id": id, "amount": kes("99.00"), "reason": "paid twice" }));
    assert_eq!(desk.send("capped", &part).await.status, ReceiptStatus::Accepted);
}

#[tokio::test]
async fn a_refund_of_all_counts_what_was_paid_against_the_cap_of_a_day() {
    let desk = capped(Caps { amount_per_day: Some(15_000), ..Caps::default() }).await;
    let (first, second) = (charged(&desk, "d1", "TKL1").await, charged(&desk, "d1", "TKL2").await);
    let (one, two) = (by_id(&desk, first), by_receipt(&desk, "TKL2"));

    assert_eq!(desk.send("capped", &one).await.status, ReceiptStatus::Accepted);
    assert_eq!(desk.send("capped", &two).await.status, ReceiptStatus::Accepted);
    desk.claim("mpesa").await;
    assert!(desk.open_attempt(one.id).await.is_some());
    assert!(desk.open_attempt(two.id).await.is_none(), "100 of 150 are used");

    let third = by_id(&desk, second);
    assert_eq!(said(&desk.send("capped", &third).await).0, ReceiptStatus::Later);
    assert_eq!(desk.state(two.id).await, State::Ready);
}

#[tokio::test]
async fn a_refund_under_a_cap_says_how_much_where_our_books_do_not() {
    for caps in [
        Caps { amount_per_operation: Some(1_000_000), ..Caps::default() },
        Caps { amount_per_day: Some(1_000_000), ..Caps::default() },
    ] {
        let desk = capped(caps).await;
        let refund = by_receipt(&desk, "NOBODY");
        assert_eq!(said(&desk.send("capped", &refund).await), UNKNOWN_AMOUNT);
        let named = desk.refund(&json!({ "receipt": "NOBODY", "amount": kes("10.00"), "reason": "paid twice" }));
        assert_eq!(desk.send("capped", &named).await.status, ReceiptStatus::Accepted);
        assert_eq!(desk.send("d2", &by_receipt(&desk, "ANOTHER")).await.status, ReceiptStatus::Accepted, "no cap");
    }
}

#[tokio::test]
async fn what_was_paid_above_the_price_counts_when_the_refund_begins() {
    let desk = capped(Caps { amount_per_operation: Some(10_000), ..Caps::default() }).await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let refund = by_id(&desk, charge.id);
    assert_eq!(desk.send("capped", &refund).await.status, ReceiptStatus::Accepted, "by its price");
    desk.run(charge.id, paid(RECEIPT, &kes("250.00"))).await;

    assert_eq!(desk.open_attempt(refund.id).await, None);
    assert_eq!((desk.state(refund.id).await, desk.problem(refund.id).await), (State::Failed, "cap_exceeded".to_owned()));
}

#[tokio::test]
async fn a_payment_of_another_account_is_given_back_to_nobody_and_no_call_is_made() {
    let desk = Desk::open().await;
    let theirs = charged(&desk, "d3", RECEIPT).await;
    told(&desk, "TKDOUBLE", Some(theirs)).await;
    let amount = kes("100.00");
    let refunds = [
        by_id(&desk, theirs),
        by_receipt(&desk, RECEIPT),
        by_receipt(&desk, "tkl1"),
        by_receipt(&desk, "TKDOUBLE"),
        desk.refund(&json!({ "receipt": RECEIPT, "amount": amount, "reason": "mine now" })),
    ];
    let nobody_s = by_id(&desk, desk.id());

    for refund in std::iter::once(&nobody_s).chain(&refunds) {
        assert_eq!(desk.send("d1", refund).await.status, ReceiptStatus::Accepted, "the door tells nothing");
        assert_eq!(desk.open_attempt(refund.id).await, None);
        let (row, unknown) = (desk.row(refund.id).await, desk.row(nobody_s.id).await);
        assert_eq!((row.state, row.attempts), (State::Failed, 0));
        assert_eq!(desk.problem(refund.id).await, "not_found");
        assert_eq!(row.problem, unknown.problem, "as if there were none");
    }
    desk.send("d1", &by_receipt(&desk, RECEIPT)).await;
    let owner_s = by_receipt(&desk, RECEIPT);
    assert_eq!(desk.send("d3", &owner_s).await.status, ReceiptStatus::Accepted, "nobody else's wish keeps it waiting");
    assert!(desk.open_attempt(owner_s.id).await.is_some());
}

#[tokio::test]
async fn a_payment_that_belongs_to_no_account_is_given_back_by_its_receipt() {
    let desk = Desk::open().await;
    told(&desk, "TKC2B", None).await;
    let refund = desk.refund(&json!({ "receipt": "TKC2B", "amount": kes("700.00"), "reason": "not ours" }));
    desk.send("d1", &refund).await;

    assert!(desk.open_attempt(refund.id).await.is_some());
}

#[tokio::test]
async fn one_refund_of_a_payment_is_under_way_however_it_is_named() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let again = desk.charge("fee-1", "FEE-1");
    assert_eq!(desk.send("d2", &again).await.status, ReceiptStatus::Duplicate);
    desk.run(charge.id, paid(RECEIPT, &kes("100.00"))).await;
    let names = || [by_id(&desk, charge.id), by_id(&desk, again.id), by_receipt(&desk, RECEIPT), by_receipt(&desk, "tkl1")];

    for first in names() {
        assert_eq!(desk.send("d1", &first).await.status, ReceiptStatus::Accepted);
        for second in names() {
            let receipt = desk.send("d2", &second).await;
            assert_eq!(said(&receipt), (ReceiptStatus::Later, "payment_in_flight", Some("payload.reference")));
        }
        desk.cancel("d1", first.id).await;
    }
    desk.healthy().await;
}

#[tokio::test]
async fn a_receipt_that_is_learnt_late_lets_no_second_refund_begin() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let (named, known) = (by_receipt(&desk, RECEIPT), by_id(&desk, charge.id));
    assert_eq!(desk.send("d1", &named).await.status, ReceiptStatus::Accepted);
    assert_eq!(desk.send("d2", &known).await.status, ReceiptStatus::Accepted, "nobody knows yet that they are one");
    desk.run(charge.id, paid(RECEIPT, &kes("100.00"))).await;

    let attempt = desk.open_attempt(named.id).await.unwrap();
    assert_eq!(desk.open_attempt(known.id).await, None);
    assert_eq!(desk.state(known.id).await, State::Ready, "it waits for the other's end");
    assert_eq!(desk.send("d1", &by_id(&desk, charge.id)).await.status, ReceiptStatus::Later);

    desk.settle(named.id, Source::Call { attempt }, Evidence::Answer(waiting(Some("r-1"))), MONEY).await;
    assert_eq!(desk.open_attempt(known.id).await, None);
    desk.settle(named.id, Source::Poll, Evidence::Answer(paid("TKR1", &kes("100.00"))), MONEY).await;
    assert!(desk.open_attempt(known.id).await.is_some(), "the provider says that nothing is left");
}
