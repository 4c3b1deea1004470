//! The list: each action, where it happens at the simulated provider, and how to ask for it.

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_sandbox::{Adapter, Call, Effect, LedgerEntry};

use super::super::{
    chain::kind,
    push::handset,
    world::{World, enqueue},
};

/// One action, in one of its ways.
pub(super) struct Row {
    pub(super) adapter: &'static str,
    pub(super) action: &'static str,
    pub(super) variant: &'static str,
    /// The provider's call that has the effect; `None` where there is no wire.
    pub(super) at: Option<(Adapter, Call)>,
    pub(super) effect: Effect,
    /// Rows of the ledger that are one effect: a text to two people.
    pub(super) each: usize,
    /// Breaks after which a human is asked, since nobody else can know.
    pub(super) human: &'static [&'static str],
}

const fn row(adapter: &'static str, action: &'static str, at: (Adapter, Call), effect: Effect) -> Row {
    Row { adapter, action, variant: "", at: Some(at), effect, each: 1, human: &[] }
}

pub(super) const ROWS: [Row; 23] = [
    // Daraja gives no id without an answer: the callback tells, or a human looks. It is never sent again by itself.
    Row {
        human: &["time-out before", "500", "503"],
        ..row("mpesa", "charge", (Adapter::Mpesa, Call::Charge), Effect::MoneyIn)
    },
    Row {
        human: &["time-out before", "500", "503"],
        ..row("mpesa", "refund", (Adapter::Mpesa, Call::Refund), Effect::MoneyOut)
    },
    row("flutterwave", "charge", (Adapter::Flutterwave, Call::Charge), Effect::MoneyIn),
    Row { variant: "link", ..row("flutterwave", "charge", (Adapter::Flutterwave, Call::Charge), Effect::MoneyIn) },
    row("flutterwave", "refund", (Adapter::Flutterwave, Call::Refund), Effect::MoneyOut),
    row("pesapal", "charge", (Adapter::Pesapal, Call::Charge), Effect::MoneyIn),
    row("pesapal", "refund", (Adapter::Pesapal, Call::Refund), Effect::MoneyOut),
    row("sms", "send", (Adapter::Sms, Call::Send), Effect::Message),
    Row { variant: "bulk", each: 2, ..row("sms", "send", (Adapter::Sms, Call::Send), Effect::Message) },
    row("whatsapp", "send", (Adapter::Whatsapp, Call::Send), Effect::Message),
    Row { variant: "text", ..row("whatsapp", "send", (Adapter::Whatsapp, Call::Send), Effect::Message) },
    Row { variant: "media", ..row("whatsapp", "send", (Adapter::Whatsapp, Call::Send), Effect::Message) },
    Row { variant: "fcm", ..row("push", "send", (Adapter::Push, Call::Send), Effect::Message) },
    Row { variant: "apns", ..row("push", "send", (Adapter::Push, Call::Send), Effect::Message) },
    row("notifications", "notify", (Adapter::Push, Call::Send), Effect::Message),
    row("google_drive", "upload", (Adapter::GoogleDrive, Call::Chunk), Effect::File),
    Row { variant: "session", ..row("google_drive", "upload", (Adapter::GoogleDrive, Call::Open), Effect::File) },
    row("google_drive", "delete", (Adapter::GoogleDrive, Call::Delete), Effect::Deleted),
    Row { at: None, ..row("local_storage", "upload", (Adapter::GoogleDrive, Call::Chunk), Effect::File) },
    Row { at: None, ..row("local_storage", "delete", (Adapter::GoogleDrive, Call::Delete), Effect::Deleted) },
    row("moodle", "enroll", (Adapter::Moodle, Call::Enroll), Effect::Enrolment),
    row("moodle", "sync_grades", (Adapter::Moodle, Call::SyncGrades), Effect::Grade),
    row("moodle", "create_course", (Adapter::Moodle, Call::CreateCourse), Effect::Course),
];

const IPHONE: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

impl Row {
    /// The rows of the provider's ledger.
    pub(super) fn entries(&self, world: &World) -> Vec<LedgerEntry> {
        let Some((adapter, _)) = self.at else { return Vec::new() };
        let same = |entry: &LedgerEntry| (entry.adapter, entry.effect) == (adapter, self.effect);
        world.hosted.sandbox.ledger().into_iter().filter(same).collect()
    }

    /// How often it happened: at a phone that shows notifications of one mark once, and of files in their folder.
    pub(super) fn effects(&self, world: &World) -> usize {
        match self.adapter {
            "push" | "notifications" => {
                let marks = self.entries(world).into_iter().map(|entry| entry.request_id.unwrap());
                marks.collect::<std::collections::BTreeSet<_>>().len()
            }
            "local_storage" => {
                let is_there = std::fs::read(world.hosted.files().join("a.txt")).is_ok_and(|bytes| bytes == b"hello");
                usize::from(is_there == (self.effect == Effect::File))
            }
            _ => {
                let entries = self.entries(world).len();
                assert_eq!(entries % self.each, 0, "{entries}: some were sent more than others");
                entries / self.each
            }
        }
    }
}

fn operation(row: &Row, payload: &Value) -> NewOperation {
    let mut operation = NewOperation::new(row.adapter, row.action, payload.to_string());
    operation.key = Some("once".to_owned());
    operation
}

/// What must be there before, done; the operation that is to break.
pub(super) async fn prepare(world: &World, phone: &Client, row: &Row) -> NewOperation {
    let to = "+254712000001";
    let payload = match (row.adapter, row.action, row.variant) {
        ("flutterwave" | "pesapal", "charge", "link") => link(row.adapter),
        (_, "charge", _) => charge(),
        (_, "refund", _) => {
            let mut new = NewOperation::new(row.adapter, "charge", charge().to_string());
            new.key = Some("paid".to_owned());
            let paid = paid(world, phone, new).await;
            json!({ "operation_id": paid.id, "reason": "paid twice" })
        }
        ("sms", _, "bulk") => json!({ "to": [to, "+254712000002"], "message": "School is closed on Friday. (ref 17)" }),
        ("sms", _, _) => json!({ "to": to, "message": "School is closed on Friday. (ref 17)" }),
        ("whatsapp", _, "text") => json!({ "to": to, "message": "School is closed on Friday. (ref 17)" }),
        ("whatsapp", _, "media") => {
            json!({ "to": to, "message": "Invoice 17", "media": { "url": "https://school.example.org/a.pdf" } })
        }
        ("whatsapp", _, _) => {
            json!({ "to": to, "template": { "name": "fees_due", "language": "sw", "params": ["pupil 17"] } })
        }
        ("push", _, kind) => {
            handset(world, "parent", kind, if kind == "apns" { IPHONE } else { "fcm-of-parent" }).await;
            json!({ "to": { "user": "parent" }, "title": "Fees", "body": "Paid" })
        }
        ("notifications", _, _) => {
            handset(world, "parent", "fcm", "fcm-of-parent").await;
            let push = json!({ "en": { "title": "Fees", "body": "Paid by {{ who }}" } });
            kind(
                world,
                "fees",
                &json!({ "channels": [{ "channel": "push", "success": "accepted", "wait_s": 600 }] }),
                &json!({ "push": push }),
            )
            .await;
            json!({ "type": "fees", "to": { "user": "parent" }, "data": { "who": "Amina" } })
        }
        (_, "upload", _) => json!({ "destination": "a.txt", "content_type": "text/plain", "content_base64": "aGVsbG8=" }),
        (_, "delete", _) => {
            let there = json!({ "destination": "a.txt", "content_base64": "aGVsbG8=" });
            paid(world, phone, NewOperation::new(row.adapter, "upload", there.to_string())).await;
            json!({ "path": "a.txt" })
        }
        ("moodle", "enroll", _) => {
            json!({ "user": { "by": "username", "value": "S0100" }, "course": { "by": "idnumber", "value": "FORM-2-MATH" } })
        }
        ("moodle", "sync_grades", _) => json!({
            "direction": "push", "course": { "by": "idnumber", "value": "FORM-2-MATH" }, "item": "CAT-1",
            "grades": [{ "user": "S0001", "grade": "64" }],
        }),
        ("moodle", _, _) => json!({ "idnumber": "MATH-4B", "fullname": "Mathematics 4B", "shortname": "MATH4B" }),
        other => panic!("{other:?} is in the list, and nobody knows how to ask for it"),
    };
    operation(row, &payload)
}

fn charge() -> Value {
    json!({ "amount": { "amount": "1250.00", "currency": "KES" }, "phone": "+254712000001", "reference": "FEE-1" })
}

fn link(adapter: &str) -> Value {
    assert_eq!(adapter, "flutterwave", "Pesapal's are all pages");
    let amount = json!({ "amount": "12.50", "currency": "USD" });
    json!({ "amount": amount, "reference": "FEE-2", "method": "link", "email": "amina@example.org" })
}

/// Done before anything breaks.
async fn paid(world: &World, phone: &Client, new: NewOperation) -> OperationRecord {
    let record = enqueue(phone, new).await;
    let row = Row { human: &[], ..row("", "", (Adapter::Sms, Call::Send), Effect::Message) };
    let (record, asked) = super::finish(world, phone, record.id, &row).await;
    assert!(record.state == DeviceState::Succeeded && !asked, "{:?}", record.problem);
    record
}
