//! A desk with a school's address book and one type of notification.

use serde_json::{Value, json};
use tarishi_protocol::{Fingerprint, NotificationEvent, NotificationReceipt, Operation, OperationId, check_payload};
use uuid::Uuid;

use super::super::{
    answers::MESSAGES,
    desk::{Desk, T},
};
use crate::{
    adapters::{Answer, MessageNews, Reference},
    store::{
        ChainState, Checked, DeliveryRow, EventRow, Evidence, Intake, ListRow, MESSAGE_RECEIVED, Ms, NotificationRow, Offered,
        Preview, PushTokenRow, RecipientRow, Signal, Source, Store as _, TemplateRow, TypeRow, sqlite::SqliteStore,
    },
};

pub(super) struct Stage {
    pub(super) desk: Desk,
}

/// The provider's answer for one message.
pub(super) fn sent(status: &str) -> Answer {
    let id = Uuid::now_v7().to_string();
    let outcome = json!({ "messages": [{ "to": "+254712000001", "id": id, "status": status }] });
    Answer::Succeeded { outcome, reference: Some(Reference::new(id)), receipt: None }
}

impl Stage {
    pub(super) async fn open() -> Self {
        let stage = Self { desk: Desk::open().await };
        stage.person("amina", json!({ "phone": "+254712000001" })).await;
        stage.kind("fees", json!({})).await;
        stage
    }

    /// The process dies and another one serves the file.
    pub(super) fn reopen(self) -> Self {
        let path = self.desk.folder.path().join("t.db");
        Self { desk: Desk { store: SqliteStore::open(&path).unwrap(), ..self.desk } }
    }

    pub(super) async fn kind(&self, name: &str, more: Value) {
        let mut route = json!({ "channels": [
            { "channel": "push", "wait_s": 300 },
            { "channel": "whatsapp", "wait_s": 900, "tariff": { "amount": "0.60", "currency": "KES" } },
            { "channel": "sms", "wait_s": 3600, "tariff": { "amount": "0.80", "currency": "KES" } },
        ] });
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let route = serde_json::from_value::<crate::chain::Route>(route).unwrap().complete().unwrap();
        let row = TypeRow { tenant: T.to_owned(), name: name.to_owned(), route, updated_at: self.desk.now() };
        self.desk.store.put_notification_type(row).await.unwrap();
        let texts = json!({
            "push": { "en": { "title": "Fees", "body": "{{ amount }} for {{ pupil }}" } },
            "whatsapp": { "en": { "template": "fees", "params": ["{{ amount }}", "{{ pupil }}"] } },
            "sms": { "en": { "text": "Fees of {{ amount }} for {{ pupil }}" }, "sw": { "text": "Karo ya {{ pupil }}: {{ amount }}" } },
            "sample": { "amount": "KES 100", "pupil": "Zawadi" },
        });
        self.texts(name, texts).await;
    }

    pub(super) async fn texts(&self, name: &str, texts: Value) {
        let texts: crate::chain::Texts = serde_json::from_value(texts).unwrap();
        texts.check().unwrap();
        let row = TemplateRow { tenant: T.to_owned(), name: name.to_owned(), texts, updated_at: self.desk.now() };
        self.desk.store.put_notification_template(row).await.unwrap();
    }

    pub(super) async fn person(&self, account: &str, recipient: Value) {
        let recipient = serde_json::from_value(recipient).unwrap();
        let row = RecipientRow { tenant: T.to_owned(), account: account.to_owned(), recipient, updated_at: self.desk.now() };
        self.desk.store.put_recipient(row).await.unwrap();
    }

    /// The person has the app on this phone.
    pub(super) async fn app(&self, _account: &str, device: &str) {
        let row = PushTokenRow {
            tenant: T.to_owned(),
            device: device.to_owned(),
            kind: "fcm".to_owned(),
            sealed: vec![1],
            token_hash: [1; 32],
            registered_at: self.desk.now(),
        };
        self.desk.store.put_push_token(row).await.unwrap();
    }

    pub(super) async fn notify(&self, kind: &str, account: &str) -> OperationId {
        self.notify_with(kind, json!({ "user": account }), None).await
    }

    pub(super) async fn notify_list(&self, kind: &str, members: &[String]) -> OperationId {
        let row =
            ListRow { tenant: T.to_owned(), name: "class".to_owned(), members: members.to_vec(), updated_at: self.desk.now() };
        self.desk.store.put_list(row).await.unwrap();
        self.notify_with(kind, json!({ "list": "class" }), None).await
    }

    pub(super) async fn notify_with(&self, kind: &str, to: Value, dedupe_key: Option<&str>) -> OperationId {
        self.send(kind, to, dedupe_key, false).await
    }

    /// The phone was told `accepted` by a store that was put back since.
    pub(super) async fn notify_held(&self, kind: &str, account: &str) -> OperationId {
        self.send(kind, json!({ "user": account }), None, true).await
    }

    async fn send(&self, kind: &str, to: Value, dedupe_key: Option<&str>, held_before: bool) -> OperationId {
        let mut payload = json!({ "type": kind, "to": to, "data": { "amount": "KES 100", "pupil": "Zawadi" } });
        if let Some(key) = dedupe_key {
            payload["dedupe_key"] = json!(key);
        }
        let id = self.desk.id();
        let created = chrono::DateTime::from_timestamp_millis(self.desk.now()).unwrap();
        let text = json!({
            "id": id, "idempotency_key": id.to_string(), "adapter": "notifications", "action": "notify", "payload": payload,
            "created_at": created, "age_exact": true, "held_before": held_before,
        });
        let operation: Operation = serde_json::from_str(&text.to_string()).unwrap();
        let payload = check_payload("notifications", "notify", 1, operation.payload.get()).unwrap();
        let checked = Checked {
            fingerprint: Fingerprint::of("notifications", "notify", operation.payload.get()).unwrap(),
            exclusive: None,
            correlation: None,
            payload,
            channels: Vec::new(),
            expires_at: self.desk.now() + 86_400_000,
            enqueued_at: self.desk.now(),
            operation,
        };
        let receipts = self.desk.exchange("d1", vec![Preview::Take(Box::new(checked))], &[], None).await.receipts;
        assert!(receipts[0].problem.is_none() || receipts[0].state.is_some_and(|state| state.is_ended()), "{receipts:?}");
        id
    }

    pub(super) async fn people(&self, notify: OperationId) -> Vec<NotificationRow> {
        self.desk.store.notifications(T, notify, None, 500).await.unwrap()
    }

    async fn only(&self, notify: OperationId) -> NotificationRow {
        self.people(notify).await.remove(0)
    }

    pub(super) async fn total(&self, notify: OperationId) -> u64 {
        self.desk.store.notification_counts(T, notify).await.unwrap()["total"]
    }

    pub(super) async fn chain(&self, notify: OperationId) -> ChainState {
        self.only(notify).await.state
    }

    pub(super) async fn deliveries(&self, notify: OperationId) -> Vec<DeliveryRow> {
        self.desk.store.deliveries(T, self.only(notify).await.id).await.unwrap()
    }

    /// The channels so far; of those left out, why.
    pub(super) async fn steps(&self, notify: OperationId) -> Vec<String> {
        let word = |row: DeliveryRow| match (row.operation, row.reason) {
            (None, Some(reason)) => format!("{}: {reason}", row.channel.as_str()),
            _ => row.channel.as_str().to_owned(),
        };
        self.deliveries(notify).await.into_iter().map(word).collect()
    }

    /// The operation of a leg.
    pub(super) async fn step(&self, notify: OperationId, leg: usize) -> OperationId {
        self.deliveries(notify).await[leg].operation.unwrap()
    }

    pub(super) async fn step_of(&self, notify: OperationId, account: &str, leg: usize) -> OperationId {
        let people = self.people(notify).await;
        let person = people.iter().find(|row| row.account == account).unwrap();
        self.desk.store.deliveries(T, person.id).await.unwrap()[leg].operation.unwrap()
    }

    pub(super) async fn pass_and_move(&self, ms: Ms) {
        self.desk.pass(ms);
        self.desk.store.advance_chains(self.desk.now()).await.unwrap();
    }

    pub(super) async fn signal(&self, notify: OperationId, signal: Signal) {
        let id = self.only(notify).await.id;
        assert!(self.desk.store.signal_notification(T, id, signal, self.desk.now()).await.unwrap());
    }

    /// A phone says in its exchange that the notification came.
    pub(super) async fn receipt_of(&self, device: &str, notify: OperationId) {
        let id = self.only(notify).await.id;
        let account = super::super::desk::DEVICES.iter().find(|(name, _)| *name == device).unwrap().1;
        let receipt =
            NotificationReceipt { notification_id: id.simple().to_string(), event: NotificationEvent::Received, age_ms: 0 };
        let intake = Intake {
            tenant: T.to_owned(),
            device: device.to_owned(),
            account: account.to_owned(),
            exchange: 1_000,
            operations: Vec::new(),
            cancellations: Vec::new(),
            notification_receipts: vec![receipt],
            cursor: None,
            now: self.desk.now(),
        };
        self.desk.store.exchange(intake, Offered::default()).await.unwrap();
    }

    pub(super) async fn fail(&self, id: OperationId, attempt: Uuid, evidence: Evidence) {
        self.desk.settle(id, Source::Call { attempt }, evidence, MESSAGES).await;
    }

    /// The wait for the report of a call without answer is over.
    pub(super) async fn overdue(&self, id: OperationId) {
        self.desk.settle(id, Source::Poll, Evidence::ReceiptOverdue, MESSAGES).await;
    }

    pub(super) async fn report(&self, id: OperationId, status: &str, rank: u8) {
        self.news(id, status, rank, None, None).await;
    }

    pub(super) async fn report_failed(&self, id: OperationId, reason: &str) {
        self.news(id, "failed", 2, Some(reason), None).await;
    }

    pub(super) async fn news(&self, id: OperationId, status: &str, rank: u8, reason: Option<&str>, cost: Option<&str>) {
        let row = self.desk.row(id).await;
        let news = MessageNews {
            id: row.outcome.unwrap()["messages"][0]["id"].as_str().unwrap().to_owned(),
            status: status.to_owned(),
            rank,
            to: None,
            reason: reason.map(str::to_owned),
            cost: cost.map(str::to_owned),
        };
        self.desk.settle(id, Source::Webhook { attempt: None }, Evidence::Message(news), MESSAGES).await;
    }

    /// Somebody writes to us.
    pub(super) async fn reply(&self, adapter: &str, from: &str) {
        let row = EventRow {
            seq: 0,
            tenant: T.to_owned(),
            fact: Uuid::now_v7().to_string(),
            kind: MESSAGE_RECEIVED.to_owned(),
            data: json!({ "adapter": adapter, "from": from }),
            at: self.desk.now(),
        };
        assert!(self.desk.store.record_event(row).await.unwrap());
    }
}
