//! A store in a folder of its own, and short words for what devices, workers and providers do to it.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use tarishi_protocol::{
    Cancellation, CancellationResult, Code, Fingerprint, Operation, OperationId, Problem, Receipt, State, SyncResponse,
    check_payload,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::answers::MESSAGES;
use crate::{
    adapters::Answer,
    dispatch::policy::Rules,
    store::{
        Caps, Checked, DeviceRow, Evidence, ExchangeOutcome, Exclusive, Grants, Intake, Ms, Offer, Offered, Open, OpenCall,
        Opened, OperationRow, Preview, Settle, Settled, Source, Store as _, TenantRow, Terms, TokenRow, sqlite::SqliteStore,
    },
};

pub(super) const T: &str = "default";
pub(super) const START: Ms = 1_800_000_000_000;
pub(super) const DAY: Ms = 86_400_000;
/// How long a claim and then a call is nobody else's.
pub(super) const LEASE: Ms = 60_000;
/// Two phones of one family, and one of another.
pub(super) const DEVICES: [(&str, &str); 3] = [("d1", "amina"), ("d2", "amina"), ("d3", "baraka")];

pub(super) struct Desk {
    pub(super) store: SqliteStore,
    pub(super) folder: TempDir,
    pub(super) now: AtomicI64,
    pub(super) named: AtomicU32,
    pub(super) exchanges: Mutex<HashMap<String, u64>>,
    /// Slots that the next exchange is offered, and the calls that exchanges opened.
    pub(super) offers: Mutex<Vec<Offer>>,
    pub(super) opened: Mutex<Vec<OpenCall>>,
}

/// On which terms a call is opened.
pub(super) fn terms(attempt: Uuid, now: Ms) -> Terms {
    Terms { attempt, reference: None, send_before: now + 5_000, answer_by: now + 45_000, lease_until: now + LEASE, now }
}

impl Desk {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("t.db")).unwrap();
        store.create_tenant(TenantRow { tenant: T.to_owned(), name: "Default".to_owned(), created_at: START }).await.unwrap();
        let desk = Self {
            store,
            folder,
            now: AtomicI64::new(START),
            named: AtomicU32::new(1),
            exchanges: Mutex::default(),
            offers: Mutex::default(),
            opened: Mutex::default(),
        };
        for (device, account) in DEVICES {
            desk.enrol(device, account, &["*:*"]).await;
        }
        desk
    }

    pub(super) async fn enrol(&self, device: &str, account: &str, scopes: &[&str]) {
        self.enrol_under(device, account, scopes, Caps::default()).await;
    }

    pub(super) async fn enrol_under(&self, device: &str, account: &str, scopes: &[&str], caps: Caps) {
        let row = DeviceRow {
            tenant: T.to_owned(),
            device: device.to_owned(),
            account: account.to_owned(),
            grants: Grants { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), caps },
            token: TokenRow { hash: [0; 32], expires_at: START + 365 * DAY },
            old_token: None,
            revoked_at: None,
            last_seen: START,
            created_at: START,
        };
        self.store.create_device(row).await.unwrap();
    }

    pub(super) fn now(&self) -> Ms {
        self.now.load(Ordering::SeqCst)
    }

    pub(super) fn pass(&self, ms: Ms) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub(super) fn id(&self) -> OperationId {
        OperationId(Uuid::from_u128(
            0x0198_c0de_0000_7000_8000_0000_0000_0000 | u128::from(self.named.fetch_add(1, Ordering::SeqCst)),
        ))
    }

    fn envelope(&self, adapter: &str, action: &str, payload: &Value) -> Operation {
        let id = self.id();
        let created = chrono::DateTime::from_timestamp_millis(self.now()).unwrap();
        let text = json!({
            "id": id, "idempotency_key": id.to_string(), "adapter": adapter, "action": action, "payload": payload,
            "created_at": created, "age_exact": true,
        });
        serde_json::from_str(&text.to_string()).unwrap()
    }

    /// A message.
    pub(super) fn sms(&self, text: &str) -> Operation {
        self.sms_to(&json!("+254711000111"), text)
    }

    /// A message to these.
    pub(super) fn sms_to(&self, to: &Value, text: &str) -> Operation {
        self.envelope("sms", "send", &json!({ "to": to, "message": text }))
    }

    /// A message in an ordering key.
    pub(super) fn keyed(&self, key: &str, text: &str) -> Operation {
        Operation { ordering_key: Some(key.to_owned()), ..self.sms(text) }
    }

    /// A payment.
    pub(super) fn charge(&self, key: &str, reference: &str) -> Operation {
        let amount = json!({ "amount": "100.00", "currency": "KES" });
        let payload = json!({ "amount": amount, "phone": "+254712345678", "reference": reference });
        Operation { idempotency_key: key.to_owned(), ..self.envelope("mpesa", "charge", &payload) }
    }

    /// Money back.
    pub(super) fn refund(&self, payload: &Value) -> Operation {
        self.envelope("mpesa", "refund", payload)
    }

    pub(super) fn take(&self, operation: &Operation) -> Preview {
        let (adapter, action) = (&operation.adapter, &operation.action);
        let payload = check_payload(adapter, action, 1, operation.payload.get()).unwrap();
        let ttl = operation.ttl_ms.map_or(7 * DAY, |ms| Ms::try_from(ms).unwrap());
        Preview::Take(Box::new(Checked {
            fingerprint: Fingerprint::of(adapter, action, operation.payload.get()).unwrap(),
            exclusive: Exclusive::of(&payload),
            correlation: crate::adapters::Adapter::correlation(&crate::adapters::sms::Sms::default(), action, &payload),
            payload,
            channels: Vec::new(),
            expires_at: self.now() + ttl,
            enqueued_at: self.now(),
            operation: operation.clone(),
        }))
    }

    pub(super) fn refuse(&self, operation: &Operation) -> Preview {
        Preview::Refuse {
            id: operation.id,
            key: Some(operation.idempotency_key.clone()),
            fingerprint: Fingerprint::of(&operation.adapter, &operation.action, operation.payload.get()).ok(),
            ordering_key: operation.ordering_key.clone(),
            problem: Problem::new(Code::UnknownAdapter, "not switched on"),
        }
    }

    pub(super) fn later(&self, operation: &Operation) -> Preview {
        Preview::Later {
            id: operation.id,
            key: operation.idempotency_key.clone(),
            fingerprint: Fingerprint::of(&operation.adapter, &operation.action, operation.payload.get()).ok(),
            ordering_key: operation.ordering_key.clone(),
            problem: Problem::new(Code::Paused, "paused"),
        }
    }

    /// The next exchange of a device.
    pub(super) async fn exchange(
        &self,
        device: &str,
        operations: Vec<Preview>,
        cancel: &[OperationId],
        cursor: Option<String>,
    ) -> SyncResponse {
        let exchange = {
            let mut exchanges = self.exchanges.lock().unwrap();
            let last = exchanges.entry(device.to_owned()).or_default();
            *last += 1;
            *last
        };
        match self.exchange_as(device, exchange, operations, cancel, cursor).await {
            ExchangeOutcome::Done(response) => *response,
            ExchangeOutcome::Stale { highest } => panic!("stale: {highest}"),
        }
    }

    pub(super) async fn exchange_as(
        &self,
        device: &str,
        exchange: u64,
        operations: Vec<Preview>,
        cancel: &[OperationId],
        cursor: Option<String>,
    ) -> ExchangeOutcome {
        let account = DEVICES.iter().find(|(name, _)| *name == device).map_or("amina", |(_, account)| account);
        let intake = Intake {
            tenant: T.to_owned(),
            device: device.to_owned(),
            account: account.to_owned(),
            exchange,
            operations,
            cancellations: cancel.to_vec(),
            notification_receipts: Vec::new(),
            cursor,
            now: self.now(),
        };
        let slots = std::mem::take(&mut *self.offers.lock().unwrap());
        let (tell, opened) = oneshot::channel();
        let outcome = self.store.exchange(intake, Offered { slots, opened: Some(tell) }).await.unwrap();
        let opened = opened.await.unwrap();
        self.opened.lock().unwrap().extend(opened);
        outcome
    }

    pub(super) async fn send_all(&self, device: &str, operations: &[&Operation]) -> Vec<Receipt> {
        let previews = operations.iter().map(|operation| self.take(operation)).collect();
        self.exchange(device, previews, &[], None).await.receipts
    }

    pub(super) async fn send(&self, device: &str, operation: &Operation) -> Receipt {
        self.send_all(device, &[operation]).await.remove(0)
    }

    pub(super) async fn cancel(&self, device: &str, id: OperationId) -> CancellationResult {
        let answers: Vec<Cancellation> = self.exchange(device, Vec::new(), &[id], None).await.cancellations;
        answers[0].result
    }

    /// Offers the next exchange a free slot of a lane.
    pub(super) fn offer(&self, adapter: &str, action: &str) {
        let (adapter, action) = (adapter.to_owned(), action.to_owned());
        let offer = Offer { tenant: T.to_owned(), adapter, action, terms: terms(Uuid::now_v7(), self.now()) };
        self.offers.lock().unwrap().push(offer);
    }

    /// What exchanges opened since this was asked last.
    pub(super) fn opened(&self) -> Vec<OperationId> {
        std::mem::take(&mut *self.opened.lock().unwrap()).into_iter().map(|call| call.operation.id).collect()
    }

    pub(super) async fn claim(&self, adapter: &str) -> Vec<OperationId> {
        let rows = self.store.claim(T, adapter, self.now(), self.now() + LEASE, 100).await.unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    pub(super) async fn open_attempt(&self, id: OperationId) -> Option<Uuid> {
        let attempt = Uuid::now_v7();
        let open = Open { tenant: T.to_owned(), id, terms: terms(attempt, self.now()) };
        matches!(self.store.open_attempt(open).await.unwrap(), Opened::Yes(_)).then_some(attempt)
    }

    /// Claims everything due and opens this one.
    pub(super) async fn call(&self, id: OperationId) -> Uuid {
        let row = self.row(id).await;
        self.claim(&row.adapter).await;
        self.open_attempt(id).await.unwrap()
    }

    pub(super) async fn settle(&self, id: OperationId, source: Source, evidence: Evidence, rules: Rules) -> Settled {
        self.store.settle(Settle { tenant: T.to_owned(), id, source, evidence, rules, now: self.now() }).await.unwrap()
    }

    pub(super) async fn answer(&self, id: OperationId, attempt: Uuid, answer: Answer) -> Settled {
        self.settle(id, Source::Call { attempt }, Evidence::Answer(answer), MESSAGES).await
    }

    /// From ready to this end, in one call.
    pub(super) async fn run(&self, id: OperationId, answer: Answer) {
        let attempt = self.call(id).await;
        self.answer(id, attempt, answer).await;
    }

    pub(super) async fn row(&self, id: OperationId) -> OperationRow {
        self.store.operation(T, id).await.unwrap().unwrap()
    }

    pub(super) async fn state(&self, id: OperationId) -> State {
        self.row(id).await.state
    }

    pub(super) async fn problem(&self, id: OperationId) -> String {
        self.row(id).await.problem.unwrap().code
    }

    pub(super) async fn healthy(&self) {
        assert_eq!(self.store.doctor(self.now()).await.unwrap(), Vec::<String>::new());
    }
}
