//! What reversal and transaction status share: acknowledged now, the result posted to `ResultURL` later.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::book::Book;
use super::result_code;
use crate::clock;
use crate::fault::Fault;
use crate::gate;
use crate::world::World;

/// The ids Daraja gives an asynchronous request.
#[derive(Clone)]
pub(super) struct Conversation {
    pub(super) originator_id: String,
    id: String,
}

impl Conversation {
    pub(super) fn open(world: &World) -> Self {
        let originator_id = format!("{}-{}", world.random_hex(2), world.random_hex(8));
        let id = format!("AG_{}_{}", &clock::nairobi(clock::now())[..8], world.random_hex(10));
        Self { originator_id, id }
    }

    pub(super) fn acknowledgement(&self) -> Response {
        Json(json!({
            "OriginatorConversationID": self.originator_id,
            "ConversationID": self.id,
            "ResponseCode": "0",
            "ResponseDescription": "Accept the service request successfully.",
        }))
        .into_response()
    }

    /// The result, with parameters when it went well.
    pub(super) fn result(&self, code: &str, transaction_id: &str, parameters: &[(&str, Value)]) -> String {
        let mut result = json!({
            "ResultType": 0,
            "ResultCode": code.parse::<i64>().map_or_else(|_| Value::from(code), Value::from),
            "ResultDesc": result_code::description(code),
            "OriginatorConversationID": self.originator_id,
            "ConversationID": self.id,
            "TransactionID": transaction_id,
            "ReferenceData": { "ReferenceItem": { "Key": "QueueTimeoutURL", "Value": "https://sandbox.invalid/" } },
        });
        if !parameters.is_empty() {
            let items: Vec<Value> = parameters.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            result["ResultParameters"] = json!({ "ResultParameter": items });
        }
        json!({ "Result": result }).to_string()
    }
}

/// Posts a result as the fault lets it.
pub(super) async fn post(world: &World, url: &str, fault: Option<&Fault>, body: String) {
    for pause in gate::webhook_pauses(fault) {
        sleep(pause).await;
        world.callbacks.post_json(url, None, body.clone()).await;
    }
}

/// A receipt nobody has had: ten capitals and digits.
pub(super) fn new_receipt(world: &World, book: &Book) -> String {
    loop {
        let receipt = world.random_alphanumeric(10);
        if book.is_new_receipt(&receipt) {
            return receipt;
        }
    }
}
