//! The list: each kind of webhook, a good one of it, and by what it is seen that it had its effect.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tarishi_core::{Client, DeviceState, NewOperation};
use tarishi_protocol::{OperationId, State};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry};
use tarishi_server::{app::DEFAULT_TENANT, config};
use uuid::Uuid;

use super::super::world::{World, ended, enqueue, eventually, until};

const PHONE: &str = "+254712000001";
/// Nothing is asked by itself meanwhile.
const PATIENT: &[(&str, &str)] = &[("first_poll_ms", "60000"), ("poll_ms", "60000")];

/// One kind of webhook.
pub(super) struct Kind {
    pub(super) adapter: &'static str,
    pub(super) name: &'static str,
    /// Bytes of a body, at most, and how more is answered.
    pub(super) bytes_max: usize,
    pub(super) too_large: u16,
    /// How another tenant's address answers: 200 where nothing is signed, and it is kept there.
    pub(super) others: u16,
    /// How a wrong signature is answered.
    pub(super) unsigned: u16,
    pub(super) other_credentials: &'static [(&'static str, &'static str)],
}

const fn kind(adapter: &'static str, name: &'static str, bytes_max: usize) -> Kind {
    Kind { adapter, name, bytes_max, too_large: 400, others: 200, unsigned: 0, other_credentials: &[] }
}

const DARAJA: &[(&str, &str)] = &[("shortcode", "600777")];
const PESAPAL: &[(&str, &str)] = &[("consumer_key", "another"), ("consumer_secret", "secret"), ("environment", "sandbox")];

const META: &[(&str, &str)] =
    &[("app_secret", "another-secret"), ("verify_token", "v"), ("access_token", "t"), ("phone_number_id", "2")];

pub(super) const KINDS: [Kind; 9] = [
    Kind { others: 404, other_credentials: DARAJA, ..kind("mpesa", "callback of a charge", 64 * 1024) },
    Kind { others: 404, other_credentials: DARAJA, ..kind("mpesa", "result of a refund", 64 * 1024) },
    Kind { others: 400, other_credentials: DARAJA, ..kind("mpesa", "paybill payment", 64 * 1024) },
    Kind {
        others: 401,
        unsigned: 401,
        other_credentials: &[("secret_hash", "another-hash"), ("secret_key", "FLWSECK_TEST-other-X")],
        ..kind("flutterwave", "charge completed", 64 * 1024)
    },
    Kind { other_credentials: PESAPAL, ..kind("pesapal", "IPN by POST", 16 * 1024) },
    Kind { other_credentials: PESAPAL, ..kind("pesapal", "IPN by GET", 16 * 1024) },
    Kind { other_credentials: &[("username", "another"), ("api_key", "key")], ..kind("sms", "delivery report", 16 * 1024) },
    Kind { too_large: 413, others: 403, unsigned: 403, other_credentials: META, ..kind("whatsapp", "status", 3 * 1024 * 1024) },
    Kind {
        too_large: 413,
        others: 403,
        unsigned: 403,
        other_credentials: META,
        ..kind("whatsapp", "message of a person", 3 * 1024 * 1024)
    },
];

/// A request of a provider's.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Before and after the token.
    pub(super) place: (String, &'static str),
    pub(super) token: String,
    pub(super) signature: Option<(&'static str, String)>,
    /// The body, or with GET the query.
    pub(super) content: String,
}

impl Request {
    pub(super) fn path(&self) -> String {
        let path = format!("{}/{}{}", self.place.0, self.token, self.place.1);
        if self.method == Method::GET { format!("{path}?{}", self.content) } else { path }
    }

    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Other bytes, signed by whoever may.
    pub(super) fn with_content(&self, content: &str) -> Self {
        let signature = self.signature.as_ref().map(|(name, old)| {
            let new = if old.starts_with("sha256=") { signature(content) } else { old.clone() };
            (*name, new)
        });
        Self { content: content.to_owned(), signature, ..self.clone() }
    }

    /// As many bytes that change nothing.
    pub(super) fn padded(&self, bytes: usize) -> Self {
        let is_json = self.content.starts_with('{');
        let pad = bytes.saturating_sub(self.content.len());
        let more = if is_json { " ".repeat(pad) } else { format!("&pad={}", "x".repeat(pad)) };
        self.with_content(&format!("{}{more}", self.content))
    }
}

fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"sandbox-whatsapp-secret").unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// An operation that waits to be told, and what tells it.
pub(super) struct Live {
    pub(super) good: Request,
    pub(super) id: Option<OperationId>,
    attempt: Option<Uuid>,
    /// The status of its message that the webhook tells.
    status: Option<&'static str>,
}

impl Live {
    /// Had the webhook its effect?
    pub(super) async fn happened(&self, world: &World) -> bool {
        let Some(id) = self.id else {
            return world.count("events WHERE kind IN ('payment.received', 'message.received')") == 1;
        };
        let row = world.row(id).await;
        match self.status {
            Some(status) => row.outcome.unwrap()["messages"][0]["status"] == status,
            None => row.state == State::Succeeded,
        }
    }

    /// The token that another tenant has for the same.
    pub(super) fn other_token(&self, world: &World) -> String {
        match self.attempt {
            Some(attempt) => world.hosted.server.app().vault.callback_token("other", attempt),
            None => World::OTHER_TOKEN.to_owned(),
        }
    }

    fn of(token: &str, rest: &'static str, content: String) -> Self {
        let place = ("/h".to_owned(), rest);
        let good = Request { method: Method::POST, place, token: token.to_owned(), signature: None, content };
        Self { good, id: None, attempt: None, status: None }
    }

    async fn callback(world: &World, id: OperationId, rest: &'static str, content: String) -> Self {
        let attempt = world.row(id).await.attempt_id.unwrap();
        let token = world.hosted.server.app().vault.callback_token(DEFAULT_TENANT, attempt);
        let live = Self::of(&token, rest, content);
        let good = Request { place: (format!("/k/{}", attempt.simple()), rest), ..live.good };
        Self { good, id: Some(id), attempt: Some(attempt), status: None }
    }
}

/// Brings an operation to where only this webhook is missing: the provider's own is lost.
pub(super) async fn prepare(world: &World, kind: &Kind) -> Live {
    let phone = world.phone("phone", "amina").await;
    match (kind.adapter, kind.name) {
        ("mpesa", "paybill payment") => {
            let paid = json!({
                "TransactionType": "Pay Bill", "TransID": "UKO0000001", "TransTime": "20261124101519", "TransAmount": "700.00",
                "BusinessShortCode": "600123", "BillRefNumber": "ADM-0042", "MSISDN": "25471***009", "FirstName": "Zawadi",
            });
            Live::of(config::MPESA_WEBHOOK_TOKEN, "/c", paid.to_string())
        }
        ("mpesa", "result of a refund") => refund(world, &phone).await,
        ("mpesa", _) => charge(world, &phone).await,
        ("flutterwave", _) => {
            let id = payment(world, &phone, "flutterwave", Adapter::Flutterwave).await;
            money(world, Effect::MoneyIn).await;
            let data = world.row(id).await.reference.unwrap().data;
            let paid = json!({ "id": data["transaction_id"], "tx_ref": data["tx_ref"], "status": "successful" });
            let body = json!({ "event": "charge.completed", "data": paid }).to_string();
            let live = Live::of(config::FLUTTERWAVE_WEBHOOK_TOKEN, "", body);
            let signature = Some(("verif-hash", "sandbox-flutterwave-hash".to_owned()));
            Live { good: Request { signature, ..live.good }, id: Some(id), ..live }
        }
        ("pesapal", name) => pesapal(world, &phone, name == "IPN by GET").await,
        ("sms", _) => {
            let payload = json!({ "to": PHONE, "message": "School is closed." });
            let (id, entry) = sent(world, &phone, "sms", Adapter::Sms, &payload).await;
            let phone = PHONE.replace('+', "%2B");
            let body = format!("phoneNumber={phone}&id={}&status=Success&networkCode=63902", entry.provider_id.unwrap());
            Live { id: Some(id), status: Some("delivered"), ..Live::of(config::SMS_WEBHOOK_TOKEN, "/dlr", body) }
        }
        ("whatsapp", "message of a person") => {
            let said = json!({ "id": "wamid.1", "from": "254712000001", "type": "text", "text": { "body": "Zawadi is ill" } });
            signed("messages", &said, None, None)
        }
        ("whatsapp", _) => {
            let (id, entry) =
                sent(world, &phone, "whatsapp", Adapter::Whatsapp, &json!({ "to": PHONE, "message": "Hi" })).await;
            let told = json!({ "id": entry.provider_id, "status": "read", "timestamp": "1795486800" });
            signed("statuses", &told, Some(id), Some("read"))
        }
        other => panic!("{other:?} is in the list, and nobody knows what it looks like"),
    }
}

/// What Meta tells of one message, signed.
fn signed(list: &str, told: &Value, id: Option<OperationId>, status: Option<&'static str>) -> Live {
    let value = json!({ "metadata": { "phone_number_id": "100000000000001" }, list: [told] });
    let change = json!({ "field": "messages", "value": value });
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] });
    let live = Live::of(config::WHATSAPP_WEBHOOK_TOKEN, "", body.to_string());
    let signature = Some(("X-Hub-Signature-256", signature(&live.good.content)));
    Live { good: Request { signature, ..live.good }, id, status, ..live }
}

/// A charge that waits; the webhook of it is lost.
async fn payment(world: &World, phone: &Client, name: &str, adapter: Adapter) -> OperationId {
    world.set(name, PATIENT).await;
    world.hosted.sandbox.add_fault(Fault::on(adapter, Call::Charge).callback(CallbackFault::Lost));
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    let payload = json!({ "amount": amount, "phone": PHONE, "reference": "FEE-1" });
    let mut new = NewOperation::new(name, "charge", payload.to_string());
    new.key = Some("fee-1".to_owned());
    let id = enqueue(phone, new).await.id;
    until(phone, id, |state| state == DeviceState::Waiting).await;
    id
}

async fn charge(world: &World, phone: &Client) -> Live {
    let id = payment(world, phone, "mpesa", Adapter::Mpesa).await;
    let paid = money(world, Effect::MoneyIn).await;
    let item = |name: &str, value: Value| json!({ "Name": name, "Value": value });
    let items = [
        item("Amount", json!(1250.0)),
        item("MpesaReceiptNumber", json!(paid.provider_id)),
        item("TransactionDate", json!(20_261_124_101_519_u64)),
        item("PhoneNumber", json!("0712000***")),
    ];
    let callback = json!({
        "MerchantRequestID": "8a1c-4f02", "CheckoutRequestID": paid.request_id, "ResultCode": 0, "ResultDesc": "done",
        "CallbackMetadata": { "Item": items },
    });
    Live::callback(world, id, "/c", json!({ "Body": { "stkCallback": callback } }).to_string()).await
}

async fn refund(world: &World, phone: &Client) -> Live {
    let live = charge(world, phone).await;
    let paid = live.id.unwrap();
    let answer = world.http.post(format!("{}{}", world.url(), live.good.path())).body(live.good.content).send().await;
    assert!(answer.unwrap().status().is_success());
    assert_eq!(ended(phone, paid).await.state, DeviceState::Succeeded);
    world.set("mpesa", &[("receipt_wait_ms", "60000")]).await;
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Refund).callback(CallbackFault::Lost));
    let payload = json!({ "operation_id": paid, "reason": "paid twice" });
    let mut new = NewOperation::new("mpesa", "refund", payload.to_string());
    new.key = Some("back-1".to_owned());
    let id = enqueue(phone, new).await.id;
    until(phone, id, |state| state == DeviceState::Waiting).await;
    let out = money(world, Effect::MoneyOut).await;
    let parameters = json!({ "ResultParameter": [{ "Key": "Amount", "Value": 1250.0 }] });
    let result = json!({
        "ResultType": 0, "ResultCode": 0, "OriginatorConversationID": world.row(id).await.reference.unwrap().id,
        "ConversationID": "AG_20261124_2010aa77", "TransactionID": out.provider_id, "ResultParameters": parameters,
    });
    Live::callback(world, id, "/r", json!({ "Result": result }).to_string()).await
}

async fn pesapal(world: &World, phone: &Client, by_get: bool) -> Live {
    let id = payment(world, phone, "pesapal", Adapter::Pesapal).await;
    let page = async || world.row(id).await.outcome?["interim"]["open_url"]["url"].as_str().map(str::to_owned);
    eventually("the page is shown", async || page().await.is_some()).await;
    assert!(world.http.post(page().await.unwrap()).send().await.unwrap().status().is_redirection());
    money(world, Effect::MoneyIn).await;
    let data = world.row(id).await.reference.unwrap().data;
    let (tracking, reference) = (&data["tracking"], &data["reference"]);
    let body =
        json!({ "OrderTrackingId": tracking, "OrderMerchantReference": reference, "OrderNotificationType": "IPNCHANGE" });
    let live = Live::of(config::PESAPAL_WEBHOOK_TOKEN, "/ipn", body.to_string());
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let query = format!(
        "OrderNotificationType=IPNCHANGE&OrderTrackingId={}&OrderMerchantReference={}",
        text("OrderTrackingId"),
        text("OrderMerchantReference")
    );
    let good = if by_get { Request { method: Method::GET, content: query, ..live.good } } else { live.good };
    Live { good, id: Some(id), ..live }
}

/// Waits for the money; its row in the provider's books.
async fn money(world: &World, effect: Effect) -> LedgerEntry {
    let find = || world.hosted.sandbox.ledger().into_iter().find(|entry| entry.effect == effect);
    eventually("money moved", async || find().is_some()).await;
    find().unwrap()
}

/// A message that was taken and of which nothing more was told.
async fn sent(world: &World, phone: &Client, name: &str, adapter: Adapter, payload: &Value) -> (OperationId, LedgerEntry) {
    world.hosted.sandbox.add_fault(Fault::on(adapter, Call::Send).callback(CallbackFault::Lost));
    let id = enqueue(phone, NewOperation::new(name, "send", payload.to_string())).await.id;
    assert_eq!(ended(phone, id).await.state, DeviceState::Succeeded);
    (id, world.hosted.sandbox.ledger().remove(0))
}
